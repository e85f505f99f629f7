"""Identifiers: UUIDs in their usual 36-character lower-case text form, everywhere the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime

import uuid_utils

_TEXT_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): ordered by time, so that inserts stay at the end of an index."""
    return str(uuid_utils.uuid7())


def parse_id(text: str) -> str | None:
    """The canonical form of a UUID of any version, or None where the text is none.

    Only the form of RFC 9562, section 4, is one, in upper or lower case: without braces, ``urn:``
    and other digits than ASCII's, which the standard library takes too.
    """
    return text.lower() if _TEXT_FORM.fullmatch(text) else None


def derived_id(moment: datetime | None, *names: str) -> str:
    """A UUIDv7 that is always the same for the same time and names (RFC 9562, section 5.7 layout).

    The 74 bits that are usually random come from a SHA-256 digest of the names.
    """
    digest = _digest(names)
    return _version_7(moment, digest[1:20])


def derived_ids(group: tuple[str, ...]) -> Callable[[datetime | None, str], str]:
    """What derives the ids of a group's members from their times and names.

    Members without a time share the first 24 bits after it, so that they lie side by side in an
    index that thousands of other groups are in.
    """
    shared = _digest(group)[1:7]

    def derive(moment: datetime | None, name: str) -> str:
        digest = _digest((*group, name))
        if moment is not None:
            return _version_7(moment, digest[1:20])
        return _version_7(None, shared + digest[7:20])

    return derive


def _digest(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def _version_7(moment: datetime | None, bits: str) -> str:
    """Of the 19 hexadecimal digits the fourth gives two bits: two are the variant's."""
    time = f"{max(0, int(moment.timestamp() * 1000)):012x}" if moment else "000000000000"
    variant = _VARIANTS[bits[3]]
    return f"{time[:8]}-{time[8:]}-7{bits[:3]}-{variant}{bits[4:7]}-{bits[7:]}"
