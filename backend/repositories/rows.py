"""Rows as records, made straight from what the driver returns.

A function is written for each set of columns that is selected, with no more in it than they need.
That takes a third of the time that SQLAlchemy's rows take on the way to a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models.types import stored_moment
from backend.repositories.prepared import Prepared

Record = TypeVar("Record")
Column = Any


class _Unread:
    """In the place of a column that was not selected: whatever is done with it fails."""

    def __bool__(self) -> NoReturn:
        raise AttributeError("This column was not read.")

    __eq__ = __bool__  # type: ignore[assignment]
    __hash__ = __bool__


UNREAD: Any = _Unread()


_BARE: dict[Any, Any] = {stored_moment: datetime.fromisoformat}
"""What makes a value that is there, of what makes one that may be missing."""

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

    Fields of other names are ``UNREAD``.
    """
    rows: Sequence[Sequence[Any]]
    if isinstance(statement, Prepared):
        rows = await statement.rows(connection, parameters)
    else:
        result = await connection.execute(statement, parameters)
        rows = result.cursor.fetchall()
        result.close()
    make: Callable[[Any], list[Record]] = _maker(cast(Any, record), columns, connection.dialect)
    return make(rows)


@lru_cache(maxsize=512)
def _maker(record: Any, columns: tuple[Column, ...], dialect: Dialect) -> Callable[[Any], Any]:
    names: dict[str, Any] = {"new": tuple.__new__, "record": record, "unread": UNREAD}
    known = {column.key: f"v{index}" for index, column in enumerate(columns)}
    values = dict.fromkeys(record._fields, "unread") | known
    for column in columns:
        process = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            value = known[column.key]
            names[f"process_{value}"] = _BARE.get(process, process)
            may_lack = getattr(column, "nullable", True)
            made_value = f"process_{value}({value})"
            maybe = f"None if {value} is None else {made_value}" if may_lack else made_value
            values[column.key] = maybe
    fields = ", ".join(values[name] for name in record._fields)
    source = (
        f"lambda rows: [new(record, ({fields},)) for ({', '.join(known.values())},) in rows"
        " if v0 is not None]"
    )
    made: Callable[[Any], Any] = eval(source, names)  # noqa: S307
    return made
