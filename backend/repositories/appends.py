"""Adding messages to several conversations at once, by as few statements as can be."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Message, SearchChunk, SearchPending
from backend.repositories.bulk import ROWS, insert_rows
from backend.repositories.dialect_lists import given, in_words_of
from backend.repositories.dialect_with import Columns, Rows, changes_in_with, prepared
from backend.repositories.owners import next_owner_revision
from backend.repositories.prepared import Prepared, update_rows
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.rows import records
from backend.repositories.search_index import NewChunk, Reserved

_NAMES: tuple[str, ...] = ConversationRecord._fields
_LISTS = {"ids": "uuid"}
# The conversation stands in it twice: as it is once it is locked, and as the statement found it,
# which is what the message belongs to.
_LOCK = f"""
SELECT {", ".join(f"c.{name}" for name in _NAMES)}, s.revision, m.id, m.position
FROM {{ids}}
{{join}} conversations s ON s.owner_id = :owner AND s.id = ids.value
{{join}} conversations c ON c.owner_id = s.owner_id AND c.id = s.id
LEFT JOIN messages m ON m.conversation_id = s.id AND m.owner_id = :owner
  AND m.position = s.message_count AND m.active {{true}}
ORDER BY c.id {{locked}}
"""  # noqa: S608 - the names of our own columns
_LAST = """
SELECT m.conversation_id, m.id, m.position
FROM {ids}
{join} conversations c ON c.owner_id = :owner AND c.id = ids.value
{join} messages m ON m.conversation_id = c.id AND m.owner_id = :owner
  AND m.position = c.message_count AND m.active {true}
"""
_STORED = """
SELECT m.id FROM {ids} {join} messages m ON m.owner_id = :owner AND m.id = ids.value
"""
_FORGET = """
DELETE FROM message_tombstones
WHERE owner_id = :owner AND message_id IN (SELECT ids.value FROM {ids})
"""
_LOCKED, _LAST_PLACES, _STORED_IDS, _FORGET_DELETED = (
    Prepared(partial(in_words_of, template=template, lists=_LISTS))
    for template in (_LOCK, _LAST, _STORED, _FORGET)
)

_MESSAGES = Rows(Message, MessageRecord._fields)
_STATES = Columns(
    Conversation,
    ("id", "revision", "message_count", "updated_at", "last_message_at", "last_activity_at"),
)
_ADD = prepared(
    """
    WITH o AS (
      UPDATE owners SET revision = revision + :count WHERE id = :owner RETURNING revision
    ), added AS (
      INSERT INTO messages (owner_id, {messages_columns})
      SELECT CAST(:owner AS bigint), {messages_values} FROM {messages} ORDER BY v.place
    ), finished AS (
      UPDATE conversations c
      SET revision = v.revision, message_count = v.message_count, updated_at = v.updated_at,
        last_message_at = v.last_message_at, last_activity_at = v.last_activity_at,
        owner_revision = o.revision - :count + v.place
      FROM o, {states} WHERE c.owner_id = :owner AND c.id = v.id
    )
    SELECT revision FROM o
    """,
    messages=_MESSAGES,
    states=_STATES,
)

_CHUNKS = Rows(SearchChunk, ("message_id", "ordinal", "start_offset", "end_offset", "term_count"))
_TERMS = Rows(SearchPending, ("terms",))
# Chunks and their terms, numbered by the row of the index in ``i``.
_INDEXED = """
    indexed AS (
      INSERT INTO search_chunks (owner_id, number, {chunks_columns})
      SELECT CAST(:owner AS bigint), i.next_number - :chunks - 1 + v.place, {chunks_values}
      FROM i, {chunks}
    ), waiting AS (
      INSERT INTO search_pending (owner_id, number, {terms_columns})
      SELECT CAST(:owner AS bigint), i.next_number - :chunks - 1 + v.place, {terms_values}
      FROM i, {terms}
    )
"""
_INDEX = prepared(
    """
    WITH i AS (
      UPDATE search_indexes SET next_number = next_number + :chunks WHERE owner_id = :owner
      RETURNING next_number, flushed_number
    ), {indexed}
    SELECT next_number, flushed_number FROM i
    """.replace("{indexed}", _INDEXED),
    chunks=_CHUNKS,
    terms=_TERMS,
)

# What a row says of its place is counted from where its conversation ends, which is found under the
# conversation's lock. Everything hangs on that: none may be missing, nor end with another message
# than is expected of it.
_PLACED = {
    "parent_id": "COALESCE(v.parent_id, e.last_id)",
    "position": "e.message_count + v.position",
    "added_revision": "e.revision + v.added_revision",
    "revision": "e.revision + v.revision",
}
_FROM_ENDS = Columns(
    Conversation, ("id", "updated_at", "last_message_at"), added="message_count", after="id"
)
_AT_ONCE = prepared(
    """
    WITH e AS MATERIALIZED (
      SELECT * FROM conversation_ends(:owner, CAST(:ids AS uuid[]))
    ), sound AS (
      SELECT 1 FROM search_indexes
      WHERE owner_id = :owner AND :count = (
        SELECT count(*) FROM e JOIN {states} ON v.id = e.id
        WHERE (e.last_id IS NOT NULL OR e.message_count = 0)
          AND (v.after IS NULL OR v.after = e.last_id)
      )
    ), o AS (
      UPDATE owners SET revision = revision + :count FROM sound WHERE id = :owner
      RETURNING revision
    ), i AS (
      UPDATE search_indexes SET next_number = next_number + :chunks FROM o WHERE owner_id = :owner
      RETURNING revision, next_number, flushed_number
    ), forgotten AS (
      DELETE FROM message_tombstones t USING i
      WHERE t.owner_id = :owner AND t.message_id = ANY(CAST(:given AS uuid[]))
    ), added AS (
      INSERT INTO messages (owner_id, {messages_columns})
      SELECT CAST(:owner AS bigint), {placed}
      FROM i, {messages} JOIN e ON e.id = v.conversation_id ORDER BY v.place
    ), finished AS (
      UPDATE conversations c
      SET revision = e.revision + v.added, message_count = e.message_count + v.added,
        updated_at = v.updated_at,
        last_message_at = GREATEST(e.last_message_at, v.last_message_at),
        last_activity_at = GREATEST(e.last_message_at, v.last_message_at),
        owner_revision = i.revision - :count + v.place
      FROM i, {states} JOIN e ON e.id = v.id WHERE c.owner_id = :owner AND c.id = v.id
    ), {indexed}
    SELECT i.revision, i.next_number, i.flushed_number, e.id, e.revision, e.message_count, e.last_id
    FROM i, e
    """.replace("{indexed}", _INDEXED).replace(
        "{placed}", ", ".join(_PLACED.get(name, f"v.{name}") for name in MessageRecord._fields)
    ),
    messages=_MESSAGES,
    states=_FROM_ENDS,
    chunks=_CHUNKS,
    terms=_TERMS,
)


class Reached(NamedTuple):
    """Where a conversation ended: what is added is counted from there."""

    conversation_id: str
    revision: int
    message_count: int
    last_id: str | None


class Place(NamedTuple):
    """A message at the end of a conversation's active branch."""

    conversation_id: str
    id: str
    position: int


_LOCKED_COLUMNS = (
    *(getattr(Conversation, name) for name in _NAMES),
    Conversation.revision.label("seen_revision"),
    Message.id.label("last_id"),
    Message.position.label("last_position"),
)
_LOCKED_NAMES = (*_NAMES, "seen_revision", "last_id", "last_position")
_LockedRow: type[Any] = namedtuple("_LockedRow", _LOCKED_NAMES)  # type: ignore[misc]
_PLACE_COLUMNS = (Message.conversation_id, Message.id, Message.position)


class AppendRepository:
    """One owner's conversations that are added to, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def lock(
        self, ids: Collection[str]
    ) -> list[tuple[ConversationRecord, tuple[str, int] | None]]:
        """Those of the conversations that exist, kept from changing until the commit, each with
        the id and the position of its last message.

        They are locked in one order, and before the owner's row, as every other write does it.
        """
        parameters = self._listed(ids)
        rows: list[Any] = await records(
            self._connection, _LockedRow, _LOCKED_COLUMNS, _LOCKED, parameters
        )
        # One that had to be waited for was changed by whom it was waited for.
        changed = [row.id for row in rows if row.seen_revision != row.revision]
        again = await self._last_places(changed) if changed else {}
        found = []
        for row in rows:
            last = (row.last_id, row.last_position) if row.last_id is not None else None
            if row.seen_revision != row.revision:
                last = again.get(row.id)
            found.append((ConversationRecord._make(row[: len(_NAMES)]), last))
        return found

    async def stored(self, ids: Collection[str]) -> list[str]:
        """Those of the ids that a message has."""
        rows = await _STORED_IDS.rows(self._connection, self._listed(ids))
        return [str(row[0]) for row in rows]

    async def add(
        self, rows: Sequence[MessageRecord], states: Sequence[dict[str, Any]], *, new_ids: bool
    ) -> int:
        """Stores messages, parents before children, and what becomes of their conversations by
        that; returns the last of the places in the owner's feed, which the conversations are given
        in their order. Locks the owner's row. ``new_ids`` is as with messages.
        """
        if not new_ids:
            ids = [row.id for row in rows]
            await _FORGET_DELETED.run(self._connection, self._listed(ids))
        if not changes_in_with(self._connection):
            return await self._add_one_by_one(rows, states)
        values = [[state[name] for name in _STATES.names] for state in states]
        parameters = {"owner": self._owner_id, "count": len(states)}
        parameters |= _MESSAGES.given(rows) | _STATES.given(values)
        ((revision,),) = await _ADD.rows(self._connection, parameters)
        return int(revision)

    async def add_at_once(
        self,
        rows: Sequence[MessageRecord],
        states: Sequence[dict[str, Any]],
        chunks: Sequence[NewChunk],
        given_ids: Sequence[str],
    ) -> tuple[int, dict[str, Reached], Reserved] | None:
        """The same as a whole write, the index's part included, wherever the conversations end:
        the rows' positions and revisions are counted from there, as is what is ``added`` in a
        state, and a first row without a parent hangs below the last message. None, and nothing
        done, where a conversation is missing, does not end ``after`` the message it is said to, or
        there is no index yet.

        ``given_ids`` are those of messages that were not made just now. Returns the last of the
        places in the owner's feed too, and where the conversations ended.
        """
        parameters: dict[str, Any] = {"owner": self._owner_id, "count": len(states)}
        parameters |= {"ids": [state["id"] for state in states], "given": given_ids}
        parameters |= {"chunks": len(chunks)}
        parameters |= _MESSAGES.given(rows)
        names = _FROM_ENDS.names
        parameters |= _FROM_ENDS.given([[state[name] for name in names] for state in states])
        parameters |= _in_columns(chunks)
        found = await _AT_ONCE.rows(self._connection, parameters)
        if not found:
            return None
        last, next_number, flushed = found[0][:3]
        ends = {row[3]: Reached(*row[3:]) for row in found}
        return last, ends, Reserved(next_number - len(chunks), flushed)

    async def index(self, chunks: Sequence[NewChunk]) -> Reserved | None:
        """Adds chunks to the owner's index, which is held until the commit; None, and nothing
        done, where they are to be added one table after the other."""
        if not changes_in_with(self._connection) or len(chunks) > ROWS:
            return None
        parameters = {"owner": self._owner_id, "chunks": len(chunks)}
        parameters |= _in_columns(chunks)
        row = await _INDEX.first(self._connection, parameters)
        return Reserved(row[0] - len(chunks), row[1]) if row is not None else None

    async def _last_places(self, ids: Collection[str]) -> dict[str, tuple[str, int]]:
        found = await records(
            self._connection, Place, _PLACE_COLUMNS, _LAST_PLACES, self._listed(ids)
        )
        return {place.conversation_id: (place.id, place.position) for place in found}

    async def _add_one_by_one(
        self, rows: Sequence[MessageRecord], states: Sequence[dict[str, Any]]
    ) -> int:
        names = ("owner_id", *MessageRecord._fields)
        keyed = [(self._owner_id, *row) for row in rows]
        await insert_rows(self._connection, Message.__table__, names, keyed)
        last = await next_owner_revision(self._connection, self._owner_id, len(states))
        first = last - len(states) + 1
        placed = [{**state, "owner_revision": first + n} for n, state in enumerate(states)]
        await update_rows(self._connection, Conversation, self._owner_id, placed)
        return last

    def _listed(self, ids: Collection[str]) -> dict[str, Any]:
        return {"owner": self._owner_id, "ids": given(self._connection, list(ids))}


def _in_columns(chunks: Sequence[NewChunk]) -> dict[str, Any]:
    places = _CHUNKS.given([chunk[:5] for chunk in chunks])
    return places | _TERMS.given([(chunk.terms,) for chunk in chunks])
