"""Sending SQL as the driver takes it, by the shortest way a connection has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.driven import DrivenConnection
from backend.database.inloop import InloopConnection

Row = Sequence[Any]
Sent = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""


async def send(
    connection: AsyncConnection, statement: str, rows: Sequence[tuple[Any, ...]]
) -> Sequence[Row]:
    """Runs SQL once for each row of parameters; returns the rows of what is run once, as the
    driver makes them. The driver's errors come wrapped as always."""
    used: object = connection
    if isinstance(used, InloopConnection):
        return used.send(statement, rows)
    if isinstance(used, DrivenConnection):
        return await used.send(statement, rows)
    given = list(rows) if len(rows) > 1 else rows[0]
    result = await connection.exec_driver_sql(statement, given)
    if not result.returns_rows:
        return ()
    found: Sequence[Row] = result.cursor.fetchall()
    result.close()
    return found


async def send_both(
    connection: AsyncConnection, one: Sent, other: Sent
) -> tuple[Sequence[Row], Sequence[Row]]:
    """The rows of two statements that read, of which the first finds at most one: from the same
    state of the data where the database is in this process."""
    used: object = connection
    if isinstance(used, InloopConnection):
        return used.send_both(one, other)
    return (
        await send(connection, one[0], [one[1]]),
        await send(connection, other[0], [other[1]]),
    )
