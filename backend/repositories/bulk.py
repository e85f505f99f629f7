"""Many rows into one table at the least cost on the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, LargeBinary, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import send
from backend.repositories.dialects import takes_plain
from backend.repositories.many_rows import TOGETHER, insert_together

ROWS = 500
"""Values a statement names at the most."""

AT_ONCE = 4000
"""Rows sent together. The driver's thread stores them, and lets go of the interpreter's lock at
each statement; others on the event loop wait for no more than a look at all."""


async def insert_rows(
    connection: AsyncConnection,
    table: Any,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Stores rows given in the order of ``names``; the driver's errors come wrapped as always."""
    statement, converters = _prepared(table, names, connection.dialect)
    for start in range(0, len(rows), AT_ONCE):
        chunk = _values(rows[start : start + AT_ONCE], converters)
        if len(chunk) >= TOGETHER and takes_plain(connection.dialect):
            await insert_together(connection, table, names, chunk)
        else:
            await send(connection, statement, chunk)


def _values(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[tuple[int, Any]]
) -> Sequence[tuple[Any, ...]]:
    """The rows as the driver takes them, converted column by column: most values come often."""
    if not converters:
        return rows
    columns = list(zip(*rows, strict=True))
    for place, convert in converters:
        known = {value: convert(value) for value in set(columns[place]) if value is not None}
        columns[place] = tuple(map(known.get, columns[place]))
    return list(zip(*columns, strict=True))


@lru_cache(maxsize=64)
def _prepared(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[tuple[int, Any], ...]]:
    """An INSERT as the driver takes it, and what turns values into the driver's own.

    Core takes 21 µs a message to put the same parameters into the same order for every row, all of
    them on the event loop. Bytes are what SQLite's driver takes already.
    """
    compiled = insert(table).compile(dialect=dialect, column_keys=list(names))
    converters = [
        (place, table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
        for place, name in enumerate(names)
        if not (takes_plain(dialect) and isinstance(table.c[name].type, LargeBinary))
    ]
    return str(compiled), tuple((place, each) for place, each in converters if each is not None)
