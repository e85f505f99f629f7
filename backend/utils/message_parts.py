"""The typed parts of a message, as plain JSON objects, and the plain text they stand for.

A part is a dict with a ``type`` of ``text``, ``reasoning``, ``tool_call``, ``tool_result``,
``media`` or ``data``: the form that is stored, sent over REST and written to exports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NotRequired, TypedDict

JsonValue = Any


class TextPart(TypedDict):
    type: Literal["text"]
    text: str


class ReasoningPart(TypedDict):
    type: Literal["reasoning"]
    text: str


class ToolCallPart(TypedDict):
    type: Literal["tool_call"]
    call_id: str
    name: str
    arguments: JsonValue


class ToolResultPart(TypedDict):
    type: Literal["tool_result"]
    call_id: str
    name: NotRequired[str | None]
    result: JsonValue
    is_error: bool


class MediaPart(TypedDict):
    type: Literal["media"]
    media_type: str
    url: str
    name: NotRequired[str | None]
    size: NotRequired[int | None]


class DataPart(TypedDict):
    type: Literal["data"]
    data_type: str
    data: JsonValue


MessagePart = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | DataPart

PART_TYPES = ("text", "reasoning", "tool_call", "tool_result", "media", "data")


def text_part(text: str) -> TextPart:
    """A part that holds plain text."""
    return {"type": "text", "text": text}


def content_of(parts: Iterable[MessagePart]) -> str:
    """The plain text of a message: its text parts, or, where it has none, the results it carries.

    Texts are joined by a blank line. Reasoning, calls, media and data are not part of the text.
    """
    kept = list(parts)
    texts = [part["text"] for part in kept if part["type"] == "text"]
    if not texts:
        texts = [
            part["result"]
            for part in kept
            if part["type"] == "tool_result" and isinstance(part["result"], str)
        ]
    return "\n\n".join(text for text in texts if text)


def is_plain(parts: Sequence[MessagePart]) -> bool:
    """Whether the parts say no more than their plain text does: at most one part, of text."""
    return not parts or (len(parts) == 1 and parts[0]["type"] == "text")
