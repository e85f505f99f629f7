"""Statements that take whole lists as one parameter, in the words of either database.

A parameter for each of four hundred values takes the database longer to parse than to answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection


def statement(
    connection: AsyncConnection,
    template: str,
    lists: Mapping[str, str] | None = None,
    numbers: Sequence[str] = (),
) -> TextClause:
    """The statement of a template: ``{join}`` is an inner join in the order it is written in, and
    ``{name}`` of each of ``lists`` (name and element type: bigint, text, uuid) a table
    ``name(value)``; ``{true}`` follows a column that shall be true; ``{locked}`` at the end locks
    the rows of ``c``. Parameters named in ``numbers`` are whole numbers.
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


def given(connection: AsyncConnection, values: Sequence[Any]) -> Any:
    """A list as the parameter of such a statement."""
    return json.dumps(list(values)) if connection.dialect.name == "sqlite" else list(values)


@lru_cache(maxsize=128)
def _made(
    is_sqlite: bool, template: str, lists: tuple[tuple[str, str], ...], numbers: tuple[str, ...]
) -> TextClause:
    if is_sqlite:
        tables = {name: f"json_each(:{name}) {name}" for name, _ in lists}
        # A plain join would let the planner begin with the large table.
        join = "CROSS JOIN"
        # An index of some rows serves a condition that is written as its own is.
        true = "= 1"
        # Whoever writes holds the whole file.
        locked = ""
    else:
        tables = {
            name: f"unnest(CAST(:{name} AS {kind}[])) AS {name}(value)" for name, kind in lists
        }
        join, true, locked = "JOIN", "", "FOR UPDATE OF c"
    made = text(template.format(join=join, true=true, locked=locked, **tables))
    whole = [name for name in ("owner", *numbers) if f":{name}" in template]
    return made.bindparams(*(bindparam(name, type_=BigInteger()) for name in whole))
