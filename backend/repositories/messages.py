"""Messages in SQL: read by id and in pages, written one or many. Each statement is owned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from backend.errors import NotFound
from backend.ids import parse_id
from backend.models import Conversation, Message, MessageTombstone
from backend.repositories.chunks import ChunkRepository
from backend.repositories.collisions import collisions
from backend.repositories.dialects import has_lateral
from backend.repositories.pages import Page, Window, cut
from backend.repositories.records import MessageRecord, SiblingRecord
from backend.repositories.rows import Column, chosen_columns, records

COLUMNS = tuple(getattr(Message, name) for name in MessageRecord._fields)
# What a page is put together by, and what its cursors and unfinished messages are made of.
NEEDED = frozenset(["id", "conversation_id", "status", "added_revision"])
# Far below the most parameters either database takes in one statement.
CHUNK = 5000
_OWNED = Message.owner_id == bindparam("owner")
_SAME_CONVERSATION = and_(
    Message.owner_id == Conversation.owner_id, Message.conversation_id == Conversation.id
)
_CHOSEN = (
    Conversation.owner_id == bindparam("owner"),
    Conversation.id.in_(bindparam("ids", expanding=True)),
)
_BY_ID = select(*COLUMNS).where(_OWNED, Message.id == bindparam("id"))
_STATE = select(Message.conversation_id, Message.status).where(
    _OWNED, Message.id == bindparam("id")
)
_BY_IDS = select(*COLUMNS).where(_OWNED, Message.id.in_(bindparam("ids", expanding=True)))


# The active branch is numbered from 1 without gaps and its length is kept with the conversation, so
# the last N of each of many conversations are one index range each, in one statement. The joins are
# outer ones, for that keeps SQLite from reading messages first, which would be all of them; a
# conversation with none of what is asked for comes as one row without an id.
def _of_each(columns: tuple[Column, ...], *wanted: ColumnElement[bool]) -> Select[Any]:
    messages = and_(_SAME_CONVERSATION, Message.active, *wanted)
    return select(*columns).select_from(Conversation).outerjoin(Message, messages).where(*_CHOSEN)


@lru_cache(maxsize=256)
def _from_an_end(columns: tuple[Column, ...], backward: bool) -> Select[Any]:
    """The first or the last messages of each; kept, for building it takes as long as running it."""
    if backward:
        wanted = Message.position > Conversation.message_count - bindparam("size")
        return _of_each(columns, wanted).order_by(Conversation.id, Message.position.desc())
    wanted = Message.position <= bindparam("size")
    return _of_each(columns, wanted).order_by(Conversation.id, Message.position)


_LAST = _of_each(COLUMNS, Message.position == Conversation.message_count)


@dataclass(frozen=True, slots=True)
class MessageScope:
    """Which messages of a conversation: the branch that is shown or all, of any role or of some."""

    active: bool = True
    roles: tuple[str, ...] = ()

    @property
    def is_active_branch(self) -> bool:
        """Whether it is the whole active branch, whose pages are index ranges."""
        return self.active and not self.roles


class MessageRepository:
    """One owner's messages, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id
        self._chunks = ChunkRepository(connection, owner_id)

    async def find(self, message_id: str) -> MessageRecord | None:
        """The message, or None."""
        canonical = parse_id(message_id)
        if canonical is None:
            return None
        return next(iter(await self._rows(_BY_ID, id=canonical)), None)

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
        found = (await self._connection.execute(_STATE, parameters)).first() if canonical else None
        if found is None:
            raise NotFound("There is no such message.")
        return (found[0], found[1])

    async def list_raw(self, ids: Sequence[str]) -> list[MessageRecord]:
        """Those of the messages that exist, in no order; those still being written without text."""
        parameters = {"owner": self._owner_id, "ids": list(ids)}
        rows = await self._connection.execute(_BY_IDS, parameters)
        return [MessageRecord._make(row) for row in rows]

    async def list_by_ids(self, ids: Sequence[str]) -> list[MessageRecord]:
        """Those of the messages that exist, in no order."""
        return await self._rows(_BY_IDS, ids=list(ids))

    async def last_by_conversations(self, ids: Sequence[str]) -> dict[str, MessageRecord]:
        """The last message of each conversation's active branch."""
        return {row.conversation_id: row for row in await self._rows(_LAST, ids=list(ids))}

    async def pages_by_conversations(
        self,
        ids: Sequence[str],
        scope: MessageScope,
        window: Window,
        names: frozenset[str] | None = None,
    ) -> dict[str, Page[MessageRecord]]:
        """One page of each conversation, in one statement that reads no more than it returns; of
        the messages these columns, or all."""
        columns = chosen_columns(COLUMNS, names and names | NEEDED)
        bounded = window.after is not None or window.before is not None
        if has_lateral(self._connection):
            statement = self._lateral(columns, scope, window)
            rows = await self._rows(statement, columns, ids=list(ids))
        elif scope.is_active_branch and not bounded:
            statement = _from_an_end(columns, window.backward)
            rows = await self._rows(statement, columns, ids=list(ids), size=window.size + 1)
        else:
            rows = await self._rows(self._limited(columns, ids, scope, window), columns)
        return _paged(ids, rows, window)

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
        return (await self._rows(statement))[::-1]

    async def page_around(
        self, message: MessageRecord, scope: MessageScope, size: int
    ) -> Page[MessageRecord]:
        """A page of a message's conversation with the message in its middle."""
        ids = [message.conversation_id]
        earlier = Window(size // 2, backward=True, before=(message.added_revision,))
        later = Window(size - size // 2, after=(message.added_revision - 1,))
        above = (await self.pages_by_conversations(ids, scope, earlier))[message.conversation_id]
        below = (await self.pages_by_conversations(ids, scope, later))[message.conversation_id]
        return Page(above.rows + below.rows, below.has_next, above.has_previous)

    async def count_by_conversations(
        self, ids: Sequence[str], scope: MessageScope
    ) -> dict[str, int]:
        """How many messages of the scope each conversation holds; none where it is not named."""
        statement = (
            select(Message.conversation_id, func.count())
            .where(Message.owner_id == self._owner_id, Message.conversation_id.in_(ids))
            .where(*_in_scope(scope))
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

    async def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Stores messages; parents come before children. Raises Collision."""
        keyed = [{"owner_id": self._owner_id, **row} for row in rows]
        with collisions("pk_messages", "Another message has this id."):
            await self._connection.execute(insert(Message), keyed)
        for start in range(0, len(rows), CHUNK):
            ids = [row["id"] for row in rows[start : start + CHUNK]]
            await self._connection.execute(
                delete(MessageTombstone).where(
                    MessageTombstone.owner_id == self._owner_id,
                    MessageTombstone.message_id.in_(ids),
                )
            )

    async def update(self, message_id: str, **values: Any) -> None:
        """Changes columns of one message."""
        await self._connection.execute(
            update(Message)
            .where(Message.owner_id == self._owner_id, Message.id == message_id)
            .values(**values)
        )

    def _limited(
        self,
        columns: tuple[Column, ...],
        ids: Sequence[str],
        scope: MessageScope,
        window: Window,
    ) -> Select[Any] | Any:
        """A limited index range of each conversation, put together: how SQLite takes it."""
        ranges = [self._range(columns, each, scope, window) for each in ids]
        if len(ranges) == 1:
            return ranges[0]
        pieces = [select(*each.subquery().columns) for each in ranges]
        return union_all(*pieces)

    def _lateral(
        self, columns: tuple[Column, ...], scope: MessageScope, window: Window
    ) -> Select[Any]:
        """The same as PostgreSQL takes it: one statement for any number of conversations. The limit
        inside tells it what it cannot guess from a range of positions, that little will be read."""
        page = self._range(columns, Conversation.id, scope, window).lateral()
        joined = select(*page.columns).select_from(Conversation).join(page, true())
        return joined.where(*_CHOSEN)

    def _range(
        self,
        columns: tuple[Column, ...],
        conversation_id: ColumnElement[str] | Any,
        scope: MessageScope,
        window: Window,
    ) -> Select[Any]:
        order = Message.position if scope.active else Message.added_revision
        place = (Message.owner_id == self._owner_id, Message.conversation_id == conversation_id)
        statement = select(*columns).where(*place, *_in_scope(scope))
        if window.after is not None:
            edge = self._edge(conversation_id, scope, window.after[0], inclusive=True)
            statement = statement.where(order > edge)
        if window.before is not None:
            edge = self._edge(conversation_id, scope, window.before[0], inclusive=False)
            if scope.active:
                # The last place before the cursor's, so that a place is found even when the
                # cursor's own message is gone.
                statement = statement.where(order <= edge)
            else:
                statement = statement.where(order < edge)
        return statement.order_by(order.desc() if window.backward else order.asc()).limit(
            window.size + 1
        )

    def _edge(
        self,
        conversation_id: ColumnElement[str] | Any,
        scope: MessageScope,
        added: int,
        *,
        inclusive: bool,
    ) -> ColumnElement[int]:
        """A cursor's place in the order. Cursors hold the revision that added a message, which
        never changes; on the active branch it is turned into today's position, which may have."""
        if not scope.active:
            return literal(added)
        near = aliased(Message)
        bound = near.added_revision <= added if inclusive else near.added_revision < added
        position = (
            select(near.position)
            .where(near.owner_id == self._owner_id, near.conversation_id == conversation_id)
            .where(near.active, bound)
            .order_by(near.added_revision.desc())
            .limit(1)
            .correlate(Conversation)
            .scalar_subquery()
        )
        return func.coalesce(position, 0)

    async def _rows(
        self, statement: Any, columns: tuple[Column, ...] = COLUMNS, **parameters: Any
    ) -> list[MessageRecord]:
        given = {"owner": self._owner_id, **parameters}
        rows = await records(self._connection, MessageRecord, columns, statement, given)
        return await self._chunks.fill(rows)


def message_cursor_key(row: MessageRecord) -> int:
    """What a message's cursor holds: it grows along every branch and never changes."""
    return row.added_revision


def _in_scope(scope: MessageScope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if scope.active:
        conditions.append(Message.active.expression)
    if scope.roles:
        conditions.append(Message.role.in_(scope.roles))
    return conditions


def _paged(
    ids: Sequence[str], rows: Sequence[MessageRecord], window: Window
) -> dict[str, Page[MessageRecord]]:
    grouped: dict[str, list[MessageRecord]] = {each: [] for each in ids}
    # Ranges put together come in order one by one, but nothing promises it. Along the active branch
    # the revisions that added the messages grow as their positions do.
    for row in sorted(rows, key=message_cursor_key, reverse=window.backward):
        grouped[row.conversation_id].append(row)
    behind = window.before if window.backward else window.after
    return {
        each: cut(found, window, more_behind=behind is not None) for each, found in grouped.items()
    }
