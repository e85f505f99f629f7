"""From what a client asks of a page to what the repositories read, the same for every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

from backend.errors import Invalid
from backend.ids import parse_id
from backend.limits import CONVERSATIONS_DEFAULT, MESSAGES_DEFAULT
from backend.repositories.conversations import ConversationOrder
from backend.repositories.pages import (
    Key,
    Window,
    cursors_by,
    decode_cursor,
    encode_cursor,
    itself,
    page_size,
)
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.thin import ThinRows, getter, raw_of, stored_places

OrderField = Literal["last_activity", "created_at", "title"]
# The letter marks the order in its cursors; upper case where it descends.
_ORDERS: dict[OrderField, tuple[str, str]] = {
    "last_activity": ("a", "last_activity_at"),
    "created_at": ("c", "created_at"),
    "title": ("t", "title_key"),
}
MESSAGE_ORDER = "m"
KEPT_CURSORS = 1_000
KEPT_MESSAGE_CURSORS = 10_000


def conversation_order(field: OrderField, *, descending: bool) -> ConversationOrder:
    """One of the orders of the list of conversations."""
    letter, column = _ORDERS[field]
    return ConversationOrder(letter.upper() if descending else letter, column, descending)


class ConversationCursors:
    """Makes the cursors of conversations in an order. The last thousand or so are kept, for a list
    is asked for again and again: by id, for to hash a moment takes half as long as all else."""

    def __init__(self, order: ConversationOrder) -> None:
        self._column = order.column
        self._place_of = attrgetter(order.column)
        self._encode = cursors_by(order.letter, itself)
        self._made: dict[str, tuple[Any, str]] = {}
        self._made_of_stored: dict[str, tuple[Any, str]] = {}

    def __call__(self, row: ConversationRecord) -> str:
        """The cursor of one."""
        place = self._place_of(row)
        known = self._made.get(row.id)
        if known is None or known[0] != place:
            known = self._keep(self._made, row, place)
        return known[1]

    def of_all(self, rows: Sequence[ConversationRecord]) -> Iterable[str]:
        """The cursors of a page's, by what is stored: no moment is made to look one up."""
        places = stored_places(rows.kind) if type(rows) is ThinRows else None
        if places is None or self._column not in places:
            return map(self, rows)
        own_id, place, made = places["id"], places[self._column], self._made_of_stored
        found = []
        for number, raw in enumerate(raw_of(rows)):
            known = made.get(raw[own_id])
            if known is None or known[0] != raw[place]:
                known = self._keep(made, rows[number], raw[place])
            found.append(known[1])
        return found

    def _keep(
        self, made: dict[str, tuple[Any, str]], row: ConversationRecord, place: Any
    ) -> tuple[Any, str]:
        if len(made) >= KEPT_CURSORS:
            made.clear()
        known = made[row.id] = (place, self._encode((self._place_of(row), row.id)))
        return known


conversation_cursors = lru_cache(maxsize=16)(ConversationCursors)
"""What makes the cursors of an order, kept."""


class _MessageCursors(dict[int, str]):
    """By the revision that added a message. Kept, for these are small numbers that come again and
    again: 2 MB."""

    def __missing__(self, added_revision: int) -> str:
        if len(self) >= KEPT_MESSAGE_CURSORS:
            self.clear()
        text = self[added_revision] = encode_cursor(MESSAGE_ORDER, added_revision)
        return text


_message_cursors = _MessageCursors()


def message_cursor(row: MessageRecord) -> str:
    """The cursor of a message among those of its conversation, whatever the branch and roles."""
    return _message_cursors[row.added_revision]


def cursors_of(cursor_of: Callable[[Any], str], rows: Sequence[Any]) -> Iterable[str]:
    """The cursors of a page's rows."""
    if cursor_of is message_cursor:
        return map(_message_cursors.__getitem__, map(getter(rows, "added_revision"), raw_of(rows)))
    if type(cursor_of) is ConversationCursors:
        return cursor_of.of_all(rows)
    return map(cursor_of, rows)


@lru_cache(maxsize=256)
def conversation_window(
    order: ConversationOrder,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Window:
    """Which conversations are asked for; raises Invalid."""
    size, backward = page_size(
        first, last, default=CONVERSATIONS_DEFAULT, default_backward=_from_the_end(after, before)
    )
    return Window(
        size,
        backward,
        after=_conversation_key(order, after, "after"),
        before=_conversation_key(order, before, "before"),
    )


@lru_cache(maxsize=256)
def message_window(
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Window:
    """Which messages are asked for; raises Invalid."""
    size, backward = page_size(
        first, last, default=MESSAGES_DEFAULT, default_backward=_from_the_end(after, before)
    )
    return Window(
        size, backward, after=_message_key(after, "after"), before=_message_key(before, "before")
    )


def _from_the_end(after: str | None, before: str | None) -> bool:
    """A page before a cursor, of no said size, is the one right before it."""
    return before is not None and after is None


def _message_key(cursor: str | None, name: str) -> Key | None:
    return None if cursor is None else _named(name, cursor, MESSAGE_ORDER, int)


def _conversation_key(order: ConversationOrder, cursor: str | None, name: str) -> Key | None:
    if cursor is None:
        return None
    value, row_id = _named(name, cursor, order.letter, str, str)
    place = value if order.column == "title_key" else _moment(value)
    if place is None or parse_id(row_id) != row_id:
        raise Invalid("This is not a cursor; pass one on exactly as a page gave it.", field=(name,))
    return (place, row_id)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _named(name: str, cursor: str, order: str, *types: type) -> Key:
    try:
        return decode_cursor(cursor, order, *types)
    except Invalid as error:
        raise Invalid(error.message, field=(name,)) from None
