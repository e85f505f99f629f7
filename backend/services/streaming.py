"""Messages that are written while they are read: begun, appended to, finished.

An append is acknowledged once it is stored. It says at which offset, in characters (code points),
its text starts, so that one sent twice changes nothing and one that went missing is noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backend import limits
from backend.errors import Conflict, Invalid, OffsetMismatch, TooLarge
from backend.repositories.chunks import STREAMING, ChunkRecord, list_streaming
from backend.repositories.records import MessageRecord
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.appending import Chain
from backend.services.counting import ready_to_count
from backend.services.drafts import (
    MessageDraft,
    Usage,
    body_values,
    message_values,
    optional_text,
    usage_values,
)
from backend.services.editing import ConversationEdit
from backend.utils.message_parts import MessagePart, content_of, text_part
from backend.utils.text_processor import count_tokens, normalise

FINAL = ("complete", "incomplete", "failed")


class StreamingService:
    """Writes messages piece by piece on behalf of a viewer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(
        self,
        viewer: Viewer,
        conversation_id: str,
        draft: MessageDraft,
        *,
        parent_id: str | None = None,
    ) -> MessageRecord:
        """Adds a message without text that text can be appended to.

        One that was begun under the same id is returned as it is. Raises NotFound, Invalid,
        Conflict.
        """
        await ready_to_count()
        values = message_values(replace(draft, content=""))

        async def start(unit: WriteUnit) -> MessageRecord:
            edit = await ConversationEdit.begin(unit, conversation_id)
            chain = Chain(edit, compared=("role", "name", "model", "metadata_json"))
            await chain.hang_below(parent_id)
            return (await chain.append([(draft, {**values, "status": STREAMING})]))[0]

        return await self._store.briefly(viewer, start)

    async def append(self, viewer: Viewer, message_id: str, offset: int, text: str) -> int:
        """Stores text that starts at an offset and returns the offset of what comes next.

        Raises NotFound, TooLarge, Conflict where the message is finished, and OffsetMismatch where
        the text neither joins on nor repeats a stored piece.
        """
        clean = normalise(text)

        async def append(unit: WriteUnit) -> int:
            edit = await _open(unit, message_id)
            last = await unit.chunks.last(message_id)
            end = last.start + len(last.text) if last else 0
            if offset != end or not clean:
                return await _repeated(unit, message_id, offset, clean, end)
            size = (last.bytes_end if last else 0) + len(clean.encode())
            if size > limits.CONTENT_BYTES:
                raise TooLarge(
                    f"A message takes at most {limits.CONTENT_BYTES} bytes of text.",
                    field=("text",),
                )
            chunk = ChunkRecord(message_id, offset, clean, size, edit.next_revision())
            await unit.chunks.add(edit.id, chunk, edit.now)
            await edit.finish_quietly()
            return end + len(clean)

        return await self._store.briefly(viewer, append)

    async def finish(
        self,
        viewer: Viewer,
        message_id: str,
        *,
        status: str = "complete",
        finish_reason: str | None = None,
        usage: Usage | None = None,
        parts: Sequence[MessagePart] | None = None,
    ) -> MessageRecord:
        """Makes what was appended the message's text, and closes it.

        ``parts`` may add what is not text; their text must be what was appended. A message that is
        closed already in the same way is returned as it is. Raises NotFound, Invalid, Conflict.
        """
        if status not in FINAL:
            raise Invalid(f"status must be one of {', '.join(FINAL)}.", field=("status",))
        reason = optional_text(finish_reason, ("finishReason",))
        await ready_to_count()

        async def finish(unit: WriteUnit) -> MessageRecord:
            found = await unit.messages.get(message_id)
            edit = await ConversationEdit.begin(unit, found.conversation_id)
            message = await unit.messages.get(message_id)
            if message.status != STREAMING:
                return _closed(message, status, reason)
            values = {
                **_body(message.content, parts),
                **(usage_values(usage, ("usage",)) if usage else {}),
                "status": status,
                "finish_reason": reason,
                "revision": edit.next_revision(),
            }
            await unit.messages.update(message.id, **values)
            await unit.chunks.delete(message.id)
            await edit.finish()
            return message._replace(**values)

        return await self._store.briefly(viewer, finish)

    async def close_abandoned(self, idle: timedelta | None = None) -> int:
        """Makes messages that nobody writes any more INCOMPLETE, their text kept.

        Without ``idle`` all that are open, of every owner: right when no other process serves. With
        it, those without new text for so long. Returns how many they were.
        """
        since = None if idle is None else datetime.now(UTC) - idle
        async with self._store.database.read() as connection:
            found = await list_streaming(connection, since)
        for owner, message_id in found:
            await self.finish(Viewer(owner_id=owner, name=owner), message_id, status="incomplete")
        return len(found)


async def _open(unit: WriteUnit, message_id: str) -> ConversationEdit:
    """The locked conversation of a message that is still being written."""
    conversation_id, _ = await unit.messages.state(message_id)
    edit = await ConversationEdit.begin(unit, conversation_id)
    _, status = await unit.messages.state(message_id)
    if status != STREAMING:
        raise Conflict("The message is finished.", field=("id",))
    return edit


async def _repeated(unit: WriteUnit, message_id: str, offset: int, text: str, end: int) -> int:
    if not text and offset == end:
        return end
    stored = await unit.chunks.at(message_id, offset)
    if stored is None or stored.text != text:
        raise OffsetMismatch(
            f"The stored text ends at {end}; append there.", expected_offset=end, field=("offset",)
        )
    return end


def _body(content: str, parts: Sequence[MessagePart] | None) -> dict[str, Any]:
    if parts is None:
        return {"content": content, "parts_json": None, "token_count": count_tokens(content)}
    told = list(parts)
    if content and not any(part["type"] == "text" for part in told):
        told.insert(0, text_part(content))
    if content and content_of(told) != content:
        raise Invalid("The text of the parts is not the text that was appended.", field=("parts",))
    return body_values(None, told, ())


def _closed(message: MessageRecord, status: str, reason: str | None) -> MessageRecord:
    if message.status != status or message.finish_reason != reason:
        raise Conflict(
            "The message is finished already.",
            field=("id",),
            current_revision=message.revision,
        )
    return message
