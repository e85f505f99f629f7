"""Statements for conversations by their ids and in pages, each built once for its shape: building
one costs more than running it. Their parameters are ``owner``, and those that ``places`` names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select, tuple_

from backend.models import Conversation
from backend.repositories.pages import Window
from backend.repositories.prepared import Prepared, PreparedOfIds
from backend.repositories.rows import Column

if TYPE_CHECKING:
    from backend.repositories.conversations import ConversationOrder

_OWNED = Conversation.owner_id == bindparam("owner")


@lru_cache(maxsize=64)
def by_id(columns: tuple[Column, ...]) -> Prepared:
    """These columns of the conversation ``id``."""
    return Prepared(select(*columns).where(_OWNED, Conversation.id == bindparam("id")))


@lru_cache(maxsize=64)
def by_ids(columns: tuple[Column, ...]) -> PreparedOfIds:
    """These columns of several conversations."""
    return PreparedOfIds(lambda ids: select(*columns).where(_OWNED, Conversation.id.in_(ids)))


@lru_cache(maxsize=256)
def page_in(
    columns: tuple[Column, ...],
    order: ConversationOrder,
    backward: bool,
    after: bool,
    before: bool,
) -> Select[Any]:
    """A page in an order, beyond keys or not; kept, for building it costs more than running it."""
    column = getattr(Conversation, order.column)
    statement = select(*columns).limit(bindparam("rows", type_=Integer))
    if after:
        statement = statement.where(_beyond(column, "after", up=not order.descending))
    if before:
        statement = statement.where(_beyond(column, "before", up=order.descending))
    upward = order.descending == backward
    return statement.order_by(
        *(each.asc() if upward else each.desc() for each in (column, Conversation.id))
    )


@lru_cache(maxsize=256)
def listed(
    columns: tuple[Column, ...],
    order: ConversationOrder,
    backward: bool,
    after: bool,
    before: bool,
    *,
    by_archived: bool,
) -> Prepared:
    """The same of an owner's list, of those that are archived, or not, or of both."""
    statement = page_in(columns, order, backward, after, before).where(_OWNED)
    if by_archived:
        statement = statement.where(Conversation.archived == bindparam("archived"))
    return Prepared(statement)


def places(window: Window) -> dict[str, Any]:
    """The parameters of a page."""
    parameters: dict[str, Any] = {"rows": window.size + 1}
    for name, key in (("after", window.after), ("before", window.before)):
        if key is not None:
            parameters[f"{name}_value"], parameters[f"{name}_id"] = key
    return parameters


def _beyond(column: Any, name: str, *, up: bool) -> ColumnElement[bool]:
    """Rows strictly after a key. As a row value it bounds the index range on both databases, and
    among equals too: of one title there may be thousands."""
    here = tuple_(column, Conversation.id)
    edge = tuple_(
        bindparam(f"{name}_value", type_=column.type),
        bindparam(f"{name}_id", type_=Conversation.id.type),
    )
    return here > edge if up else here < edge
