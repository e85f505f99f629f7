"""The queue of chunks that wait for vectors, over all owners, for those who work it off.

A lease is known by the moment it ends: nobody else's ends in the same microsecond, and if it did,
both would do the work and one result would be kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import case, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import QueuedChunk

FRESH = datetime(1970, 1, 1, tzinfo=UTC)
"""When what was just said is due: before all that came in bulk."""

BULK = datetime(1970, 1, 2, tzinfo=UTC)
"""When what was imported, or is to be made up for, is due."""


class Place(NamedTuple):
    """A chunk's place in the queue, and how often the model refused it."""

    owner_id: int
    number: int
    attempts: int


class Waiting(NamedTuple):
    """How many chunks wait for a model, and how many of them it refused before."""

    chunks: int
    refused: int


_KEY = (QueuedChunk.owner_id, QueuedChunk.number)


async def anything_due(connection: AsyncConnection, model_id: int, now: datetime) -> bool:
    """Whether there is a chunk that may be taken."""
    chosen = select(QueuedChunk.number).where(
        QueuedChunk.model_id == model_id, QueuedChunk.due_at <= now
    )
    return (await connection.execute(chosen.limit(1))).first() is not None


async def lease(
    connection: AsyncConnection, model_id: int, now: datetime, until: datetime, count: int
) -> list[Place]:
    """Takes chunks that are due, the most urgent first; nobody else gets them before ``until``."""
    due = select(*_KEY).where(QueuedChunk.model_id == model_id, QueuedChunk.due_at <= now)
    order = (QueuedChunk.due_at, QueuedChunk.owner_id, QueuedChunk.number)
    return await _move(connection, model_id, due.order_by(*order).limit(count), due_at=until)


async def renew(
    connection: AsyncConnection, model_id: int, until: datetime, later: datetime
) -> None:
    """Moves the end of a lease."""
    held = select(*_KEY).where(QueuedChunk.model_id == model_id, QueuedChunk.due_at == until)
    await _move(connection, model_id, held, due_at=later)


async def postpone(
    connection: AsyncConnection, model_id: int, place: Place, until: datetime
) -> None:
    """Puts off a chunk that the model refused."""
    one = select(*_KEY).where(
        QueuedChunk.model_id == model_id,
        QueuedChunk.owner_id == place.owner_id,
        QueuedChunk.number == place.number,
    )
    await _move(connection, model_id, one, due_at=until, attempts=place.attempts + 1)


async def count_waiting(connection: AsyncConnection) -> dict[int, Waiting]:
    """How many wait, by model."""
    refused = func.sum(case((QueuedChunk.attempts > 0, 1), else_=0))
    chosen = select(QueuedChunk.model_id, func.count(), refused).group_by(QueuedChunk.model_id)
    return {row[0]: Waiting(row[1], row[2]) for row in await connection.execute(chosen)}


async def _move(
    connection: AsyncConnection, model_id: int, chosen: Any, **values: Any
) -> list[Place]:
    """Updates places; those that somebody else is changing are left to him, so that nobody waits
    for a deletion that waits for us."""
    # As an expression of its own it is run once, whatever the plan.
    places = chosen.with_for_update(skip_locked=True).cte("places")
    moved = (
        update(QueuedChunk)
        .where(QueuedChunk.model_id == model_id, tuple_(*_KEY).in_(select(places)))
        .values(**values)
        .returning(*_KEY, QueuedChunk.attempts)
    )
    return [Place._make(row) for row in await connection.execute(moved)]


async def forget_places(connection: AsyncConnection, model_id: int, count: int) -> int:
    """Takes some places out of the queue of a model; how many."""
    some = select(*_KEY).where(QueuedChunk.model_id == model_id).limit(count).cte("places")
    gone = delete(QueuedChunk).where(
        QueuedChunk.model_id == model_id, tuple_(*_KEY).in_(select(some))
    )
    return (await connection.execute(gone)).rowcount
