"""Where conversations and lists stand, of all owners at once: for the process, not a viewer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, ConversationTombstone, Owner

Place = tuple[int, str]
AT_ONCE = 300


async def conversation_revisions(
    connection: AsyncConnection, places: Sequence[Place]
) -> dict[Place, int]:
    """The revision of each conversation (owner, id); for a deleted one its tombstone's."""
    found: dict[Place, int] = {}
    for begin in range(0, len(places), AT_ONCE):
        some = places[begin : begin + AT_ONCE]
        for table, key in (
            (ConversationTombstone, ConversationTombstone.conversation_id),
            (Conversation, Conversation.id),
        ):
            named = [and_(table.owner_id == owner, key == each) for owner, each in some]
            statement = select(table.owner_id, key, table.revision).where(or_(*named))
            for owner, each, revision in await connection.execute(statement):
                found[(owner, each)] = revision
    return found


async def owner_revisions(connection: AsyncConnection, owners: Sequence[int]) -> dict[int, int]:
    """The newest place in the feed of each owner."""
    statement = select(Owner.id, Owner.revision).where(Owner.id.in_(owners))
    return {owner: revision for owner, revision in await connection.execute(statement)}  # noqa: C416
