"""Entity tags and the conditions that name them (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Header

from backend.errors import Conflict
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.routers.problems import PreconditionFailed

_TAG = re.compile(r'(W/)?("[^"]*")')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="Change it only as long as it has this entity tag.",
        examples=['"7"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="Send it only where it has none of these entity tags.",
        examples=['"7"'],
    ),
]


def chat_tag(row: ConversationRecord) -> str:
    """The entity tag of a chat: its revision."""
    return f'"{row.revision}"'


def message_tag(row: MessageRecord) -> str:
    """The entity tag of a message: its revision, and what changes without giving it a new one: its
    place, which changes to other messages move, and its length while it is being written."""
    place = f"{row.position}.{'active' if row.active else 'aside'}"
    written = f".{len(row.content)}" if row.status == "streaming" else ""
    return f'"{row.revision}.{place}{written}"'


def is_unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether a reader who gave this header has the state with this tag already."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in (
        found[2] for found in _TAG.finditer(if_none_match)
    )


def require_match(if_match: str | None, tag: str, revision: int) -> None:
    """Raises PreconditionFailed where the header names only other states than this one."""
    if if_match is None or if_match.strip() == "*":
        return
    # A weak tag never matches here (section 13.1.1).
    if tag not in (found[2] for found in _TAG.finditer(if_match) if not found[1]):
        raise PreconditionFailed(
            f"It is at revision {revision} now, with the entity tag {tag}.",
            field=("if-match",),
            current_revision=revision,
        )


def guarded_revision(if_match: str | None, revision: int) -> int | None:
    """The revision that must still be there when the change is made."""
    return None if if_match is None or if_match.strip() == "*" else revision


@contextmanager
def precondition(if_match: str | None) -> Iterator[None]:
    """Another change that came between the check and the write fails the precondition too."""
    try:
        yield
    except Conflict as error:
        if if_match is None:
            raise
        raise PreconditionFailed(
            error.message, field=("if-match",), current_revision=error.current_revision
        ) from None
