"""What changes messages: adding, editing, deleting, judging. One method is one write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend import limits
from backend.errors import Conflict, Invalid, TooLarge
from backend.repositories.chunks import STREAMING
from backend.repositories.gathering import Gathering
from backend.repositories.records import MessageRecord
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.appending import SHORT, Chain
from backend.services.appending_together import Addition, Appender
from backend.services.counting import ready_to_count
from backend.services.drafts import (
    MessageDraft,
    body_values,
    dump_json,
    message_values,
    metadata_text,
    tag_texts,
)
from backend.services.editing import ConversationEdit
from backend.services.indexing import IndexingService
from backend.utils.message_parts import MessagePart
from backend.utils.text_processor import normalise


@dataclass(frozen=True, slots=True)
class MessageChanges:
    """What to change of a message; None leaves it as it is."""

    content: str | None = None
    parts: Sequence[MessagePart] | None = None
    metadata: Any = None
    expected_revision: int | None = None


class MessageService:
    """Writes messages on behalf of a viewer."""

    def __init__(self, store: Store, indexing: IndexingService) -> None:
        self._store = store
        appender = Appender(store, indexing)
        self._gathering = Gathering(
            store, appender.together, alone=self._add, at_once=appender.at_once
        )

    async def add(
        self,
        viewer: Viewer,
        conversation_id: str,
        drafts: Sequence[MessageDraft],
        *,
        parent_id: str | None = None,
        new_root: bool = False,
    ) -> list[MessageRecord]:
        """Adds messages one below the other, all or none, and makes their branch the active one.

        The first hangs below ``parent_id``, or below the last message of the active branch, or, as
        ``new_root``, beside the first messages. A message whose id is stored already with the same
        content is returned as it is. Raises NotFound, Invalid, TooLarge, Conflict.
        """
        if len(drafts) > limits.BATCH_MESSAGES:
            raise TooLarge(
                f"At most {limits.BATCH_MESSAGES} messages at once.", field=("messages",)
            )
        await ready_to_count()
        prepared = [(draft, message_values(draft)) for draft in drafts]

        addition = Addition(conversation_id, prepared, parent_id, new_root)
        if new_root or len(drafts) > SHORT:
            return await self._add(viewer, addition)
        return await self._gathering.write(viewer, addition)

    async def _add(self, viewer: Viewer, addition: Addition) -> list[MessageRecord]:
        """Adds messages in a write of their own."""

        async def add(unit: WriteUnit) -> list[MessageRecord]:
            edit = await ConversationEdit.begin(unit, addition.conversation_id)
            chain = Chain(edit)
            await chain.hang_below(addition.parent_id, new_root=addition.new_root)
            return await chain.append(addition.prepared)

        short = len(addition.prepared) <= SHORT
        return await self._store.briefly(viewer, add, short=short)

    async def update(
        self, viewer: Viewer, message_id: str, changes: MessageChanges
    ) -> MessageRecord:
        """Changes a message and keeps its earlier text.

        Raises NotFound, Invalid, TooLarge, or Conflict where it is not at the expected revision.
        """
        await ready_to_count()
        values = _changed_values(changes)
        async with self._store.write(viewer) as unit:
            message, edit = await _locked(unit, message_id)
            _require_revision(message, changes.expected_revision)
            if message.status == STREAMING and "content" in values:
                raise Conflict("The message is still being written.", field=("content",))
            values = {key: each for key, each in values.items() if getattr(message, key) != each}
            if not values:
                return message
            if "content" in values or "parts_json" in values:
                await unit.versions.add(
                    message.id,
                    content=message.content,
                    parts_json=message.parts_json,
                    replaced_at=edit.now,
                )
                values["edited_at"] = edit.now
            values["revision"] = edit.next_revision()
            await unit.messages.update(message.id, **values)
            await edit.finish()
            return message._replace(**values)

    async def delete(
        self,
        viewer: Viewer,
        message_id: str,
        *,
        descendants: bool = True,
        expected_revision: int | None = None,
    ) -> tuple[str, list[str]]:
        """Deletes a message with all below it, or hangs what is below one level higher.

        Returns the conversation's id and the deleted messages' ids; raises NotFound, Conflict.
        """
        async with self._store.write(viewer) as unit:
            message, edit = await _locked(unit, message_id)
            _require_revision(message, expected_revision)
            children = [] if descendants else await unit.branches.children(message.id)
            if children:
                deleted = await _take_out(edit, message, children)
            else:
                deleted = await _cut_off(edit, message)
            moment = await unit.branches.newest_moment(edit.id)
            own = {"own_revision": edit.next_revision()} if message.active else {}
            await edit.finish(
                last_message_at=moment, last_activity_at=moment or edit.before.created_at, **own
            )
            return edit.id, deleted

    async def set_feedback(
        self,
        viewer: Viewer,
        message_id: str,
        *,
        rating: int,
        comment: str | None = None,
        tags: Sequence[str] = (),
    ) -> MessageRecord:
        """Keeps what a reader thinks of a message: -1, 0 or 1.

        Raises NotFound, Invalid, TooLarge.
        """
        if rating not in (-1, 0, 1):
            raise Invalid("rating must be -1, 0 or 1.", field=("rating",))
        note = normalise(comment) if comment else None
        if note and len(note) > limits.COMMENT_CHARACTERS:
            raise TooLarge(
                f"A comment takes at most {limits.COMMENT_CHARACTERS} characters.",
                field=("comment",),
            )
        tags_json = dump_json(tag_texts(tags), ("tags",))

        async def judge(unit: WriteUnit) -> MessageRecord:
            message, edit = await _locked(unit, message_id)
            await unit.feedback.replace(
                message.id, rating=rating, comment=note, tags_json=tags_json, updated_at=edit.now
            )
            revision = edit.next_revision()
            await unit.messages.update(message.id, revision=revision)
            await edit.finish()
            return message._replace(revision=revision)

        return await self._store.briefly(viewer, judge)


async def _locked(unit: WriteUnit, message_id: str) -> tuple[MessageRecord, ConversationEdit]:
    """A message as it is once its conversation is locked; raises NotFound."""
    found = await unit.messages.get(message_id)
    edit = await ConversationEdit.begin(unit, found.conversation_id)
    return await unit.messages.get(message_id), edit


def _require_revision(message: MessageRecord, expected: int | None) -> None:
    if expected not in (None, message.revision):
        raise Conflict(
            f"The message is at revision {message.revision}.",
            field=("expectedRevision",),
            current_revision=message.revision,
        )


def _changed_values(changes: MessageChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.content is not None or changes.parts is not None:
        values |= body_values(changes.content, changes.parts, ())
    if changes.metadata is not None:
        values["metadata_json"] = metadata_text(changes.metadata, ("metadata",))
    return values


async def _cut_off(edit: ConversationEdit, message: MessageRecord) -> list[str]:
    """Deletes a message and all below it. Where the active branch ended there, it goes on through
    the newest alternative that is left, so that it always ends at a message without children."""
    branches = edit.unit.branches
    rows = await branches.subtree(message.id)
    first = edit.revision + 1
    edit.revision += len(rows)
    await branches.delete(edit.id, rows, first)
    if message.active:
        edit.message_count = message.position - 1
        heir = await branches.newest_child(edit.id, message.parent_id)
        if heir is not None:
            await edit.show_through(heir)
    return [row.id for row in rows]


async def _take_out(
    edit: ConversationEdit, message: MessageRecord, children: Sequence[str]
) -> list[str]:
    """Deletes one message; its children hang below its parent, and all below moves up by one."""
    branches = edit.unit.branches
    rows = await branches.subtree(message.id)
    below = [row.id for row in rows if row.id != message.id]
    for child in children:
        await branches.reparent(child, message.parent_id, edit.next_revision())
    own = [row for row in rows if row.id == message.id]
    await branches.delete(edit.id, own, edit.next_revision())
    await branches.move_up(below)
    if message.active:
        edit.message_count -= 1
    return [message.id]
