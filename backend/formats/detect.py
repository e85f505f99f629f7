"""Which chat format a value is in, by what it holds; names of files say nothing.

The order of the questions matters: several formats share keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from backend.formats.chat_messages import message_list
from backend.formats.conversa import check_version, is_conversation, is_header
from backend.formats.errors import UnsupportedFormat
from backend.formats.json_stream import Layout
from backend.formats.langchain import is_message, is_row
from backend.formats.responses import is_item
from backend.formats.values import as_dict, as_list, as_text

Unit = Literal["conversation", "message", "row", "header", "wrapper"]


class Shape(NamedTuple):
    """The format of a value and what it is in it: of messages and rows, all together are read."""

    format: str
    unit: Unit


PLAIN_MESSAGE = Shape("plain", "message")

_PLAIN = Shape("plain", "conversation")
_WRAPPER_KEYS = ("conversations", "chats", "history")
_OPENAI_KEYS = frozenset({"tool_calls", "tool_call_id", "function_call", "refusal"})
_OPENAI_ROLES = frozenset({"developer", "tool", "function"})
_OPENAI_LINE_KEYS = frozenset(
    {"messages", "tools", "functions", "parallel_tool_calls", "weight", "metadata"}
)


def shape_of(value: Any) -> Shape | None:
    """What a value is; None where it is nothing known. Raises UnsupportedFormat for what is known
    but not read."""
    if isinstance(value, list):
        return _shape_of_list(value)
    if not isinstance(value, dict):
        return None
    for recognise in _QUESTIONS:
        shape = recognise(value)
        if shape is not None:
            return shape
    return None


def shape_in(value: Any, layout: Layout) -> Shape | None:
    """`shape_of` for an item of a file: lines of nothing but ``messages`` are OpenAI's."""
    shape = shape_of(value)
    if shape == _PLAIN and layout == "lines" and isinstance(value, dict):
        return Shape("openai" if value.keys() <= _OPENAI_LINE_KEYS else "plain", "conversation")
    return shape


def wrapped_values(value: dict[str, Any]) -> list[Any]:
    """The conversations of an object that only holds them."""
    for key in _WRAPPER_KEYS:
        if isinstance(value.get(key), list):
            return as_list(value[key])
    return []


def _shape_of_list(value: list[Any]) -> Shape | None:
    for element in value:
        shape = shape_of(element) if isinstance(element, dict) else None
        if shape is not None and shape.unit == "message":
            return Shape(_list_format(value, shape), "conversation")
    return None


def _list_format(messages: list[Any], shape: Shape) -> str:
    if shape.format == "plain" and any(map(_is_openai_message, messages)):
        return "openai"
    return shape.format


def _is_openai_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    return (
        not _OPENAI_KEYS.isdisjoint(message)
        or as_text(message.get("role")) in _OPENAI_ROLES
        or isinstance(message.get("content"), list)
        or is_item(message)
    )


def _conversa(value: dict[str, Any]) -> Shape | None:
    if is_header(value):
        check_version(value)
        return Shape("conversa", "header")
    return Shape("conversa", "conversation") if is_conversation(value) else None


def _grok(value: dict[str, Any]) -> Shape | None:
    if any("conversation" in as_dict(item) for item in as_list(value.get("conversations"))[:1]):
        raise UnsupportedFormat("this looks like a Grok export, which is not read")
    return None


def _librechat(value: dict[str, Any]) -> Shape | None:
    if "conversationId" in value and ("messages" in value or "messagesTree" in value):
        return Shape("librechat", "conversation")
    return None


def _claude(value: dict[str, Any]) -> Shape | None:
    return Shape("claude", "conversation") if "chat_messages" in value else None


def _chatgpt(value: dict[str, Any]) -> Shape | None:
    return Shape("chatgpt", "conversation") if "mapping" in value else None


def _openwebui(value: dict[str, Any]) -> Shape | None:
    chat = value.get("chat")
    inner = chat if isinstance(chat, dict) else value
    history = as_dict(inner.get("history"))
    if "messages" in history or (inner is chat and "messages" in inner):
        return Shape("openwebui", "conversation")
    return None


def _langchain(value: dict[str, Any]) -> Shape | None:
    if is_message(value):
        return Shape("langchain", "message")
    return Shape("langchain", "row") if is_row(value) else None


def _unread(value: dict[str, Any]) -> Shape | None:
    first = as_dict(next(iter(as_list(value.get("messages"))), None))
    if "headId" in value or ("message" in first and "parentId" in first):
        raise UnsupportedFormat("this looks like an assistant-ui export, which is not read")
    if "role" in value and "content" not in value and isinstance(value.get("parts"), list):
        raise UnsupportedFormat("this looks like a list of UIMessage, which is not read")
    return None


def _message(value: dict[str, Any]) -> Shape | None:
    if is_item(value):
        return Shape("openai", "message")
    role = value.get("role")
    if isinstance(role, str) and (
        "content" in value or "text" in value or not _OPENAI_KEYS.isdisjoint(value)
    ):
        return Shape("openai" if _is_openai_message(value) else "plain", "message")
    return None


def _message_lists(value: dict[str, Any]) -> Shape | None:
    messages = message_list(value)
    if messages is not None:
        return _shape_of_list(messages) or (_PLAIN if "messages" in value else None)
    for key in ("output", "items", "data"):
        inner = _shape_of_list(as_list(value.get(key)))
        if inner is not None and inner.format == "openai":
            return inner
    return None


def _wrapper(value: dict[str, Any]) -> Shape | None:
    for element in wrapped_values(value):
        inner = shape_of(element)
        if inner is not None and inner.unit == "conversation":
            return Shape(inner.format, "wrapper")
    return None


_QUESTIONS: tuple[Callable[[dict[str, Any]], Shape | None], ...] = (
    _conversa,
    _grok,
    _librechat,
    _claude,
    _chatgpt,
    _openwebui,
    _langchain,
    _unread,
    _message,
    _message_lists,
    _wrapper,
)
