"""Whether parts that come from outside have the shapes that `backend.utils.message_parts` gives."""

from __future__ import annotations

from typing import Any

from backend.formats.errors import BadConversation
from backend.formats.values import as_count
from backend.utils.message_parts import MessagePart

# For each type the keys it needs, and whether they hold text (True) or any value (False).
_NEEDED: dict[str, dict[str, bool]] = {
    "text": {"text": True},
    "reasoning": {"text": True},
    "tool_call": {"call_id": True, "name": True, "arguments": False},
    "tool_result": {"call_id": True, "result": False},
    "media": {"media_type": True, "url": True},
    "data": {"data_type": True, "data": False},
}


def check_parts(parts: list[Any]) -> list[MessagePart]:
    """The parts as they are. Raises BadConversation for one that is not of its type."""
    for part in parts:
        _check(part)
    return parts


def _check(part: Any) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    needed = _NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None:
        raise BadConversation(f"a part is not one of {', '.join(_NEEDED)}")
    for key, is_text in needed.items():
        if key not in part or (is_text and not isinstance(part[key], str)):
            raise BadConversation(f"a {kind} part has no {key}")
    if kind == "tool_result" and not isinstance(part.get("is_error"), bool):
        raise BadConversation("a tool_result part does not say whether it is_error")
    if not isinstance(part.get("name"), str | None):
        raise BadConversation(f"the name in a {kind} part is not text")
    if part.get("size") is not None and as_count(part["size"]) is None:
        raise BadConversation(f"the size in a {kind} part is not a whole number")
