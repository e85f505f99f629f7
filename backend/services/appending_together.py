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
from backend.services.editing import ConversationEdit, finish_all
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
    ids = dict.fromkeys(parse_id(each.conversation_id) for each in additions)
    edits = await ConversationEdit.begin_all(unit, [each for each in ids if each is not None])
    ends = await _Ends.find(unit, edits, additions)
    added = [ends.add(each) for each in additions]
    rows = [row for each in added if each is not None for row in each]
    if rows:
        unit.index_changes.prepared = prepared_chunks(map(text_of, rows))
        await unit.messages.insert([row._asdict() for row in rows], new_ids=not ends.ids_are_given)
        await finish_all(unit, ends.finished())
    return added


class _Ends:
    """Where conversations end, as they are added to."""

    def __init__(self, edits: dict[str, ConversationEdit]) -> None:
        self._edits = edits
        self._last: dict[str, tuple[str, int] | None] = {}
        self._added: dict[str, list[MessageRecord]] = {}
        self._taken: set[str] = set()
        self.ids_are_given = False

    @classmethod
    async def find(
        cls, unit: WriteUnit, edits: dict[str, ConversationEdit], additions: Sequence[Addition]
    ) -> _Ends:
        ends = cls(edits)
        filled = [each.id for each in edits.values() if each.message_count]
        places = await unit.appends.last_places(filled) if filled else {}
        ends._last = {key: (place.id, place.position) for key, place in places.items()}
        given = list(_given(additions))
        if given:
            ends.ids_are_given = True
            ends._taken.update(row.id for row in await unit.messages.list_by_ids(given))
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

    def finished(self) -> list[tuple[ConversationEdit, dict[str, Any]]]:
        """The edits that something was added by, with what else they change."""
        result = []
        for key, rows in self._added.items():
            edit = self._edits[key]
            newest = max(row.created_at for row in rows)
            latest = max(newest, edit.before.last_message_at or newest)
            edit.message_count = rows[-1].position
            result.append((edit, {"last_message_at": latest, "last_activity_at": latest}))
        return result

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
