"""Keyset pages: what is asked for, what is answered, and the cursors between the two.

A cursor is base64url text of a version digit, the letter of the order it belongs to, and the key of
one row as JSON. It names a place in a total order, so rows that come and go elsewhere move nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from backend.errors import Invalid
from backend.limits import PAGE_SIZE

VERSION = "1"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
Row = TypeVar("Row")
Key = tuple[Any, ...]


class Window(NamedTuple):
    """Which rows of an order: ``size`` of them, from one end or beyond a key (exclusive)."""

    size: int
    backward: bool = False
    after: Key | None = None
    before: Key | None = None


@dataclass(slots=True)
class Page(Generic[Row]):
    """Rows in the order asked for, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


def encode_cursor(order: str, *key: Any) -> str:
    """The cursor of the row with this key in this order."""
    return cursors_by(order, itself)(key)


def cursors_by(order: str, key: Callable[[Any], Any]) -> Callable[[Any], str]:
    """What makes the cursors of an order from rows that have this key in it, a tuple."""
    head = f"{VERSION}{order}".encode()

    def cursor(row: Any) -> str:
        text = head + orjson.dumps(key(row), option=orjson.OPT_UTC_Z)
        encoded = binascii.b2a_base64(text, newline=False)
        return encoded.translate(_URL_SAFE, b"=").decode()

    return cursor


def itself(key: Key) -> Key:
    """For `cursors_by`, where what is given is the key."""
    return key


def decode_cursor(cursor: str, order: str, *types: type) -> Key:
    """The key in a cursor; raises Invalid where it is damaged or belongs to another order."""
    raw = raw_cursor(cursor)
    if raw[:2] != f"{VERSION}{order}".encode():
        raise Invalid(
            "This cursor belongs to another order; take one from a page of the same list "
            "in the same order."
        )
    key = _json(raw[2:])
    if not isinstance(key, list) or len(key) != len(types):
        raise _damaged()
    if not all(_fits(value, kind) for value, kind in zip(key, types, strict=True)):
        raise _damaged()
    return tuple(key)


def raw_cursor(cursor: str) -> bytes:
    """The bytes a cursor stands for; raises Invalid where no cursor of ours looks like it."""
    if not 4 <= len(cursor) <= 4096:
        raise _damaged()
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _damaged() from None
    if raw[:1] != VERSION.encode():
        raise _damaged()
    return raw


def _fits(value: Any, kind: type) -> bool:
    """Whether a value is of a kind, and one that a database takes as a parameter."""
    if type(value) is not kind:
        return False
    return 0 <= value < 2**63 if isinstance(value, int) else "\0" not in str(value)


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _damaged() from None


def _damaged() -> Invalid:
    return Invalid("This is not a cursor; pass one on exactly as a page gave it.")


def page_size(
    first: int | None, last: int | None, *, default: int, default_backward: bool = False
) -> tuple[int, bool]:
    """How many rows, and whether from the end; raises Invalid where the two make no sense."""
    if first is not None and last is not None:
        raise Invalid("Give either first or last, not both.", field=("first",))
    name, asked = ("last", last) if last is not None else ("first", first)
    if asked is None:
        return default, default_backward
    if not 0 <= asked <= PAGE_SIZE:
        raise Invalid(f"{name} must be from 0 to {PAGE_SIZE}.", field=(name,))
    return asked, last is not None


def cut(rows: Sequence[Row], window: Window, *, more_behind: bool) -> Page[Row]:
    """A page from ``size`` + 1 rows, read in the window's direction.

    ``more_behind`` says whether rows lie on the side the reading came from.
    """
    more_ahead = len(rows) > window.size
    kept = rows[: window.size]
    if window.backward:
        kept = kept[::-1]
        return Page(kept, has_next=more_behind, has_previous=more_ahead)
    return Page(kept, has_next=more_ahead, has_previous=more_behind)
