"""Statements of which everything is known beforehand, compiled once for each database.

Sent as the driver takes them, they cost a third of what Core takes to find and fill in what it has
compiled. They are for those that every write or every request sends: no lists as parameters, no
defaults of columns, rows as the driver makes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Boolean, Dialect, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import Row, Sent, send
from backend.models.types import Id

Convert = Callable[[Any], Any] | None
Take = Callable[[dict[str, Any]], tuple[Any, ...]]
Compiled = tuple[str, Take]
"""SQL, and what makes its parameters, as the driver takes them, of what is given by name."""


class Prepared:
    """One statement, or what makes it for a database; its parameters have names, all of which
    must be given."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[type[Dialect], Compiled] = {}
        self._results: dict[type[Dialect], tuple[Convert, ...]] = {}

    def rows(self, connection: AsyncConnection, given: dict[str, Any]) -> Awaitable[Sequence[Row]]:
        """The rows the statement returns, as the driver makes them; its errors come wrapped as
        always."""
        statement, parameters = self.filled_in(connection, given)
        return send(connection, statement, [parameters])

    def filled_in(self, connection: AsyncConnection, given: dict[str, Any]) -> Sent:
        """What is sent where these are given, which may be more than it takes."""
        found = self._compiled.get(type(connection.dialect)) or self._for(connection.dialect)
        return found[0], found[1](given)

    async def first(self, connection: AsyncConnection, given: dict[str, Any]) -> Row | None:
        """The first row the statement returns, as the driver makes it."""
        rows = await self.rows(connection, given)
        return rows[0] if rows else None

    async def run(self, connection: AsyncConnection, *given: dict[str, Any]) -> None:
        """Runs the statement once for each set of parameters, of which there is at least one."""
        found = self._for(connection.dialect)
        await send(connection, found[0], [found[1](each) for each in given])

    def _for(self, dialect: Dialect) -> Compiled:
        found = self._compiled.get(type(dialect))
        if found is None:
            found = self._compiled[type(dialect)] = self._compile(dialect)
        return found

    async def row(
        self, connection: AsyncConnection, given: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        """The first row of a SELECT, its values as Core would make them; None where there is none.

        Whoever takes ``rows`` gets them as the driver makes them.
        """
        found = await self.first(connection, given)
        if found is None:
            return None
        dialect = connection.dialect
        converts = self._results.get(type(dialect))
        if converts is None:
            converts = self._results[type(dialect)] = tuple(
                column.type.dialect_impl(dialect).result_processor(dialect, None)
                for column in self._statement.selected_columns
            )
        return tuple(
            [
                value if convert is None else _converted(convert, value)
                for value, convert in zip(found, converts, strict=True)
            ]
        )

    def _compile(self, dialect: Dialect) -> Compiled:
        statement = self._statement(dialect) if callable(self._statement) else self._statement
        compiled = statement.compile(dialect=dialect)
        converters = {name: _converter(bind.type, dialect) for name, bind in compiled.binds.items()}
        places = tuple((name, converters[name]) for name in compiled.positiontup)
        constants = {
            name: compiled.binds[name].value
            for name, _ in places
            if not compiled.binds[name].required
        }
        return str(compiled), _taking(constants, places)


class PreparedOfIds:
    """A statement that takes any number of ids: prepared once for each power of two.

    ``build`` makes it from the ids' parameters, for an ``IN``. One id is given again and again
    until they are as many as the statement takes, which finds no row twice.
    """

    def __init__(self, build: Callable[[list[BindParameter[Any]]], Any]) -> None:
        self._build = build
        self._sizes: dict[int, Prepared] = {}

    def of(self, ids: Sequence[str]) -> tuple[Prepared, dict[str, Any]]:
        """The statement for so many ids, and its parameters."""
        names = _names(1 << max(len(ids) - 1, 0).bit_length())
        statement = self._sizes.get(len(names))
        if statement is None:
            parameters = [bindparam(name, type_=Id) for name in names]
            statement = self._sizes[len(names)] = Prepared(self._build(parameters))
        padding = repeat(ids[-1] if ids else None, len(names) - len(ids))
        return statement, dict(zip(names, chain(ids, padding), strict=True))


@lru_cache(maxsize=32)
def _names(size: int) -> tuple[str, ...]:
    return tuple(f"id_{number}" for number in range(size))


def _converter(kind: Any, dialect: Dialect) -> Convert:
    """What makes a value of this type one of the driver's; None where that is the same."""
    if isinstance(kind, Boolean):
        return None  # Every driver takes a truth value as it is.
    convert: Convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _taking(constants: dict[str, Any], places: Sequence[tuple[str, Convert]]) -> Take:
    names = [name for name, _ in places]
    if len(names) > 1 and all(convert is None for _, convert in places):
        picked = itemgetter(*names)
        return (lambda given: picked(constants | given)) if constants else picked

    def take(given: dict[str, Any]) -> tuple[Any, ...]:
        given = constants | given
        return tuple(
            [
                given[name] if convert is None else _converted(convert, given[name])
                for name, convert in places
            ]
        )

    return take


async def update_rows(
    connection: AsyncConnection, model: Any, owner_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    """Changes the same columns of some of an owner's rows, which hold their ids too."""
    names = frozenset(rows[0]) - {"id"}
    given = [{"owner": owner_id, **{f"new_{name}": row[name] for name in row}} for row in rows]
    await _update(model, names).run(connection, *given)


@lru_cache(maxsize=256)
def _update(model: Any, names: frozenset[str]) -> Prepared:
    values = {name: bindparam(f"new_{name}", type_=getattr(model, name).type) for name in names}
    is_the_one = (model.owner_id == bindparam("owner"), model.id == bindparam("new_id"))
    return Prepared(update(model).where(*is_the_one).values(values))


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)
