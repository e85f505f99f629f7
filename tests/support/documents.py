"""Documents as the formats read them, by noun and by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from backend.formats.document import (
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.utils.message_parts import MessagePart, text_part

START = datetime(2023, 3, 4, 5, 6, 7, tzinfo=UTC)


def document_message(message_id: str, parent_id: str | None, **values: Any) -> DocumentMessage:
    """A message that says its own id, unless it is given ``text``."""
    text = values.pop("text", message_id)
    parts: list[MessagePart] = [text_part(text)]
    return DocumentMessage(
        **{"id": message_id, "parent_id": parent_id, "role": "user", "parts": parts, **values}
    )


def document(messages: Sequence[DocumentMessage] = (), **values: Any) -> DocumentConversation:
    """A conversation; the last message is the end of the branch that is shown."""
    given = list(messages)
    return DocumentConversation(
        **{
            "format": "chatgpt",
            "external_id": "c1",
            "title": "A title",
            "messages": given,
            "active_leaf_id": given[-1].id if given else None,
            "created_at": START,
            **values,
        }
    )


def chain(*names: str, **values: Any) -> DocumentConversation:
    """A conversation of one branch, a minute between two messages."""
    messages = [
        document_message(
            name,
            names[place - 1] if place else None,
            role="assistant" if place % 2 else "user",
            created_at=START + timedelta(minutes=place),
        )
        for place, name in enumerate(names)
    ]
    return document(messages, **values)


def said(found: DocumentConversation, message_id: str) -> DocumentMessage:
    """The message with this id."""
    return next(message for message in found.messages if message.id == message_id)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_COUNTS = st.none() | st.integers(0, 2**31 - 1)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)
_OBJECTS = st.dictionaries(_TEXTS | st.just("conversa"), _JSON, max_size=2)
_PARTS: st.SearchStrategy[Any] = st.one_of(
    _TEXTS.map(text_part),
    st.builds(lambda text: {"type": "reasoning", "text": text}, _TEXTS),
    st.builds(
        lambda call, name, value: {
            "type": "tool_call", "call_id": call, "name": name, "arguments": value,
        },
        _NAMES, _NAMES, _JSON,
    ),
    st.builds(
        lambda call, value, error: {
            "type": "tool_result", "call_id": call, "result": value, "is_error": error,
        },
        _NAMES, _JSON, st.booleans(),
    ),
    st.builds(
        lambda kind, url, size: {"type": "media", "media_type": kind, "url": url, "size": size},
        _NAMES, _TEXTS, _COUNTS,
    ),
    st.builds(
        lambda kind, value: {"type": "data", "data_type": kind, "data": value}, _NAMES, _JSON
    ),
)  # fmt: skip
_FEEDBACK = st.builds(
    DocumentFeedback,
    st.sampled_from([-1, 0, 1]),
    st.none() | _TEXTS,
    st.lists(_TEXTS, max_size=2),
    st.none() | _MOMENTS,
)
_VERSIONS = st.lists(st.builds(DocumentVersion, st.lists(_PARTS, max_size=2), _MOMENTS), max_size=2)


@st.composite
def document_messages(draw: st.DrawFn, message_id: str, parent_id: str | None) -> DocumentMessage:
    """Any message in a given place."""
    return DocumentMessage(
        id=message_id,
        parent_id=parent_id,
        role=draw(st.sampled_from(["system", "developer", "user", "assistant", "tool"])),
        parts=draw(st.lists(_PARTS, max_size=3)),
        name=draw(st.none() | _NAMES),
        status=draw(st.sampled_from(["complete", "incomplete", "failed"])),
        finish_reason=draw(st.none() | _NAMES),
        model=draw(st.none() | _NAMES),
        input_tokens=draw(_COUNTS),
        output_tokens=draw(_COUNTS),
        reasoning_tokens=draw(_COUNTS),
        metadata=draw(_OBJECTS),
        created_at=draw(st.none() | _MOMENTS),
        edited_at=draw(st.none() | _MOMENTS),
        versions=draw(_VERSIONS),
        feedback=draw(st.none() | _FEEDBACK),
    )


@st.composite
def documents(draw: st.DrawFn, external_id: str = "c1") -> DocumentConversation:
    """Any conversation: a few trees of up to eight messages in all."""
    count = draw(st.integers(0, 8))
    messages = []
    for place in range(count):
        parent = draw(st.none() | st.integers(0, place - 1).map(str)) if place else None
        messages.append(draw(document_messages(str(place), parent)))
    return DocumentConversation(
        format=draw(st.sampled_from(["chatgpt", "claude", "plain"])),
        external_id=external_id,
        title=draw(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=400)),
        messages=messages,
        active_leaf_id=draw(st.none() | st.integers(0, count - 1).map(str)) if count else None,
        metadata=draw(_OBJECTS),
        tags=draw(st.lists(_TEXTS | st.text("abc", min_size=60, max_size=70), max_size=3)),
        pinned=draw(st.booleans()),
        archived=draw(st.booleans()),
        created_at=draw(st.none() | _MOMENTS),
        updated_at=draw(st.none() | _MOMENTS),
    )
