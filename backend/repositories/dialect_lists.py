"""Statements that take whole lists as one parameter, in the words of either database.

A parameter for each of four hundred values takes the database longer to parse than to answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories.prepared import Prepared

_SQLITE = {
    "list": "json_each(:{name}) {name}",
    # A plain join would let the planner begin with the large table.
    "join": "CROSS JOIN",
    # An index of some rows serves a condition that is written as its own is.
    "true": "= 1",
    # Whoever writes holds the whole file.
    "locked": "",
    "rows": "json_group_array(json_array(",
    "end_of_rows": "))",
    "lines": "group_concat(",
    "end_of_lines": ", char(10))",
}
_POSTGRESQL = {
    "list": "unnest(CAST(:{name} AS {kind}[])) AS {name}(value)",
    "join": "JOIN",
    "true": "",
    "locked": "FOR UPDATE OF c",
    "rows": "CAST(json_agg(json_build_array(",
    "end_of_rows": ")) AS TEXT)",
    "lines": "string_agg(",
    "end_of_lines": ", chr(10))",
}


def statement(
    connection: AsyncConnection,
    template: str,
    lists: Mapping[str, str] | None = None,
    numbers: Sequence[str] = (),
) -> TextClause:
    """The statement of a template: ``{join}`` is an inner join in the order it is written in, and
    ``{name}`` of each of ``lists`` (name and element type: bigint, text, uuid) a table
    ``name(value)``; ``{true}`` follows a column that shall be true; ``{locked}`` at the end locks
    the rows of ``c``. ``{rows}`` and ``{end_of_rows}`` stand around the columns of rows that come
    as one text, for ``gathered``, ``{lines}`` and ``{end_of_lines}`` around what comes as lines of
    one text: a row by itself costs as much as what is in it. Parameters named in ``numbers`` are
    whole numbers.
    """
    return in_words_of(connection.dialect, template, lists, numbers)


def in_words_of(
    dialect: Dialect,
    template: str,
    lists: Mapping[str, str] | None = None,
    numbers: Sequence[str] = (),
) -> TextClause:
    """The same by the dialect."""
    kinds = tuple(sorted((lists or {}).items()))
    return _made(dialect.name == "sqlite", template, kinds, tuple(numbers))


def prepared(
    connection: AsyncConnection, template: str, lists: Mapping[str, str] | None = None
) -> Prepared:
    """The same, compiled once for all."""
    kinds = tuple(sorted((lists or {}).items()))
    return _prepared(connection.dialect.name == "sqlite", template, kinds)


async def fetched(
    connection: AsyncConnection,
    template: str,
    parameters: dict[str, Any],
    lists: Mapping[str, str] | None = None,
) -> list[tuple[Any, ...]]:
    """What such a statement returns, as the driver makes it."""
    rows = await prepared(connection, template, lists).rows(connection, parameters)
    return [tuple(row) for row in rows]


@lru_cache(maxsize=128)
def _prepared(is_sqlite: bool, template: str, lists: tuple[tuple[str, str], ...]) -> Prepared:
    return Prepared(_made(is_sqlite, template, lists, ()))


def gathered(rows: str | None) -> list[list[Any]]:
    """The rows of such a text, their values as JSON has them: of a moment its ISO 8601."""
    found: list[list[Any]] = orjson.loads(rows) if rows else []
    return found


def given(connection: AsyncConnection, values: Sequence[Any]) -> Any:
    """A list as the parameter of such a statement."""
    return json.dumps(list(values)) if connection.dialect.name == "sqlite" else list(values)


@lru_cache(maxsize=128)
def _made(
    is_sqlite: bool, template: str, lists: tuple[tuple[str, str], ...], numbers: tuple[str, ...]
) -> TextClause:
    words = _SQLITE if is_sqlite else _POSTGRESQL
    tables = {name: words["list"].format(name=name, kind=kind) for name, kind in lists}
    made = text(template.format(**words, **tables))
    whole = [name for name in ("owner", *numbers) if f":{name}" in template]
    return made.bindparams(*(bindparam(name, type_=BigInteger()) for name in whole))
