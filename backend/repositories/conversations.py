"""Conversations in SQL. Every statement names the owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.errors import NotFound
from backend.ids import parse_id
from backend.models import Conversation, ConversationTag, ConversationTombstone
from backend.repositories.collisions import collisions
from backend.repositories.conversation_pages import by_id, by_ids, listed, page_in, places
from backend.repositories.pages import Key, Page, Window, cut
from backend.repositories.prepared import Prepared, update_rows
from backend.repositories.records import ConversationRecord
from backend.repositories.rows import Column, chosen_columns, raw, records, row_sequence

COLUMNS = tuple(getattr(Conversation, name) for name in ConversationRecord._fields)
_OWNED = Conversation.owner_id == bindparam("owner")
_SELECT_BY_ID = select(*COLUMNS).where(_OWNED, Conversation.id == bindparam("id"))
_BY_ID = Prepared(_SELECT_BY_ID)
_BY_ID_LOCKED = Prepared(_SELECT_BY_ID.with_for_update())
_TAGS = (
    select(ConversationTag.conversation_id, ConversationTag.tag)
    .where(
        ConversationTag.owner_id == bindparam("owner"),
        ConversationTag.conversation_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(ConversationTag.conversation_id, ConversationTag.ordinal)
)


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations; None asks nothing. ``title_contains`` is a title key, not a title."""

    archived: bool | None = None
    pinned: bool | None = None
    tags: tuple[str, ...] = ()
    title_contains: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    active_after: datetime | None = None
    active_before: datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether more is asked than an index tells: rows that do not fit are read and left out."""
        return (
            bool(self.tags)
            or self.pinned is not None
            or self.title_contains is not None
            or self.created_after is not None
            or self.created_before is not None
            or self.active_after is not None
            or self.active_before is not None
        )


class ConversationOrder(NamedTuple):
    """An order of the list: by a column, ties broken by id. ``letter`` marks its cursors."""

    letter: str
    column: str
    descending: bool

    @property
    def key(self) -> Callable[[ConversationRecord], Key]:
        """What tells where a row stands in this order."""
        return attrgetter(self.column, "id")


class ConversationRepository:
    """One owner's conversations, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def find(self, conversation_id: str) -> ConversationRecord | None:
        """The conversation, or None."""
        return await self._one(_BY_ID, conversation_id)

    async def get(self, conversation_id: str) -> ConversationRecord:
        """The conversation; raises NotFound."""
        return _existing(await self._one(_BY_ID, conversation_id))

    async def lock(self, conversation_id: str) -> ConversationRecord:
        """The conversation, kept from changing until the commit; raises NotFound."""
        return _existing(await self._one(_BY_ID_LOCKED, conversation_id))

    async def find_locked(self, conversation_id: str) -> ConversationRecord | None:
        """The conversation, kept from changing until the commit, or None."""
        return await self._one(_BY_ID_LOCKED, conversation_id)

    async def find_by_source(self, format_: str, external_id: str) -> ConversationRecord | None:
        """The conversation that was imported from this source, or None."""
        statement = select(*COLUMNS).where(
            Conversation.owner_id == self._owner_id,
            Conversation.source_format == format_,
            Conversation.source_external_id == external_id,
        )
        row = (await self._connection.execute(statement)).first()
        return ConversationRecord._make(row) if row else None

    async def list_by_ids(
        self, ids: Sequence[str], names: frozenset[str] | None = None
    ) -> list[ConversationRecord]:
        """Those of the conversations that exist, in no order; of them these columns, or all."""
        columns = chosen_columns(COLUMNS, names and names | {"id"})
        if len(ids) == 1:
            return await self._records(by_id(columns), {"id": ids[0]}, columns)
        return await self._records(*by_ids(columns).of(ids), columns)

    async def page(
        self,
        chosen: ConversationFilter,
        order: ConversationOrder,
        window: Window,
        names: frozenset[str] | None = None,
    ) -> Page[ConversationRecord]:
        """One page of the list; of its rows these columns, or all."""
        columns = chosen_columns(COLUMNS, names and names | {"id", order.column})
        after, before = window.after is not None, window.before is not None
        shape = (columns, order, window.backward, after, before)
        statement: Select[Any] | Prepared
        if chosen.is_narrow:
            statement = page_in(*shape).where(*self._conditions(chosen))
        else:
            statement = listed(*shape, by_archived=chosen.archived is not None)
        given = {"owner": self._owner_id, "archived": chosen.archived, **places(window)}
        behind = window.before if window.backward else window.after
        rows = await raw(self._connection, statement, given)
        page: Page[Any] = cut(rows, window, more_behind=behind is not None)
        page.rows = row_sequence(self._connection, ConversationRecord, columns, page.rows)
        return page

    async def count(self, chosen: ConversationFilter) -> int:
        """How many conversations there are."""
        statement = select(func.count()).select_from(Conversation)
        statement = statement.where(*self._conditions(chosen))
        return await self._connection.scalar(statement) or 0

    async def tags_by_ids(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The tags of each conversation that has any, in the order they were given."""
        found: dict[str, list[str]] = defaultdict(list)
        rows = await self._connection.execute(_TAGS, {"owner": self._owner_id, "ids": list(ids)})
        for conversation_id, tag in rows:
            found[conversation_id].append(tag)
        return found

    async def insert(self, **values: Any) -> int:
        """Stores a new conversation and returns its revision; raises Collision.

        Where one was deleted under the same id, the new one counts on from its last revision: who
        holds a place in the old one's changes misses none of the new one's.
        """
        ended = await self._forget_deleted(values["id"])
        revision: int = values["revision"] + ended
        values |= {"revision": revision, "own_revision": values["own_revision"] + ended}
        with collisions("pk_conversations", "Another conversation has this id."):
            await self._connection.execute(
                insert(Conversation).values(owner_id=self._owner_id, **values)
            )
        return revision

    async def update(self, conversation_id: str, **values: Any) -> None:
        """Changes columns of one conversation."""
        await self.update_all([{"id": conversation_id, **values}])

    async def update_all(self, rows: Sequence[dict[str, Any]]) -> None:
        """Changes the same columns of several conversations, whose ids the rows hold."""
        await update_rows(self._connection, Conversation, self._owner_id, rows)

    async def replace_tags(self, conversation_id: str, tags: Sequence[str]) -> None:
        """Makes these the conversation's tags."""
        await self._connection.execute(
            delete(ConversationTag).where(
                ConversationTag.owner_id == self._owner_id,
                ConversationTag.conversation_id == conversation_id,
            )
        )
        if tags:
            await self._connection.execute(
                insert(ConversationTag),
                [
                    {
                        "owner_id": self._owner_id,
                        "conversation_id": conversation_id,
                        "tag": tag,
                        "ordinal": ordinal,
                    }
                    for ordinal, tag in enumerate(tags)
                ],
            )

    async def delete(self, conversation_id: str, *, revision: int, owner_revision: int) -> None:
        """Deletes a conversation and all in it, and leaves a tombstone in the owner's feed."""
        await self._connection.execute(delete(Conversation).where(*self._is(conversation_id)))
        await self._connection.execute(
            insert(ConversationTombstone).values(
                owner_id=self._owner_id,
                conversation_id=conversation_id,
                revision=revision,
                owner_revision=owner_revision,
            )
        )

    async def _forget_deleted(self, conversation_id: str) -> int:
        """Removes a tombstone; returns the revision it stood for, 0 where there was none."""
        statement = (
            delete(ConversationTombstone)
            .where(
                ConversationTombstone.owner_id == self._owner_id,
                ConversationTombstone.conversation_id == conversation_id,
            )
            .returning(ConversationTombstone.revision)
        )
        return await self._connection.scalar(statement) or 0

    async def _one(self, statement: Prepared, conversation_id: str) -> ConversationRecord | None:
        canonical = parse_id(conversation_id)
        if canonical is None:
            return None
        parameters = {"owner": self._owner_id, "id": canonical}
        found = await records(self._connection, ConversationRecord, COLUMNS, statement, parameters)
        return found[0] if found else None

    async def _records(
        self,
        statement: Select[Any] | Prepared,
        parameters: dict[str, Any],
        columns: tuple[Column, ...] = COLUMNS,
    ) -> list[ConversationRecord]:
        given = {"owner": self._owner_id, **parameters}
        return await records(self._connection, ConversationRecord, columns, statement, given)

    def _is(self, conversation_id: str) -> tuple[ColumnElement[bool], ...]:
        return (Conversation.owner_id == self._owner_id, Conversation.id == conversation_id)

    def _conditions(self, chosen: ConversationFilter) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [Conversation.owner_id == self._owner_id]
        for column, flag in (
            (Conversation.archived, chosen.archived),
            (Conversation.pinned, chosen.pinned),
        ):
            if flag is not None:
                conditions.append(column == flag)
        if chosen.title_contains:
            conditions.append(
                Conversation.title_key.contains(chosen.title_contains, autoescape=True)
            )
        conditions += [self._tagged(tag) for tag in chosen.tags]
        return conditions + _moments(chosen)

    def _tagged(self, tag: str) -> ColumnElement[bool]:
        return Conversation.id.in_(
            select(ConversationTag.conversation_id).where(
                ConversationTag.owner_id == self._owner_id, ConversationTag.tag == tag
            )
        )


def _moments(chosen: ConversationFilter) -> list[ColumnElement[bool]]:
    bounds: list[tuple[datetime | None, Any]] = [
        (chosen.created_after, Conversation.created_at.__gt__),
        (chosen.created_before, Conversation.created_at.__lt__),
        (chosen.active_after, Conversation.last_activity_at.__gt__),
        (chosen.active_before, Conversation.last_activity_at.__lt__),
    ]
    return [compare(moment) for moment, compare in bounds if moment is not None]


def _existing(row: ConversationRecord | None) -> ConversationRecord:
    if row is None:
        raise NotFound("There is no such conversation.")
    return row
