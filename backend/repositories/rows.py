"""Rows as records, made straight from what the driver returns.

Where all columns are selected, a function is written with no more in it than they need: that takes
a third of the time that SQLAlchemy's rows take on the way to a record. Where only some are, a row
stays as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Dialect, Uuid
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models.types import stored_moment
from backend.repositories.prepared import Prepared
from backend.repositories.thin import Make, ThinRows, thin_record

Record = TypeVar("Record")
Column = Any


_BARE: dict[Any, Any] = {stored_moment: datetime.fromisoformat}
"""What makes a value that is there, of what makes one that may be missing."""
_MOMENTS = (stored_moment, _BARE[stored_moment])

CHOICES = 24
"""Choices among a table's columns that are read exactly. Each has statements of its own, which take
50 KB and a few milliseconds to make; clients that select ever other fields share what there is."""

_choices: dict[tuple[Column, ...], dict[frozenset[str], tuple[Column, ...]]] = {}


@lru_cache(maxsize=256)
def chosen_columns(columns: tuple[Column, ...], names: frozenset[str] | None) -> tuple[Column, ...]:
    """Those of the columns that have these names, and maybe more, or all. The same choice is the
    same tuple."""
    if names is None:
        return columns
    known = _choices.setdefault(columns, {frozenset(each.key for each in columns): columns})
    wanted = frozenset(each.key for each in columns if each.key in names)
    if wanted not in known and len(known) < CHOICES:
        known[wanted] = tuple(each for each in columns if each.key in wanted)
    return known[min((each for each in known if wanted <= each), key=len)]


async def records(
    connection: AsyncConnection,
    record: type[Record],
    columns: tuple[Column, ...],
    statement: Any,
    parameters: Any = None,
) -> list[Record]:
    """The records of a statement that selects these columns; rows whose first is null are left out.

    Fields of other names are unread, and fail whatever is done with them.
    """
    return as_records(connection, record, columns, await raw(connection, statement, parameters))


async def raw(
    connection: AsyncConnection, statement: Any, parameters: Any = None
) -> Sequence[Sequence[Any]]:
    """The rows of a statement as the driver makes them."""
    if isinstance(statement, Prepared):
        return await statement.rows(connection, parameters)
    result = await connection.execute(statement, parameters)
    rows: Sequence[Sequence[Any]] = result.cursor.fetchall()
    result.close()
    return rows


@lru_cache(maxsize=512)
def value_of(columns: tuple[Column, ...], name: str) -> Callable[[Sequence[Any]], Any]:
    """What takes a value, as the driver has it, of a row of these columns."""
    return itemgetter([each.key for each in columns].index(name))


def as_records(
    connection: AsyncConnection,
    record: type[Record],
    columns: tuple[Column, ...],
    rows: Sequence[Sequence[Any]],
) -> list[Record]:
    """The records of rows of these columns; those whose first value is null are left out."""
    kind: Any = record
    make: Callable[[Any], list[Record]] = _maker(kind, columns, connection.dialect)
    return make(rows)


def row_sequence(
    connection: AsyncConnection,
    record: type[Record],
    columns: tuple[Column, ...],
    rows: Sequence[Sequence[Any]],
) -> Sequence[Record]:
    """The same as they are needed: records of some columns are made when they are looked at. Rows
    whose first value is null are not left out."""
    kind: Any = record
    if len(columns) < len(kind._fields):
        return ThinRows(_thin_kind(kind, columns, connection.dialect), rows)
    width = len(columns)
    if rows and len(rows[0]) > width:
        rows = [row[:width] for row in rows]
    return as_records(connection, record, columns, rows)


@lru_cache(maxsize=512)
def _thin_kind(record: Any, columns: tuple[Column, ...], dialect: Dialect) -> Any:
    keys, makes = [column.key for column in columns], [_make(each, dialect) for each in columns]
    texts = [key for key, make in zip(keys, makes, strict=True) if make in _MOMENTS]
    return thin_record(record, keys, makes, texts)


@lru_cache(maxsize=512)
def _maker(record: Any, columns: tuple[Column, ...], dialect: Dialect) -> Callable[[Any], Any]:
    if len(columns) < len(record._fields):
        return _thin(_thin_kind(record, columns, dialect))
    makes = [_make(column, dialect) for column in columns]
    names: dict[str, Any] = {"new": tuple.__new__, "record": record}
    values: dict[str, str] = {}
    for index, (column, make) in enumerate(zip(columns, makes, strict=True)):
        value = values[column.key] = f"v{index}"
        if make is not None:
            names[f"make_{value}"] = make
            made = f"make_{value}({value})"
            values[column.key] = (
                f"None if {value} is None else {made}" if _nullable(column) else made
            )
    fields = ", ".join(values[name] for name in record._fields)
    row = ", ".join(f"v{index}" for index in range(len(columns)))
    source = f"lambda rows: [new(record, ({fields},)) for ({row},) in rows if v0 is not None]"
    written: Callable[[Any], Any] = eval(source, names)  # noqa: S307
    return written


def _thin(record: Any) -> Callable[[Any], Any]:
    new = tuple.__new__
    return lambda rows: [new(record, row) for row in rows if row[0] is not None]


def _make(column: Column, dialect: Dialect) -> Make:
    """What makes a column's value of the driver's; None where it is the same."""
    kind = column.type.dialect_impl(dialect)
    if isinstance(kind, Uuid):
        return None  # the driver was told to give text
    make: Make = kind.result_processor(dialect, None)
    return make if make is None or _nullable(column) else _BARE.get(make, make)


def _nullable(column: Column) -> bool:
    return bool(getattr(column, "nullable", True))
