"""Owners: from the name the outside world uses to the number in every key."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Owner
from backend.repositories.prepared import Prepared

NOBODY = -1
"""The number of an owner who has stored nothing: no row carries it."""

_BY_NAME = select(Owner.id).where(Owner.name == bindparam("name"))
_BEGIN = text(
    "INSERT INTO owners (name, revision, is_indexed, created_at) VALUES (:name, 0, true, :now)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("now", type_=Owner.created_at.type))
_ADVANCE = Prepared(
    update(Owner)
    .where(Owner.id == bindparam("owner"))
    .values(revision=Owner.revision + bindparam("count"))
    .returning(Owner.revision)
)


async def find_owner(connection: AsyncConnection, name: str) -> int | None:
    """The owner's number, or None where he has stored nothing yet."""
    return await connection.scalar(_BY_NAME, {"name": name})


async def ensure_owner(connection: AsyncConnection, name: str) -> int:
    """The owner's number, which he is given now where he has none."""
    found = await find_owner(connection, name)
    if found is not None:
        return found
    # Another process may give him one in the meantime.
    await connection.execute(_BEGIN, {"name": name, "now": datetime.now(UTC)})
    return (await connection.execute(_BY_NAME, {"name": name})).scalar_one()


async def next_owner_revision(connection: AsyncConnection, owner_id: int, count: int = 1) -> int:
    """The next place in the owner's feed, or the last of so many.

    The row stays locked until the commit, so places become visible in the order they were given.
    """
    ((revision,),) = await _ADVANCE.rows(connection, {"owner": owner_id, "count": count})
    return int(revision)
