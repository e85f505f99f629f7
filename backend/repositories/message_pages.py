"""Statements for pages of messages, each built once for its shape: building one takes longer than
running it. Their parameters are ``owner``, and those that ``places`` and the callers name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from backend.models import Conversation, Message
from backend.repositories.pages import Window
from backend.repositories.prepared import Prepared, PreparedOfIds
from backend.repositories.records import MessageRecord
from backend.repositories.rows import Column, chosen_columns

NOBODY = "00000000-0000-0000-0000-000000000000"
MOST_PADDED = 256

COLUMNS = tuple(getattr(Message, name) for name in MessageRecord._fields)
# What cursors and unfinished messages are made of, and what pages are told apart by.
NEEDED = frozenset(["id", "status", "added_revision"])
NEEDED_OF_SEVERAL = NEEDED | {"conversation_id"}
_SAME_CONVERSATION = and_(
    Message.owner_id == Conversation.owner_id, Message.conversation_id == Conversation.id
)
Ids = list[BindParameter[Any]]


def _chosen(ids: Ids) -> ColumnElement[bool]:
    return and_(Conversation.owner_id == bindparam("owner"), Conversation.id.in_(ids))


class MessageScope(NamedTuple):
    """Which messages of a conversation: the branch that is shown or all, of any role or of some."""

    active: bool = True
    roles: tuple[str, ...] = ()

    @property
    def is_active_branch(self) -> bool:
        """Whether it is the whole active branch, whose pages are index ranges."""
        return self.active and not self.roles

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The same in SQL."""
        active = [Message.active.expression] if self.active else []
        return [*active, *([or_(*map(Message.role.__eq__, self.roles))] if self.roles else [])]


class PageAsked(NamedTuple):
    """A page of a conversation: which messages, where, and which of their columns, or all."""

    scope: MessageScope
    window: Window
    names: frozenset[str] | None


class Shape(NamedTuple):
    """A page without its size and its places: the columns, the scope, the end it is read from, and
    whether it lies beyond a place on either side."""

    columns: tuple[Column, ...]
    scope: MessageScope
    backward: bool
    after: bool
    before: bool


def shape_of(asked: PageAsked, *, several: bool) -> Shape:
    """The shape of a page of one conversation or of several, with whatever else has to be read."""
    scope, window, names = asked
    _, backward, after, before = window
    return _shape(scope, backward, after is not None, before is not None, names, several)


@lru_cache(maxsize=256)
def _shape(
    scope: MessageScope,
    backward: bool,
    after: bool,
    before: bool,
    names: frozenset[str] | None,
    several: bool,
) -> Shape:
    needed = NEEDED_OF_SEVERAL if several else NEEDED
    columns = chosen_columns(COLUMNS, names and names | needed)
    return Shape(columns, scope, backward, after, before)


def places(window: Window) -> dict[str, Any]:
    """The parameters of a page: one row more than it has, and the keys it lies between."""
    return {
        "rows": window.size + 1,
        "after": window.after and window.after[0],
        "before": window.before and window.before[0],
    }


# The active branch is numbered from 1 without gaps and its length is kept with the conversation, so
# the last N of each of many conversations are one index range each, in one statement. The joins are
# outer ones, for that keeps SQLite from reading messages first, which would be all of them; a
# conversation with none of what is asked for comes as one row without an id.
def _of_each(columns: tuple[Column, ...], ids: Ids, wanted: ColumnElement[bool]) -> Select[Any]:
    messages = and_(_SAME_CONVERSATION, Message.active, wanted)
    joined = select(*columns).select_from(Conversation).outerjoin(Message, messages)
    return joined.where(_chosen(ids))


@lru_cache(maxsize=256)
def from_an_end(columns: tuple[Column, ...], backward: bool) -> PreparedOfIds:
    """The first or the last messages of the active branch of each of the ids."""
    if backward:
        wanted = Message.position > Conversation.message_count - bindparam("rows", type_=Integer)
        ordered = Message.position.desc()
    else:
        wanted = Message.position <= bindparam("rows", type_=Integer)
        ordered = Message.position.asc()
    return PreparedOfIds(
        lambda ids: _of_each(columns, ids, wanted).order_by(Conversation.id, ordered)
    )


LAST = PreparedOfIds(
    lambda ids: _of_each(COLUMNS, ids, Message.position == Conversation.message_count)
)


@lru_cache(maxsize=256)
def lateral(shape: Shape) -> PreparedOfIds:
    """A limited index range of each of the ids, as PostgreSQL takes it: one statement for any
    number of conversations. The limit inside tells it what it cannot guess from a range of
    positions, that little will be read."""
    page = range_of(shape, Conversation.id).lateral()
    joined = select(*page.columns).select_from(Conversation).join(page, true())
    return PreparedOfIds(lambda ids: joined.where(_chosen(ids)))


@lru_cache(maxsize=256)
def limited(shape: Shape) -> Prepared:
    """A limited index range of the conversation ``id``."""
    return Prepared(range_of(shape, bindparam("id", type_=Conversation.id.type)))


def put_together(shape: Shape, ids: Sequence[str]) -> Any:
    """The same of several conversations, as SQLite takes it."""
    # Each number of pieces is a statement of its own, large to keep: there are few such numbers.
    padded = 1 << (len(ids) - 1).bit_length()
    nobody = [NOBODY] * (padded - len(ids) if padded <= MOST_PADDED else 0)
    pieces = (range_of(shape, each).subquery() for each in (*ids, *nobody))
    return union_all(*(select(*each.columns) for each in pieces))


def range_of(shape: Shape, conversation_id: ColumnElement[str] | Any) -> Select[Any]:
    """A limited index range of one conversation."""
    scope = shape.scope
    order = Message.position if scope.active else Message.added_revision
    statement = select(*shape.columns).where(
        Message.owner_id == bindparam("owner"), Message.conversation_id == conversation_id
    )
    statement = statement.where(*scope.conditions)
    if shape.after:
        edge = _edge(conversation_id, scope, "after", inclusive=True)
        statement = statement.where(order > edge)
    if shape.before:
        edge = _edge(conversation_id, scope, "before", inclusive=False)
        # Of a branch it is the last place before the cursor's, so that a place is found even when
        # the cursor's own message is gone.
        statement = statement.where(order <= edge if scope.active else order < edge)
    ordered = statement.order_by(order.desc() if shape.backward else order.asc())
    return ordered.limit(bindparam("rows", type_=Integer))


def _edge(
    conversation_id: ColumnElement[str] | Any, scope: MessageScope, name: str, *, inclusive: bool
) -> ColumnElement[int]:
    """A cursor's place in the order. Cursors hold the revision that added a message, which never
    changes; on the active branch it is turned into today's position, which may have."""
    added: ColumnElement[int] = bindparam(name, type_=BigInteger)
    if not scope.active:
        return added
    near = aliased(Message)
    bound = near.added_revision <= added if inclusive else near.added_revision < added
    position = (
        select(near.position)
        .where(near.owner_id == bindparam("owner"), near.conversation_id == conversation_id)
        .where(near.active, bound)
        .order_by(near.added_revision.desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    return func.coalesce(position, 0)
