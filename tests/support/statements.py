"""Counts what is asked of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from backend.database.database import Database


@dataclass(slots=True)
class Statement:
    """One statement, with its parameters as the driver got them, and the rows it returned."""

    sql: str
    parameters: Any
    rows: int = 0


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
    """Listens on every engine of a database."""
    statements = Statements()

    def after_execute(
        _connection: Any, cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if not sql.startswith("BEGIN"):
            statement = Statement(sql, parameters)
            statements.seen.append(statement)
            _count_rows(cursor, statement)

    for engine in database.engines:
        event.listen(engine, "after_cursor_execute", after_execute)
    yield statements
    for engine in database.engines:
        event.remove(engine, "after_cursor_execute", after_execute)


def _count_rows(cursor: Any, statement: Statement) -> None:
    """Asynchronous drivers' cursors hold all rows by now; sqlite3's makes them one by one."""
    fetched = getattr(cursor, "_rows", None)
    if fetched is not None:
        statement.rows = len(fetched)
        return

    def count(_cursor: Any, row: Any) -> Any:
        statement.rows += 1
        return row

    cursor.row_factory = count
