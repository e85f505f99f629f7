"""Conversa's own export: JSON Lines, everything kept, nothing else needed to read it.

The first line is the header, ``{"conversa": 1}``: the version of the form. Every other line is one
conversation, an object with the fields of `DocumentConversation`, its messages in a list, parents
before their children, each an object with the fields of `DocumentMessage`. Fields that say nothing
(null, false, an empty list or object; a ``status`` of "complete") are left out. Times are ISO 8601
in UTC. ``index`` is not written: it is the line's place. Headers may come again further on, so that
files can be put together with ``cat``, and lines can be cut out with ``grep``: the line of a
conversation is known by its ``format`` and ``external_id``.

What is read is checked as strictly as what comes from a client: unknown roles, parts that are not
of their type, a parent that does not come first are refused with the place. Fields this version
does not know are passed over, so that a later one may add some; a higher version is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from backend.formats.document import (
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.formats.errors import BadConversation, UnsupportedFormat
from backend.formats.message_fields import ROLES, STATUSES
from backend.formats.part_check import check_parts
from backend.formats.times import read_time
from backend.formats.values import as_count, dumps

FORMAT = "conversa"
VERSION = 1

_CONVERSATION_FIELDS = (
    "format", "external_id", "title", "created_at", "updated_at", "active_leaf_id", "tags",
    "pinned", "archived", "metadata",
)  # fmt: skip
_MESSAGE_FIELDS = (
    "id", "parent_id", "role", "name", "parts", "status", "finish_reason", "model", "input_tokens",
    "output_tokens", "reasoning_tokens", "metadata", "created_at", "edited_at",
)  # fmt: skip
_VERSION_FIELDS = ("parts", "replaced_at")
_FEEDBACK_FIELDS = ("rating", "comment", "tags", "updated_at")


def is_header(value: dict[str, Any]) -> bool:
    """Whether a line is a header."""
    version = value.get("conversa")
    return isinstance(version, int) and not isinstance(version, bool) and "messages" not in value


def check_version(header: dict[str, Any]) -> None:
    """Raises UnsupportedFormat for a version still to come."""
    if header["conversa"] > VERSION:
        raise UnsupportedFormat(
            f"it is a Conversa export of version {header['conversa']}; "
            f"this program reads up to {VERSION}"
        )


def is_conversation(value: dict[str, Any]) -> bool:
    """Whether a line is a conversation of this form."""
    return isinstance(value.get("external_id"), str) and isinstance(value.get("format"), str)


def write_documents(documents: Iterable[DocumentConversation]) -> Iterator[bytes]:
    """The file, a line at a time."""
    yield dumps({"conversa": VERSION}) + b"\n"
    for document in documents:
        line = _told(document, _CONVERSATION_FIELDS)
        line["messages"] = [_message_object(message) for message in document.messages]
        yield dumps(line) + b"\n"


def _message_object(message: DocumentMessage) -> dict[str, Any]:
    told = _told(message, _MESSAGE_FIELDS)
    if message.status == "complete":
        del told["status"]
    if message.versions:
        told["versions"] = [_told(version, _VERSION_FIELDS) for version in message.versions]
    if message.feedback is not None:
        told["feedback"] = _told(message.feedback, _FEEDBACK_FIELDS)
    return told


def _told(source: object, names: tuple[str, ...]) -> dict[str, Any]:
    told = {}
    for name in names:
        value = getattr(source, name)
        if value is not None and value is not False and value != [] and value != {}:
            told[name] = value
    return told


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    fields = _Fields(value)
    messages = _messages(fields.items("messages"))
    document = DocumentConversation(
        format=fields.needed_text("format"),
        external_id=fields.needed_text("external_id"),
        title=fields.text("title"),
        messages=list(messages.values()),
        active_leaf_id=fields.text("active_leaf_id"),
        metadata=fields.object("metadata"),
        tags=fields.texts("tags"),
        pinned=fields.flag("pinned"),
        archived=fields.flag("archived"),
        created_at=fields.time("created_at"),
        updated_at=fields.time("updated_at"),
        index=index,
    )
    if document.active_leaf_id is not None and document.active_leaf_id not in messages:
        raise BadConversation("its active_leaf_id is none of its messages")
    return document


def _messages(raws: list[Any]) -> dict[str, DocumentMessage]:
    messages: dict[str, DocumentMessage] = {}
    for number, raw in enumerate(raws):
        try:
            message = _message(raw)
            if message.id in messages:
                raise BadConversation("its id is taken by an earlier message")
            if message.parent_id is not None and message.parent_id not in messages:
                raise BadConversation("its parent is no earlier message")
        except BadConversation as error:
            raise BadConversation(f"message {number}: {error}") from None
        messages[message.id] = message
    return messages


def _message(raw: Any) -> DocumentMessage:
    fields = _Fields(raw)
    return DocumentMessage(
        id=fields.needed_text("id"),
        parent_id=fields.text("parent_id"),
        role=fields.one_of("role", ROLES, None),
        parts=check_parts(fields.items("parts")),
        name=fields.text("name"),
        status=fields.one_of("status", STATUSES, "complete"),
        finish_reason=fields.text("finish_reason"),
        model=fields.text("model"),
        input_tokens=fields.count("input_tokens"),
        output_tokens=fields.count("output_tokens"),
        reasoning_tokens=fields.count("reasoning_tokens"),
        metadata=fields.object("metadata"),
        created_at=fields.time("created_at"),
        edited_at=fields.time("edited_at"),
        versions=[_version(version) for version in fields.items("versions")],
        feedback=_feedback(fields.source["feedback"]) if "feedback" in fields.source else None,
    )


def _version(raw: Any) -> DocumentVersion:
    fields = _Fields(raw)
    replaced_at = fields.time("replaced_at")
    if replaced_at is None:
        raise BadConversation("an earlier version does not say when it was replaced")
    return DocumentVersion(check_parts(fields.items("parts")), replaced_at)


def _feedback(raw: Any) -> DocumentFeedback | None:
    if raw is None:
        return None
    fields = _Fields(raw)
    rating = fields.source.get("rating")
    if isinstance(rating, bool) or rating not in (-1, 0, 1):
        raise BadConversation("the rating of a feedback is not -1, 0 or 1")
    return DocumentFeedback(
        int(rating), fields.text("comment"), fields.texts("tags"), fields.time("updated_at")
    )


class _Fields:
    """An object's fields by type; each getter raises BadConversation for a value of another."""

    def __init__(self, source: Any) -> None:
        if not isinstance(source, dict):
            raise BadConversation("it is not an object")
        self.source: dict[str, Any] = source

    def text(self, name: str) -> str | None:
        value = self.source.get(name)
        if value is not None and not isinstance(value, str):
            raise BadConversation(f"{name} is not text")
        return value

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise BadConversation(f"{name} is missing")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...], default: str | None) -> str:
        value = self.source.get(name, default)
        if value not in allowed:
            raise BadConversation(f"{name} is not one of {', '.join(allowed)}")
        return str(value)

    def items(self, name: str) -> list[Any]:
        value = self.source.get(name)
        if value is not None and not isinstance(value, list):
            raise BadConversation(f"{name} is not a list")
        return value or []

    def texts(self, name: str) -> list[str]:
        value = self.items(name)
        if not all(isinstance(item, str) for item in value):
            raise BadConversation(f"{name} holds something that is not text")
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self.source.get(name)
        if value is not None and not isinstance(value, dict):
            raise BadConversation(f"{name} is not an object")
        return value or {}

    def flag(self, name: str) -> bool:
        value = self.source.get(name)
        if value is not None and not isinstance(value, bool):
            raise BadConversation(f"{name} is neither true nor false")
        return bool(value)

    def count(self, name: str) -> int | None:
        value = self.source.get(name)
        if value is not None and as_count(value) is None:
            raise BadConversation(f"{name} is not a whole number")
        return as_count(value)

    def time(self, name: str) -> datetime | None:
        value = self.source.get(name)
        moment = read_time(value) if isinstance(value, str) else None
        if value is not None and moment is None:
            raise BadConversation(f"{name} is not a time in ISO 8601")
        return moment
