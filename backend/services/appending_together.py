"""Adding messages at the end of several conversations in one write.

What is asked of the database is asked for all of them at once, so that the statements of a write
are as many for one message as for thirty. Whatever is out of the ordinary is left to be written by
itself: another place than the end, an id that is stored, a conversation that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.ids import new_id, parse_id
from backend.repositories.records import MessageRecord
from backend.repositories.search_changes import text_of
from backend.repositories.store import WriteUnit
from backend.services.appending import Prepared, new_row
from backend.services.editing import ConversationEdit
from backend.services.indexing import prepared_chunks


@dataclass(frozen=True, slots=True)
class Addition:
    """Messages to be added to a conversation, one below the other."""

    conversation_id: str
    prepared: Sequence[Prepared]
    parent_id: str | None = None
    new_root: bool = False


async def append_together(
    unit: WriteUnit, additions: Sequence[Addition]
) -> list[list[MessageRecord] | None]:
    """The messages of each addition; None where it has to be written by itself."""
    ends = await _Ends.find(unit, additions)
    added = [ends.add(each) for each in additions]
    rows = [row for each in added if each is not None for row in each]
    if rows:
        texts = {row.id: text_of(row) for row in rows}
        unit.index_changes.new.update(texts)
        unit.index_changes.prepared = prepared_chunks(texts.values())
        await ends.store(rows)
    return added


class _Ends:
    """Where conversations end, as they are added to."""

    def __init__(self, unit: WriteUnit) -> None:
        self._unit = unit
        self._edits: dict[str, ConversationEdit] = {}
        self._last: dict[str, tuple[str, int] | None] = {}
        self._added: dict[str, list[MessageRecord]] = {}
        self._taken: set[str] = set()
        self._ids_are_new = True

    @classmethod
    async def find(cls, unit: WriteUnit, additions: Sequence[Addition]) -> _Ends:
        """Locks the conversations."""
        ends = cls(unit)
        ids = dict.fromkeys(parse_id(each.conversation_id) for each in additions)
        for row, last in await unit.appends.lock([each for each in ids if each is not None]):
            ends._edits[row.id] = ConversationEdit(unit, row)
            ends._last[row.id] = last
        given = list(_given(additions))
        if given:
            ends._ids_are_new = False
            ends._taken.update(await unit.appends.stored(given))
        return ends

    def add(self, addition: Addition) -> list[MessageRecord] | None:
        """The addition's rows; None where it cannot be made here."""
        edit = self._edits.get(parse_id(addition.conversation_id) or "")
        if edit is None or addition.new_root or not self._is_at_end(edit, addition.parent_id):
            return None
        ids = [_id_of(each) for each in addition.prepared]
        if None in ids or len(set(ids)) < len(ids) or not self._taken.isdisjoint(ids):
            return None
        rows = [
            self._row(edit, str(each), prepared)
            for each, prepared in zip(ids, addition.prepared, strict=True)
        ]
        self._taken.update(row.id for row in rows)
        self._added.setdefault(edit.id, []).extend(rows)
        return rows

    async def store(self, rows: Sequence[MessageRecord]) -> None:
        """Stores what was added, and announces it."""
        edits = [self._edits[key] for key in self._added]
        states = [self._state(edit) for edit in edits]
        last = await self._unit.appends.add(rows, states, new_ids=self._ids_are_new)
        for place, edit in enumerate(edits, last - len(edits) + 1):
            edit.announce(place)

    def _state(self, edit: ConversationEdit) -> dict[str, Any]:
        rows = self._added[edit.id]
        newest = max(row.created_at for row in rows)
        latest = max(newest, edit.before.last_message_at or newest)
        edit.message_count = rows[-1].position
        return {**edit.state(), "last_message_at": latest, "last_activity_at": latest}

    def _is_at_end(self, edit: ConversationEdit, parent_id: str | None) -> bool:
        last = self._last.get(edit.id)
        if last is None and edit.message_count:
            return False
        return parent_id is None or (last is not None and parse_id(parent_id) == last[0])

    def _row(self, edit: ConversationEdit, message_id: str, prepared: Prepared) -> MessageRecord:
        row = new_row(edit, self._last.get(edit.id), message_id, prepared)
        self._last[edit.id] = (row.id, row.position)
        return row


def _id_of(prepared: Prepared) -> str | None:
    """A message's id, None where what is given is none."""
    draft = prepared[0]
    return new_id() if draft.id is None else parse_id(draft.id)


def _given(additions: Sequence[Addition]) -> Iterable[str]:
    for addition in additions:
        for draft, _ in addition.prepared:
            key = parse_id(draft.id) if draft.id is not None else None
            if key is not None:
                yield key
