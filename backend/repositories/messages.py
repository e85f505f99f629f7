"""Messages in SQL: read by id and in pages, written one or many. Each statement is owned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    bindparam,
    delete,
    func,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import Row
from backend.errors import NotFound
from backend.ids import parse_id
from backend.models import Message, MessageTombstone
from backend.repositories.bulk import insert_rows
from backend.repositories.chunks import STREAMING, filled
from backend.repositories.collisions import collisions
from backend.repositories.dialects import has_lateral
from backend.repositories.message_pages import (
    COLUMNS,
    LAST,
    PageAsked,
    Shape,
    from_an_end,
    lateral,
    limited,
    places,
    put_together,
    shape_of,
)
from backend.repositories.message_pages import MessageScope as MessageScope
from backend.repositories.pages import Page, Window, cut
from backend.repositories.prepared import Prepared, PreparedOfIds, update_rows
from backend.repositories.records import MessageRecord, SiblingRecord
from backend.repositories.rows import Column, raw, records, row_sequence, value_of

# Far below the most parameters either database takes in one statement.
CHUNK = 5000
_OWNED = Message.owner_id == bindparam("owner")
_BY_ID = Prepared(select(*COLUMNS).where(_OWNED, Message.id == bindparam("id")))
_STATE = Prepared(
    select(Message.conversation_id, Message.status).where(_OWNED, Message.id == bindparam("id"))
)
_PLACE = Prepared(
    select(Message.id, Message.position)
    .where(_OWNED, Message.conversation_id == bindparam("conversation"), Message.active)
    .order_by(Message.position.desc())
    .limit(1)
)
_FIELDS: tuple[str, ...] = MessageRecord._fields
_BY_IDS = PreparedOfIds(lambda ids: select(*COLUMNS).where(_OWNED, Message.id.in_(ids)))


class MessageRepository:
    """One owner's messages, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def find(self, message_id: str) -> MessageRecord | None:
        """The message, or None."""
        canonical = parse_id(message_id)
        if canonical is None:
            return None
        return next(iter(await self._rows(_BY_ID, {"id": canonical})), None)

    async def get(self, message_id: str) -> MessageRecord:
        """The message; raises NotFound."""
        found = await self.find(message_id)
        if found is None:
            raise NotFound("There is no such message.")
        return found

    async def state(self, message_id: str) -> tuple[str, str]:
        """The conversation a message is in, and its status, without its text; raises NotFound."""
        canonical = parse_id(message_id)
        parameters = {"owner": self._owner_id, "id": canonical}
        if canonical is None:
            raise NotFound("There is no such message.")
        found = await _STATE.row(self._connection, parameters)
        if found is None:
            raise NotFound("There is no such message.")
        return (found[0], found[1])

    async def list_raw(self, ids: Sequence[str]) -> list[MessageRecord]:
        """Those of the messages that exist, in no order; those still being written without text."""
        statement, given = _BY_IDS.of(ids)
        given["owner"] = self._owner_id
        return await records(self._connection, MessageRecord, COLUMNS, statement, given)

    async def list_by_ids(self, ids: Sequence[str]) -> list[MessageRecord]:
        """Those of the messages that exist, in no order."""
        return await self._rows(*_BY_IDS.of(ids))

    async def last_by_conversations(self, ids: Sequence[str]) -> dict[str, MessageRecord]:
        """The last message of each conversation's active branch."""
        return {row.conversation_id: row for row in await self._rows(*LAST.of(ids))}

    async def pages_by_conversations(
        self,
        ids: Sequence[str],
        scope: MessageScope,
        window: Window,
        names: frozenset[str] | None = None,
    ) -> dict[str, Page[MessageRecord]]:
        """One page of each conversation, in one statement that reads no more than it returns; of
        the messages these columns, or all."""
        shape = shape_of(PageAsked(scope, window, names), several=len(ids) > 1)
        if len(ids) == 1:
            given = {"owner": self._owner_id, "id": ids[0], **places(window)}
            rows = await limited(shape).rows(self._connection, given)
            return {ids[0]: (await self.pages_of([rows], shape, window))[0]}
        grouped = _grouped(ids, await self._of_several(ids, shape, window), shape)
        return dict(zip(grouped, await self.pages_of(grouped.values(), shape, window), strict=True))

    async def pages_of(
        self, each: Iterable[Sequence[Row]], shape: Shape, window: Window
    ) -> list[Page[MessageRecord]]:
        """Pages of the driver's rows of one conversation each, as a window reads them; messages
        that are still being written have their text so far."""
        pages = [page_of(rows, window) for rows in each]
        status = value_of(shape.columns, "status")
        for page in pages:
            unfinished = STREAMING in map(status, page.rows)
            page.rows = row_sequence(self._connection, MessageRecord, shape.columns, page.rows)
            if unfinished:
                page.rows = await filled(self._connection, self._owner_id, page.rows)
        return pages

    async def _of_several(self, ids: Sequence[str], shape: Shape, window: Window) -> Sequence[Row]:
        given = {"owner": self._owner_id, **places(window)}
        if has_lateral(self._connection):
            found = lateral(shape)
        elif shape.scope.is_active_branch and not (shape.after or shape.before):
            found = from_an_end(shape.columns, shape.backward)
        else:
            return await raw(self._connection, put_together(shape, ids), given)
        statement, chosen = found.of(ids)
        return await statement.rows(self._connection, {**given, **chosen})

    async def before_position(
        self, conversation_id: str, position: int | None, count: int
    ) -> list[MessageRecord]:
        """At most ``count`` messages of the active branch just before a position, or its last ones,
        in order."""
        statement = (
            select(*COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.conversation_id == conversation_id)
            .where(Message.active)
            .order_by(Message.position.desc())
            .limit(count)
        )
        if position is not None:
            statement = statement.where(Message.position < position)
        return (await self._rows(statement, {}))[::-1]

    async def page_around(
        self, message: MessageRecord, scope: MessageScope, size: int
    ) -> Page[MessageRecord]:
        """A page of a message's conversation with the message in its middle."""
        ids = [message.conversation_id]
        earlier = Window(size // 2, backward=True, before=(message.added_revision,))
        later = Window(size - size // 2, after=(message.added_revision - 1,))
        above = (await self.pages_by_conversations(ids, scope, earlier))[message.conversation_id]
        below = (await self.pages_by_conversations(ids, scope, later))[message.conversation_id]
        return Page([*above.rows, *below.rows], below.has_next, above.has_previous)

    async def count_by_conversations(
        self, ids: Sequence[str], scope: MessageScope
    ) -> dict[str, int]:
        """How many messages of the scope each conversation holds; none where it is not named."""
        statement = (
            select(Message.conversation_id, func.count())
            .where(Message.owner_id == self._owner_id, Message.conversation_id.in_(ids))
            .where(*scope.conditions)
            .group_by(Message.conversation_id)
        )
        rows = await self._connection.execute(statement)
        return {row[0]: row[1] for row in rows}

    async def siblings(
        self, places: Sequence[tuple[str, str | None]]
    ) -> dict[tuple[str, str | None], list[str]]:
        """The ids of the alternatives at each place (conversation, parent), oldest first."""
        parents = [parent for _, parent in places if parent is not None]
        roots = [conversation for conversation, parent in places if parent is None]
        columns = (Message.id, Message.conversation_id, Message.parent_id, Message.added_revision)
        owned = select(*columns).where(Message.owner_id == self._owner_id)
        # Two ranges of one index; as one condition they would read all the owner has.
        both = union_all(
            owned.where(Message.parent_id.in_(parents)),
            owned.where(Message.parent_id.is_(None), Message.conversation_id.in_(roots)),
        ).subquery()
        statement = select(both.c.id, both.c.conversation_id, both.c.parent_id)
        rows = await self._connection.execute(statement.order_by(both.c.added_revision))
        found: dict[tuple[str, str | None], list[str]] = {place: [] for place in places}
        for row in map(SiblingRecord._make, rows):
            found[(row.conversation_id, row.parent_id)].append(row.id)
        return found

    async def last_place(self, conversation_id: str) -> tuple[str, int] | None:
        """The id and the position of the last message of a conversation's active branch."""
        given = {"owner": self._owner_id, "conversation": conversation_id}
        found = await _PLACE.row(self._connection, given)
        return (found[0], found[1]) if found else None

    async def insert(self, rows: Sequence[dict[str, Any]], *, new_ids: bool = False) -> None:
        """Stores messages; parents come before children. Raises Collision.

        ``new_ids`` says that the ids were made just now: none of them was ever deleted.
        """
        keyed = [(self._owner_id, *map(row.__getitem__, _FIELDS)) for row in rows]
        with collisions("pk_messages", "Another message has this id."):
            await insert_rows(self._connection, Message.__table__, ("owner_id", *_FIELDS), keyed)
        for start in range(0, 0 if new_ids else len(rows), CHUNK):
            ids = [row["id"] for row in rows[start : start + CHUNK]]
            await self._connection.execute(
                delete(MessageTombstone).where(
                    MessageTombstone.owner_id == self._owner_id,
                    MessageTombstone.message_id.in_(ids),
                )
            )

    async def update(self, message_id: str, **values: Any) -> None:
        """Changes columns of one message."""
        rows = [{"id": message_id, **values}]
        await update_rows(self._connection, Message, self._owner_id, rows)

    async def _rows(
        self, statement: Any, parameters: dict[str, Any], columns: tuple[Column, ...] = COLUMNS
    ) -> list[MessageRecord]:
        given = {**parameters, "owner": self._owner_id}
        rows = await records(self._connection, MessageRecord, columns, statement, given)
        return await filled(self._connection, self._owner_id, rows)


def page_of(rows: Sequence[Any], window: Window) -> Page[Any]:
    """The page, from the rows of one conversation."""
    behind = window.before if window.backward else window.after
    return cut(rows, window, more_behind=behind is not None)


def _grouped(ids: Sequence[str], rows: Sequence[Row], shape: Shape) -> dict[str, Sequence[Row]]:
    conversation_id = value_of(shape.columns, "conversation_id")
    grouped: dict[str, list[Row]] = {each: [] for each in ids}
    for conversation, row in zip(map(conversation_id, rows), rows, strict=True):
        if conversation is not None:  # a conversation without any of them has a row of nulls
            grouped[conversation].append(row)
    return {each: in_order(found, shape) for each, found in grouped.items()}


def in_order(rows: Sequence[Row], shape: Shape) -> Sequence[Row]:
    """Rows as a window reads them. What is put together comes in order, one range after the other,
    but nothing promises it. Along the active branch the revisions that added the messages grow as
    their positions do."""
    return sorted(rows, key=value_of(shape.columns, "added_revision"), reverse=shape.backward)
