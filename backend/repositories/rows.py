"""Rows as records, made straight from what the driver returns.

A function is written for each set of columns that is selected, with no more in it than they need.
That takes a third of the time that SQLAlchemy's rows take on the way to a record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, NoReturn, Protocol, TypeVar

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

Record = TypeVar("Record")
Column = Any


class _Unread:
    """In the place of a column that was not selected: whatever is done with it fails."""

    def __bool__(self) -> NoReturn:
        raise AttributeError("This column was not read.")

    __eq__ = __bool__  # type: ignore[assignment]
    __hash__ = __bool__  # type: ignore[assignment]


UNREAD: Any = _Unread()


class RecordType(Protocol):
    """A named tuple whose fields are named as the columns are."""

    _fields: tuple[str, ...]


@lru_cache(maxsize=256)
def selected(columns: tuple[Column, ...], names: frozenset[str]) -> tuple[Column, ...]:
    """Those of the columns that have these names."""
    return tuple(each for each in columns if each.key in names)


async def records(
    connection: AsyncConnection,
    record: type[Record],
    columns: tuple[Column, ...],
    statement: Any,
    parameters: Any = None,
) -> list[Record]:
    """The records of a statement that selects these columns; rows whose first is null are left out.

    Fields of other names are ``UNREAD``.
    """
    result = await connection.execute(statement, parameters)
    rows = result.cursor.fetchall() if result.cursor else ()
    result.close()
    made: list[Record] = _maker(record, columns, connection.dialect)(rows)
    return made


@lru_cache(maxsize=512)
def _maker(record: Any, columns: tuple[Column, ...], dialect: Dialect) -> Callable[[Any], Any]:
    names: dict[str, Any] = {"new": tuple.__new__, "record": record, "unread": UNREAD}
    known = {column.key: f"v{index}" for index, column in enumerate(columns)}
    values = dict.fromkeys(record._fields, "unread") | known
    for column in columns:
        process = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            value = known[column.key]
            names[f"process_{value}"] = process
            values[column.key] = f"None if {value} is None else process_{value}({value})"
    fields = ", ".join(values[name] for name in record._fields)
    source = (
        f"lambda rows: [new(record, ({fields},)) for ({', '.join(known.values())},) in rows"
        " if v0 is not None]"
    )
    made: Callable[[Any], Any] = eval(source, names)  # noqa: S307
    return made
