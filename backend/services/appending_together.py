"""Adding messages at the end of several conversations in one write.

What is asked of the database is asked for all of them at once, so that the statements of a write
are as many for one message as for thirty. Whatever is out of the ordinary is left to be written by
itself: another place than the end, an id that is stored, a conversation that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from backend.events.changes import ConversationChanged
from backend.ids import new_id, parse_id
from backend.repositories.appends import Reached
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.search_changes import text_of
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.appending import Prepared, new_row
from backend.services.editing import Changing
from backend.services.indexing import IndexingService, prepared_chunks


@dataclass(frozen=True, slots=True)
class Addition:
    """Messages to be added to a conversation, one below the other."""

    conversation_id: str
    prepared: Sequence[Prepared]
    parent_id: str | None = None
    new_root: bool = False


class End(NamedTuple):
    """A conversation, and the id and position of the last message of its active branch."""

    conversation: ConversationRecord
    last: tuple[str, int] | None


_NEW = ConversationRecord._make([None] * len(ConversationRecord._fields))._replace(
    revision=0, message_count=0
)
Added = list[list[MessageRecord] | None]
"""The messages of each addition; None where it has to be written by itself."""


class Appender:
    """Writes additions together."""

    def __init__(self, store: Store, indexing: IndexingService) -> None:
        self._store = store
        self._indexing = indexing

    async def together(self, unit: WriteUnit, additions: Sequence[Addition]) -> Added:
        """Adds them in a transaction."""
        found = await unit.appends.lock(_conversations(additions))
        ends = _Ends({row.id: End(row, last) for row, last in found})
        given = list(_given(additions))
        if given:
            ends.taken.update(await unit.appends.stored(given))
        added = [ends.add(each) for each in additions]
        if ends.rows:
            texts = {row.id: text_of(row) for row in ends.rows}
            unit.index_changes.new.update(texts)
            unit.index_changes.prepared = prepared_chunks(texts.values())
            last = await unit.appends.add(ends.rows, ends.states(), new_ids=not given)
            unit.recorded += ends.changes(unit.owner_id, last)
        return added

    async def at_once(self, viewer: Viewer, additions: Sequence[Addition]) -> Added | None:
        """Adds them by one statement, which finds out itself where the conversations end; None,
        with nothing added, where that cannot be."""
        owner_id = self._store.owner_at_hand(viewer)
        if owner_id is None or not self._indexing.takes_at_once(owner_id):
            return None
        after = _expected(additions)
        ends = _Ends({key: _from_nothing(key, parent) for key, parent in after.items()})
        added = [ends.add(each) for each in additions]
        if None in added:
            return None

        async def add(unit: WriteUnit) -> Added | None:
            by_text = prepared_chunks(map(text_of, ends.rows))
            chunks = [chunk for each in by_text.values() for chunk in each]
            states = [
                {**state, "added": state["message_count"], "after": after[state["id"]]}
                for state in ends.states()
            ]
            given = list(_given(additions))
            stored = await unit.appends.add_at_once(ends.rows, states, chunks, given)
            if stored is None:
                return None
            last, reached, reserved = stored
            self._indexing.told(unit.owner_id, reserved, len(chunks))
            unit.recorded += [
                replace(each, revision=each.revision + reached[each.conversation_id].revision)
                for each in ends.changes(unit.owner_id, last)
            ]
            return [[_placed(row, reached) for row in rows or ()] for rows in added]

        return await self._store.at_once(viewer, add)


def _expected(additions: Sequence[Addition]) -> dict[str, str | None]:
    """Below which message each conversation is added to, where that is said."""
    after: dict[str, str | None] = {}
    for each in additions:
        key = parse_id(each.conversation_id)
        if key is not None and key not in after:
            after[key] = parse_id(each.parent_id) if each.parent_id is not None else None
    return after


def _from_nothing(conversation_id: str, after: str | None) -> End:
    """What a conversation's additions are counted from until it is known where it ends."""
    return End(_NEW._replace(id=conversation_id), None if after is None else (after, 0))


def _placed(row: MessageRecord, reached: Mapping[str, Reached]) -> MessageRecord:
    """A row that was counted from nothing, at its place."""
    _, revision, message_count, last_id = reached[row.conversation_id]
    return row._replace(
        parent_id=row.parent_id or last_id,
        position=row.position + message_count,
        added_revision=row.added_revision + revision,
        revision=row.revision + revision,
    )


class _Ends:
    """Where conversations end, as they are added to."""

    def __init__(self, ends: Mapping[str, End]) -> None:
        self._ends = ends
        self._changing = {key: Changing(end.conversation) for key, end in ends.items()}
        self._last = {key: end.last for key, end in ends.items()}
        self._moments: dict[str, datetime] = {}
        self.taken: set[str] = set()
        self.rows: list[MessageRecord] = []

    def add(self, addition: Addition) -> list[MessageRecord] | None:
        """The addition's rows; None where it cannot be made here."""
        changing = self._changing.get(parse_id(addition.conversation_id) or "")
        if changing is None or not self._is_at_end(changing, addition):
            return None
        ids = [_id_of(each) for each in addition.prepared]
        if None in ids or len(set(ids)) < len(ids) or not self.taken.isdisjoint(ids):
            return None
        rows = [
            self._row(changing, str(each), prepared)
            for each, prepared in zip(ids, addition.prepared, strict=True)
        ]
        self.taken.update(row.id for row in rows)
        self.rows += rows
        return rows

    def states(self) -> list[dict[str, Any]]:
        """What becomes of the conversations that were added to."""
        return [
            {
                **self._changing[key].state(),
                "last_message_at": moment,
                "last_activity_at": moment,
            }
            for key, moment in self._moments.items()
        ]

    def changes(self, owner_id: int, last: int) -> list[ConversationChanged]:
        """What is announced; the last one has this place in the owner's feed."""
        first = last - len(self._moments) + 1
        return [
            self._changing[key].changed(owner_id, place)
            for place, key in enumerate(self._moments, first)
        ]

    def _is_at_end(self, changing: Changing, addition: Addition) -> bool:
        last = self._last[changing.id]
        if addition.new_root or (last is None and changing.message_count):
            return False
        parent_id = addition.parent_id
        return parent_id is None or (last is not None and parse_id(parent_id) == last[0])

    def _row(self, changing: Changing, message_id: str, prepared: Prepared) -> MessageRecord:
        key = changing.id
        row = new_row(changing, self._last[key], message_id, prepared)
        self._last[key] = (row.id, row.position)
        changing.message_count = row.position
        latest = self._moments.get(key) or changing.before.last_message_at or row.created_at
        self._moments[key] = max(latest, row.created_at)
        return row


def _conversations(additions: Sequence[Addition]) -> list[str]:
    ids = dict.fromkeys(parse_id(each.conversation_id) for each in additions)
    return [each for each in ids if each is not None]


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
