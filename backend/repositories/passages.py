"""What stands next to messages on the branch that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Message
from backend.repositories.chunks import filled
from backend.repositories.dialect_lists import given, statement
from backend.repositories.records import MessageRecord

_NEXT = f"""
SELECT {", ".join(f"n.{name}" for name in MessageRecord._fields)}
FROM {{ids}}
{{join}} messages m ON m.owner_id = :owner AND m.id = ids.value
{{join}} messages n ON n.owner_id = :owner AND n.conversation_id = m.conversation_id
   AND n.active {{true}} AND n.position = m.position + 1
WHERE m.active {{true}}
"""  # noqa: S608 - the names of our own columns
_TYPES = {name: Message.__table__.c[name].type for name in MessageRecord._fields}


class PassageRepository:
    """One owner's messages in their places, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def following(self, ids: Sequence[str]) -> list[MessageRecord]:
        """The next message after each of these that are on the active branch, in no order."""
        made = statement(self._connection, _NEXT, {"ids": "uuid"}).columns(**_TYPES)
        parameters = {"owner": self._owner_id, "ids": given(self._connection, ids)}
        rows = [
            MessageRecord._make(row) for row in await self._connection.execute(made, parameters)
        ]
        return await filled(self._connection, self._owner_id, rows)
