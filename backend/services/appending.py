"""Hanging new messages into a conversation's tree, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.errors import Conflict, Invalid, NotFound
from backend.ids import new_id
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit
from backend.services.drafts import MessageDraft, checked_id
from backend.services.editing import Changing, ConversationEdit

COMPARED = (
    "role",
    "name",
    "content",
    "parts_json",
    "model",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "metadata_json",
)
Prepared = tuple[MessageDraft, dict[str, Any]]
SHORT = 20
"""So many messages are stored in a short write."""


async def is_repeated(
    unit: ReadUnit,
    existing: MessageRecord,
    prepared: Prepared,
    compared: Sequence[str] = COMPARED,
) -> bool:
    """Whether a stored message is what this draft made of it.

    An edit since then does not make the request another one: it is held against the text the
    message was first stored with.
    """
    draft, values = prepared
    first = existing._asdict()
    if existing.edited_at is not None:
        versions = await unit.versions.list_by_messages([existing.id])
        for original in versions.get(existing.id, [])[:1]:
            first |= {"content": original.content, "parts_json": original.parts_json}
    same_moment = draft.created_at in (None, existing.created_at)
    return same_moment and all(first[key] == values[key] for key in compared)


def new_row(
    edit: Changing,
    parent: tuple[str, int] | None,
    message_id: str,
    prepared: Prepared,
) -> MessageRecord:
    """A new message of the active branch, below one of which the id and position are given."""
    draft, values = prepared
    revision = edit.next_revision()
    return MessageRecord(
        **{"status": "complete", "finish_reason": None, "edited_at": None, **values},
        id=message_id,
        conversation_id=edit.id,
        parent_id=parent[0] if parent else None,
        position=parent[1] + 1 if parent else 1,
        active=True,
        created_at=draft.created_at or edit.now,
        added_revision=revision,
        revision=revision,
    )


class Chain:
    """Where the next message hangs, and the rows still to be stored."""

    def __init__(self, edit: ConversationEdit, compared: Sequence[str] = COMPARED) -> None:
        self._edit = edit
        self._compared = compared
        self._last: tuple[str, int] | None = None
        self._end: str | None = None
        self._place_is_known = False
        self._ids_are_given = True
        self._rows: list[MessageRecord] = []

    async def hang_below(self, parent_id: str | None, *, new_root: bool = False) -> None:
        """Chooses where the first message hangs; raises NotFound or Invalid."""
        if parent_id is not None and new_root:
            raise Invalid("A new first message has no parent.", field=("parentId",))
        self._place_is_known = parent_id is not None or new_root
        if parent_id is not None:
            parent = await self._parent(parent_id)
            self._last = (parent.id, parent.position)
            self._end = parent.id if self._is_end(parent) else None
        elif not new_root:
            self._last = await self._edit.last_place()
            self._end = self._last[0] if self._last else None

    async def append(self, prepared: Sequence[Prepared]) -> list[MessageRecord]:
        """Stores the messages and closes the edit; one that is stored already is left as it is."""
        self._ids_are_given = any(draft.id is not None for draft, _ in prepared)
        stored = await self._stored([draft for draft, _ in prepared])
        result = [await self._next(draft, values, stored) for draft, values in prepared]
        if self._rows:
            await self._write()
        return result

    async def _parent(self, parent_id: str) -> MessageRecord:
        found = await self._edit.unit.messages.find(checked_id(parent_id, ("parentId",)))
        if found is None or found.conversation_id != self._edit.id:
            raise NotFound("There is no such message in this conversation.", field=("parentId",))
        return found

    async def _stored(self, drafts: Sequence[MessageDraft]) -> dict[str, MessageRecord]:
        given = [checked_id(each.id, (*each.path, "id")) for each in drafts if each.id is not None]
        if len(set(given)) < len(given):
            raise Invalid("The same id stands twice in this request.", field=("messages",))
        rows = await self._edit.unit.messages.list_by_ids(given) if given else []
        return {row.id: row for row in rows}

    async def _next(
        self, draft: MessageDraft, values: dict[str, Any], stored: dict[str, MessageRecord]
    ) -> MessageRecord:
        message_id = checked_id(draft.id) if draft.id is not None else new_id()
        existing = stored.get(message_id)
        if existing is not None:
            await self._require_same(existing, draft, values)
            self._require_here(existing, draft)
        else:
            self._rows.append(new_row(self._edit, self._last, message_id, (draft, values)))
        row = existing or self._rows[-1]
        self._last = (row.id, row.position)
        self._place_is_known = True
        return row

    async def _require_same(
        self, existing: MessageRecord, draft: MessageDraft, values: dict[str, Any]
    ) -> None:
        here = existing.conversation_id == self._edit.id
        prepared = (draft, values)
        if not here or not await is_repeated(self._edit.unit, existing, prepared, self._compared):
            raise Conflict(
                "Another message has this id.",
                field=(*draft.path, "id"),
                current_revision=existing.revision,
            )

    def _require_here(self, existing: MessageRecord, draft: MessageDraft) -> None:
        """A repeated request names the same place: below the same parent, or, within a request,
        below the message before. Otherwise new messages could hang on a branch that is hidden."""
        above = self._last[0] if self._last else None
        if self._place_is_known and existing.parent_id != above:
            raise Conflict(
                "A message with this id stands at another place.",
                field=(*draft.path, "id"),
                current_revision=existing.revision,
            )

    async def _write(self) -> None:
        edit = self._edit
        branched = await self._make_room(self._rows[0])
        rows = [row._asdict() for row in self._rows]
        await edit.unit.messages.insert(rows, new_ids=not self._ids_are_given)
        edit.message_count = self._rows[-1].position
        newest = max(row.created_at for row in self._rows)
        latest = max(newest, edit.before.last_message_at or newest)
        own = {"own_revision": edit.next_revision()} if branched else {}
        await edit.finish(last_message_at=latest, last_activity_at=latest, **own)

    async def _make_room(self, first: MessageRecord) -> bool:
        """Takes off the active branch what the new messages do not continue; whether there was
        anything, or another branch is shown because of them."""
        edit = self._edit
        if first.parent_id is None:
            if edit.before.message_count == 0:
                return False
            edit.unit.require_long()
            await edit.unit.branches.deactivate_after(edit.id, 0)
            return True
        if first.parent_id == self._end:
            return False
        parent = await edit.unit.messages.get(first.parent_id)
        if self._is_end(parent):
            return False
        await edit.show(parent)
        return True

    def _is_end(self, message: MessageRecord) -> bool:
        """Whether the active branch ends there."""
        return message.active and message.position == self._edit.before.message_count
