"""Many rows by few statements, for SQLite, whose driver is given one row's values at a time.

To begin and end a statement costs half as much as to store a row, and letting go of the
interpreter's lock and taking it again, four times a statement, is part of that. Nor is the driver
asked what to make of a NULL where all rows have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import LargeBinary, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import send

TOGETHER = 200
"""Rows of one statement, of which a table has at most twenty-odd values: SQLite takes 32,766."""

LIGHT = 4096
"""Bytes of text that rows may have on average: a statement holds a copy of all that it is given."""

Columns = Sequence[tuple[Any, ...]]
Form = tuple[Table, tuple[str, ...], tuple[bool, ...], int | None]
"""A table, columns of it, which of these have values, and the owner where he is not one of them."""


async def insert_together(
    connection: AsyncConnection,
    table: Any,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    owner_id: int | None = None,
) -> None:
    """Stores rows, at least one, given as the driver takes them in the order of ``names``; the
    owner, where he is given, is the same for all."""
    columns = list(zip(*rows, strict=True))
    filled = tuple(not _is_empty(column) for column in columns)
    used = [column for column, has_values in zip(columns, filled, strict=True) if has_values]
    form = (table, names, filled, owner_id)
    whole = len(rows) // TOGETHER * TOGETHER if _is_light(table, names, columns) else 0
    if whole:
        await send(connection, _statement(form, TOGETHER), list(_values(used, whole)))
    if whole < len(rows):
        rest = list(zip(*(column[whole:] for column in used), strict=True))
        await send(connection, _statement(form, 1), rest)


def _is_empty(column: tuple[Any, ...]) -> bool:
    return column[0] is None and column.count(None) == len(column)


def _is_light(table: Table, names: tuple[str, ...], columns: Columns) -> bool:
    """Whether the rows are short, so that many of them may be held twice."""
    weight = sum(
        sum(map(len, filter(None, column)))
        for name, column in zip(names, columns, strict=True)
        if isinstance(table.c[name].type, Text | LargeBinary)
    )
    return weight <= LIGHT * len(columns[0])


def _values(columns: Columns, count: int) -> Iterator[tuple[Any, ...]]:
    """The values of so many rows, those of ``TOGETHER`` rows in one tuple."""
    for start in range(0, count, TOGETHER):
        some = [column[start : start + TOGETHER] for column in columns]
        yield tuple(chain.from_iterable(zip(*some, strict=True)))


@lru_cache(maxsize=64)
def _statement(form: Form, rows: int) -> str:
    table, names, filled, owner_id = form
    places = ["?" if has_values else "NULL" for has_values in filled]
    if owner_id is not None:
        names, places = ("owner_id", *names), [str(owner_id), *places]
    row = f"({', '.join(places)})"
    # Names of our own and a number.
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([row] * rows)}"  # noqa: S608
