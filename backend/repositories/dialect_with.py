"""Statements that change several tables at once, on the database whose WITH may do so.

Every statement is a journey to the server and back, which costs more than most of what is done
there. Rows that are to be found come as one list for each column, those to be stored as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import Dialect, Table, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories.prepared import Prepared


def changes_in_with(connection: AsyncConnection) -> bool:
    """Whether these statements can be used."""
    return connection.dialect.name == "postgresql"


class Source(Protocol):
    """Rows that are given to a statement."""

    def source(self, dialect: Dialect) -> str:
        """What stands behind FROM: ``v``, with the columns and ``place``, which counts from 1."""

    def listed(self, prefix: str = "") -> str:
        """The columns' names, with commas between them."""

    def given(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The parameters of rows, of which there is at least one."""


class Columns:
    """Some columns of a table, each given as a list that is a parameter."""

    def __init__(self, model: Any, names: Sequence[str], **others: str) -> None:
        """``others`` are names for more values of a column's type."""
        self.names = (*names, *others)
        self._table: Table = model.__table__
        self._columns = (*names, *others.values())
        self._keys = [f"{self._table.name}_{name}" for name in self.names]

    def source(self, dialect: Dialect) -> str:
        """What stands behind FROM: ``v``, with the columns and ``place``, which counts from 1."""
        lists = (
            f"CAST(:{key} AS {self._table.c[column].type.compile(dialect)}[])"
            for key, column in zip(self._keys, self._columns, strict=True)
        )
        return f"unnest({', '.join(lists)}) WITH ORDINALITY AS v({self.listed()}, place)"

    def listed(self, prefix: str = "") -> str:
        """The columns' names, with commas between them."""
        return ", ".join(prefix + name for name in self.names)

    def given(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The parameters of rows, of which there is at least one."""
        return dict(zip(self._keys, map(list, zip(*rows, strict=True)), strict=True))


class Rows:
    """Some columns of a table, whose rows are given as one parameter.

    The driver looks at every value of a list several times, which takes it longer than all else it
    does with a write. The planner knows nothing of how many rows there are, so they are for being
    stored, not for looking other rows up.
    """

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._table: Table = model.__table__
        self._key = f"{self._table.name}_rows"

    def source(self, dialect: Dialect) -> str:
        """What stands behind FROM: ``v``, with the columns and ``place``, which counts from 1."""
        types = (f"{name} {self._table.c[name].type.compile(dialect)}" for name in self._names)
        rows = (
            f"json_to_recordset(CAST(CAST(:{self._key} AS text) AS json)) AS ({', '.join(types)})"
        )
        return f"ROWS FROM ({rows}) WITH ORDINALITY AS v({self.listed()}, place)"

    def listed(self, prefix: str = "") -> str:
        """The columns' names, with commas between them."""
        return ", ".join(prefix + name for name in self._names)

    def given(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The parameters of rows, of which there is at least one."""
        said = [
            {name: value for name, value in zip(self._names, row, strict=True) if value is not None}
            for row in rows
        ]
        # orjson's own form of a moment rounds an offset of seconds.
        return {self._key: orjson.dumps(said, _moment, orjson.OPT_PASSTHROUGH_DATETIME).decode()}


def _moment(value: datetime) -> str:
    return value.isoformat()


def prepared(template: str, **lists: Source) -> Prepared:
    """A statement in which ``{name}`` of each of ``lists`` is its source, ``{name_columns}`` are
    its columns and ``{name_values}`` the source's."""

    def make(dialect: Dialect) -> TextClause:
        words = {}
        for name, columns in lists.items():
            words[name] = columns.source(dialect)
            words[f"{name}_columns"] = columns.listed()
            words[f"{name}_values"] = columns.listed("v.")
        return text(template.format(**words))

    return Prepared(make)
