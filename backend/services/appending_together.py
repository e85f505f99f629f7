"""Adding messages at the end of several conversations in one write.

What is asked of the database is asked for all of them at once, so that the statements of a write
are as many for one message as for thirty. Whatever is out of the ordinary is left to be written by
itself: another place than the end, an id that is stored, a conversation that is not there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from backend.events.changes import ConversationChanged
from backend.ids import new_id, parse_id
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.search_changes import text_of
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.appending import Prepared, new_row
from backend.services.editing import Changing
from backend.services.indexing import IndexingService, prepared_chunks

KNOWN = 1000
"""Conversations of which is remembered where they end."""


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


Added = list[list[MessageRecord] | None]
"""The messages of each addition; None where it has to be written by itself."""


class Appender:
    """Writes additions together.

    Of conversations that nobody else adds to it remembers where they end, which is so as long as
    they have the same revision. Then they need not be asked: one statement adds to them if they
    have it still.
    """

    def __init__(self, store: Store, indexing: IndexingService) -> None:
        self._store = store
        self._indexing = indexing
        self._known: OrderedDict[tuple[int, str], tuple[End, bool]] = OrderedDict()

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
            unit.afterwards.append(partial(self._remember, unit.owner_id, ends, last))
        return added

    async def at_once(self, viewer: Viewer, additions: Sequence[Addition]) -> Added | None:
        """Adds them by one statement; None, with nothing added, where that cannot be."""
        owner_id = self._store.owner_at_hand(viewer)
        if owner_id is None or not self._indexing.takes_at_once(owner_id):
            return None
        keys = [(owner_id, each) for each in _conversations(additions)]
        known = [self._known.get(key) for key in keys]
        ends = _Ends({each[0].conversation.id: each[0] for each in known if each and each[1]})
        added = [ends.add(each) for each in additions]
        if None in added:
            return None
        for key in keys:
            del self._known[key]

        async def add(unit: WriteUnit) -> Added | None:
            by_text = prepared_chunks(map(text_of, ends.rows))
            chunks = [chunk for each in by_text.values() for chunk in each]
            expected = ends.revisions()
            stored = await unit.appends.add_at_once(
                ends.rows, ends.states(), expected, chunks, list(_given(additions))
            )
            if stored is None:
                return None
            last, reserved = stored
            self._indexing.told(unit.owner_id, reserved, len(chunks))
            self._remember(unit.owner_id, ends, last, alone=True)
            unit.recorded += ends.changes(unit.owner_id, last)
            return added

        return await self._store.at_once(viewer, add)

    def _remember(self, owner_id: int, ends: _Ends, place: int, *, alone: bool = False) -> None:
        """Where they end now; it is counted on only if nobody else has added to them between two
        times."""
        for before, now in ends.after(place):
            key = (owner_id, before.conversation.id)
            earlier = self._known.pop(key, None)
            again = alone or (
                earlier is not None
                and earlier[0].conversation.revision == before.conversation.revision
            )
            self._known[key] = (now, again)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)


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

    def revisions(self) -> list[int]:
        """What revision each of them had before."""
        return [self._ends[key].conversation.revision for key in self._moments]

    def changes(self, owner_id: int, last: int) -> list[ConversationChanged]:
        """What is announced; the last one has this place in the owner's feed."""
        first = last - len(self._moments) + 1
        return [
            self._changing[key].changed(owner_id, place)
            for place, key in enumerate(self._moments, first)
        ]

    def after(self, last: int) -> Iterable[tuple[End, End]]:
        """The ends before and now."""
        first = last - len(self._moments) + 1
        for place, state in enumerate(self.states(), first):
            before = self._ends[state["id"]]
            row = before.conversation._replace(**state, owner_revision=place)
            yield before, End(row, self._last[row.id])

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
