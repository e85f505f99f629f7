"""Counts what is asked of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from backend.database.database import Database


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, with its parameters as the driver got them, and the rows it returned."""

    sql: str
    parameters: Any
    rows: int


@dataclass
class Statements:
    """The statements since the last ``clear``; what only opens a transaction is left out."""

    seen: list[Statement] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many statements were sent."""
        return len(self.seen)

    @property
    def rows(self) -> int:
        """How many rows came back."""
        return sum(statement.rows for statement in self.seen)

    def clear(self) -> None:
        """Starts counting anew."""
        self.seen.clear()


@contextmanager
def counted(database: Database) -> Iterator[Statements]:
    """Listens on both doors of a database."""
    statements = Statements()

    def after_execute(
        _connection: Any, cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if not sql.startswith("BEGIN"):
            # Both drivers' cursors hold all rows once the statement has run.
            statements.seen.append(Statement(sql, parameters, len(cursor._rows)))

    engines = [database._reader.sync_engine, database._writer.sync_engine]
    for engine in engines:
        event.listen(engine, "after_cursor_execute", after_execute)
    yield statements
    for engine in engines:
        event.remove(engine, "after_cursor_execute", after_execute)
