"""The fields of a message that many formats write alike: roles, tokens used, times, feedback."""

from __future__ import annotations

from typing import Any

from backend.formats.document import DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.times import read_time
from backend.formats.values import as_count, as_text, has_content

ROLES = ("system", "developer", "user", "assistant", "tool")
STATUSES = ("complete", "incomplete", "failed")
HIDDEN = "hidden"
"""Key of a message's metadata: true where its source kept the message from its reader."""

_ROLES = {
    **{role: role for role in ROLES},
    "human": "user",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function": "tool",
}


def read_role(value: Any) -> str:
    """One of the five roles, of which other programs' names are known too.

    Raises BadConversation for any other: to guess who said something would be a lie.
    """
    role = None
    if isinstance(value, str):
        role = _ROLES.get(value) or _ROLES.get(value.lower())
    if role is None:
        raise BadConversation(
            "a message has no role" if value is None else f"unknown role {str(value)[:40]!r}"
        )
    return role


_COUNTS = {
    **dict.fromkeys(
        ("input_tokens", "prompt_tokens", "prompt_eval_count", "promptTokens"), "input_tokens"
    ),
    **dict.fromkeys(
        ("output_tokens", "completion_tokens", "eval_count", "completionTokens"), "output_tokens"
    ),
    "reasoning_tokens": "reasoning_tokens",
}
_COUNT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")


def read_usage(message: DocumentMessage, usage: Any) -> None:
    """Tokens as OpenAI, Anthropic, LangChain and Ollama count them."""
    if not isinstance(usage, dict):
        return
    for key, value in usage.items():
        name = _COUNTS.get(key)
        if name is not None and as_count(value) is not None:
            setattr(message, name, as_count(value))
    for key in _COUNT_DETAILS:
        details = usage.get(key)
        if isinstance(details, dict) and message.reasoning_tokens is None:
            told = details.get("reasoning_tokens", details.get("reasoning"))
            message.reasoning_tokens = as_count(told)


def keep_unread_time(message: DocumentMessage, key: str, value: Any) -> None:
    """Set the time of a message; one that makes no sense stays in its metadata."""
    message.created_at = read_time(value)
    if message.created_at is None and has_content(value) and value != 0:
        message.metadata[key] = value


def read_rating(value: Any) -> int | None:
    """-1, 0 or 1 for numbers and for the names of thumbs; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (value > 0) - (value < 0)
    name = (as_text(value) or "").lower().replace("_", "")
    return {"thumbsup": 1, "up": 1, "thumbsdown": -1, "down": -1}.get(name)
