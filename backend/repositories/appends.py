"""What has to be read before messages are added to several conversations at once."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Message
from backend.repositories.dialect_lists import given, in_words_of
from backend.repositories.prepared import Prepared
from backend.repositories.records import ConversationRecord
from backend.repositories.rows import records

_COLUMNS = tuple(getattr(Conversation, name) for name in ConversationRecord._fields)
_LISTS = {"ids": "uuid"}
_LOCK = f"""
SELECT {", ".join(f"c.{column.key}" for column in _COLUMNS)}
FROM {{ids}}
{{join}} conversations c ON c.owner_id = :owner AND c.id = ids.value
ORDER BY c.id {{locked}}
"""
_LAST = """
SELECT m.conversation_id, m.id, m.position
FROM {ids}
{join} conversations c ON c.owner_id = :owner AND c.id = ids.value
{join} messages m ON m.conversation_id = c.id AND m.owner_id = :owner
  AND m.position = c.message_count AND m.active {true}
"""
_LOCKED = Prepared(partial(in_words_of, template=_LOCK, lists=_LISTS))
_LAST_PLACES = Prepared(partial(in_words_of, template=_LAST, lists=_LISTS))


class Place(NamedTuple):
    """A message at the end of a conversation's active branch."""

    conversation_id: str
    id: str
    position: int


_PLACE_COLUMNS = (Message.conversation_id, Message.id, Message.position)


class AppendRepository:
    """One owner's conversations and where they end, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def lock(self, ids: Collection[str]) -> list[ConversationRecord]:
        """Those of the conversations that exist, kept from changing until the commit.

        They are locked in one order, and before the owner's row, as every other write does it.
        """
        parameters = {"owner": self._owner_id, "ids": given(self._connection, list(ids))}
        return await records(self._connection, ConversationRecord, _COLUMNS, _LOCKED, parameters)

    async def last_places(self, ids: Collection[str]) -> dict[str, Place]:
        """The last message of each conversation that has any. Asked once they are locked: what is
        asked in the statement that waits for a lock is as it was before."""
        parameters = {"owner": self._owner_id, "ids": given(self._connection, list(ids))}
        found = await records(self._connection, Place, _PLACE_COLUMNS, _LAST_PLACES, parameters)
        return {place.conversation_id: place for place in found}
