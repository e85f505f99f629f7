"""Identifiers: UUIDs in their usual 36-character lower-case text form, everywhere the same."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from uuid import UUID

import uuid_utils

_TEXT_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


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
    digest = hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogatepass")).digest()
    milliseconds = max(0, int(moment.timestamp() * 1000)) if moment else 0
    high = (milliseconds & (2**48 - 1)) << 16 | 0x7000 | (int.from_bytes(digest[:2], "big") & 0xFFF)
    low = 2 << 62 | (int.from_bytes(digest[2:10], "big") & (2**62 - 1))
    return str(UUID(int=high << 64 | low))
