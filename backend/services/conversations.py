"""What changes conversations: making, changing, deleting, forking, choosing a branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend import limits
from backend.errors import Conflict, NotFound, TooLarge
from backend.events.changes import ConversationChanged
from backend.ids import new_id
from backend.repositories.collisions import Collision
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.appending import SHORT, Chain, Prepared, is_repeated
from backend.services.counting import ready_to_count
from backend.services.drafts import (
    UNTITLED,
    MessageDraft,
    checked_id,
    message_values,
    metadata_text,
    tag_texts,
    title_text,
)
from backend.services.editing import ConversationEdit
from backend.utils.text_processor import make_title, title_key


@dataclass(frozen=True, slots=True)
class ConversationDraft:
    """A conversation to be made. Without a title it takes one from its first user message."""

    id: str | None = None
    title: str | None = None
    metadata: Any = None
    tags: Sequence[str] = ()
    pinned: bool = False
    messages: Sequence[MessageDraft] = ()


@dataclass(frozen=True, slots=True)
class ConversationChanges:
    """What to change of a conversation; None leaves it as it is."""

    title: str | None = None
    metadata: Any = None
    tags: Sequence[str] | None = None
    pinned: bool | None = None
    archived: bool | None = None
    expected_revision: int | None = None


class ConversationService:
    """Writes conversations on behalf of a viewer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, viewer: Viewer, draft: ConversationDraft) -> ConversationRecord:
        """Makes a conversation with its first messages, all or nothing.

        One that is stored already under the same id with the same content is returned as it is.
        Raises Invalid, TooLarge, Conflict.
        """
        values = _new_values(draft)
        tags = tag_texts(draft.tags)
        if draft.messages:
            await ready_to_count()
        prepared = [(each, message_values(each)) for each in draft.messages]
        try:
            return await self._create(viewer, values, tags, prepared)
        except Collision:
            # The same conversation was made in the meantime: now it can be compared.
            return await self._create(viewer, values, tags, prepared)

    async def _create(
        self,
        viewer: Viewer,
        values: dict[str, Any],
        tags: Sequence[str],
        prepared: Sequence[Prepared],
    ) -> ConversationRecord:
        async def create(unit: WriteUnit) -> ConversationRecord:
            existing = await unit.conversations.find_locked(values["id"])
            if existing is not None:
                await _require_same(unit, existing, values, tags, prepared)
                return existing
            await insert_conversation(unit, values, tags)
            if prepared:
                edit = await ConversationEdit.begin(unit, values["id"])
                await Chain(edit).append(prepared)
            return await unit.conversations.get(values["id"])

        return await self._store.briefly(viewer, create, short=len(prepared) <= SHORT)

    async def update(
        self, viewer: Viewer, conversation_id: str, changes: ConversationChanges
    ) -> ConversationRecord:
        """Changes a conversation's own fields; raises NotFound, Invalid, TooLarge, Conflict."""
        values = _changed_values(changes)
        tags = None if changes.tags is None else tag_texts(changes.tags)

        async def change(unit: WriteUnit) -> ConversationRecord:
            edit = await ConversationEdit.begin(unit, conversation_id)
            _require_revision(edit.before, changes.expected_revision)
            changed = {
                key: each
                for key, each in values.items()
                if key == "title_key" or getattr(edit.before, key) != each
            }
            if "title" not in changed:
                changed.pop("title_key", None)
            tagged = tags is not None and await _retag(unit, edit.id, tags)
            if changed or tagged:
                await edit.finish(own_revision=edit.next_revision(), **changed)
            return await unit.conversations.get(conversation_id)

        return await self._store.briefly(viewer, change)

    async def delete(
        self, viewer: Viewer, conversation_id: str, *, expected_revision: int | None = None
    ) -> None:
        """Deletes a conversation and all in it; raises NotFound, Conflict."""
        async with self._store.write(viewer) as unit:
            found = await unit.conversations.lock(conversation_id)
            _require_revision(found, expected_revision)
            owner_revision = await unit.next_owner_revision()
            await unit.conversations.delete(
                found.id, revision=found.revision + 1, owner_revision=owner_revision
            )
            unit.record(
                ConversationChanged(unit.owner_id, found.id, found.revision + 1, owner_revision)
            )

    async def select_branch(self, viewer: Viewer, message_id: str) -> ConversationRecord:
        """Makes the branch through a message the active one, on to its newest end.

        Nothing changes where the message is on the active branch. Raises NotFound.
        """
        async with self._store.write(viewer) as unit:
            conversation_id = (await unit.messages.get(message_id)).conversation_id
            edit = await ConversationEdit.begin(unit, conversation_id)
            message = await unit.messages.get(message_id)
            if not message.active:
                await edit.show_through(message.id)
                await edit.finish(own_revision=edit.next_revision())
            return await unit.conversations.get(conversation_id)

    async def fork(
        self, viewer: Viewer, message_id: str, title: str | None = None
    ) -> ConversationRecord:
        """Copies the branch down to a message into a new conversation.

        Raises NotFound, TooLarge.
        """
        async with self._store.write(viewer) as unit:
            message = await unit.messages.get(message_id)
            source = await unit.conversations.get(message.conversation_id)
            name = source.title if title is None else title_text(title)
            values = {
                **_fresh(new_id(), name),
                "metadata_json": source.metadata_json,
                "forked_from_id": message.id,
            }
            tags = await unit.conversations.tags_by_ids([source.id])
            await insert_conversation(unit, values, tags.get(source.id, []))
            await _copy_branch(unit, message, values["id"])
            return await unit.conversations.get(values["id"])


async def insert_conversation(unit: WriteUnit, values: dict[str, Any], tags: Sequence[str]) -> None:
    """Stores a conversation without messages and announces it."""
    owner_revision = await unit.next_owner_revision()
    revision = await unit.conversations.insert(**values, owner_revision=owner_revision)
    if tags:
        await unit.conversations.replace_tags(values["id"], tags)
    unit.record(ConversationChanged(unit.owner_id, values["id"], revision, owner_revision))


def _fresh(conversation_id: str, title: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": conversation_id,
        "title": title,
        "title_key": title_key(title),
        "pinned": False,
        "archived": False,
        "created_at": now,
        "updated_at": now,
        "last_activity_at": now,
        "message_count": 0,
        "revision": 1,
        "own_revision": 1,
    }


def _new_values(draft: ConversationDraft) -> dict[str, Any]:
    if len(draft.messages) > limits.BATCH_MESSAGES:
        raise TooLarge(f"At most {limits.BATCH_MESSAGES} messages at once.", field=("messages",))
    conversation_id = new_id() if draft.id is None else checked_id(draft.id)
    title = title_text(draft.title) if draft.title is not None else _title_from(draft.messages)
    return {
        **_fresh(conversation_id, title),
        "metadata_json": metadata_text(draft.metadata, ("metadata",)),
        "pinned": draft.pinned,
    }


def _title_from(messages: Sequence[MessageDraft]) -> str:
    for message in messages:
        if message.role == "user" and message.content:
            return make_title(message.content) or UNTITLED
    return UNTITLED


def _changed_values(changes: ConversationChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.title is not None:
        values["title"] = title_text(changes.title)
        values["title_key"] = title_key(values["title"])
    if changes.metadata is not None:
        values["metadata_json"] = metadata_text(changes.metadata, ("metadata",))
    flags = {"pinned": changes.pinned, "archived": changes.archived}
    return values | {name: flag for name, flag in flags.items() if flag is not None}


def _require_revision(conversation: ConversationRecord, expected: int | None) -> None:
    if expected not in (None, conversation.revision):
        raise Conflict(
            f"The conversation is at revision {conversation.revision}.",
            field=("expectedRevision",),
            current_revision=conversation.revision,
        )


async def _retag(unit: WriteUnit, conversation_id: str, tags: Sequence[str]) -> bool:
    """Stores the tags and tells whether they were others before."""
    before = await unit.conversations.tags_by_ids([conversation_id])
    if before.get(conversation_id, []) == list(tags):
        return False
    await unit.conversations.replace_tags(conversation_id, tags)
    return True


async def _require_same(
    unit: WriteUnit,
    existing: ConversationRecord,
    values: dict[str, Any],
    tags: Sequence[str],
    prepared: Sequence[Prepared],
) -> None:
    """A repeated request is one that asks for what is stored; raises Conflict where it is not."""
    compared = ("title", "metadata_json", "pinned")
    same = all(getattr(existing, key) == values[key] for key in compared)
    stored_tags = (await unit.conversations.tags_by_ids([existing.id])).get(existing.id, [])
    said = await _says_the_same(unit, existing.id, prepared)
    if not same or stored_tags != list(tags) or not said:
        raise Conflict(
            "Another conversation has this id.",
            field=("id",),
            current_revision=existing.revision,
        )


async def _says_the_same(
    unit: WriteUnit, conversation_id: str, prepared: Sequence[Prepared]
) -> bool:
    """Whether a conversation began with these messages, whatever was said after them."""
    first = await unit.branches.first_added(conversation_id, len(prepared))
    if len(first) < len(prepared):
        return False
    for row, (draft, values) in zip(first, prepared, strict=True):
        other_id = draft.id is not None and checked_id(draft.id) != row.id
        if other_id or not await is_repeated(unit, row, (draft, values)):
            return False
    return True


async def _copy_branch(unit: WriteUnit, leaf: MessageRecord, conversation_id: str) -> None:
    rows = await unit.branches.page_upward(leaf.id, None, leaf.position)
    if not rows:
        raise NotFound("There is no such message.")
    edit = await ConversationEdit.begin(unit, conversation_id)
    parent_id: str | None = None
    copies = []
    for position, row in enumerate(rows, start=1):
        revision = edit.next_revision()
        copy = row._replace(
            id=new_id(),
            conversation_id=conversation_id,
            parent_id=parent_id,
            position=position,
            active=True,
            edited_at=None,
            added_revision=revision,
            revision=revision,
        )
        parent_id = copy.id
        copies.append(copy._asdict())
    await unit.messages.insert(copies)
    edit.message_count = len(copies)
    newest = max(row.created_at for row in rows)
    await edit.finish(last_message_at=newest, last_activity_at=newest)
