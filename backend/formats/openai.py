"""OpenAI's chat messages (with tool calls and lists of content) and the items of its Responses and
Conversations APIs, as a list or in the object that carries it.

Shapes: the API's reference for chat completions, responses, and fine-tuning files.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chat_messages import read_chat
from backend.formats.document import DocumentConversation
from backend.formats.responses import holds_items, read_items
from backend.formats.values import as_dict, as_list

FORMAT = "openai"
_ITEM_KEYS = ("items", "data", "output", "messages")


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    return read_messages(value, index, FORMAT)


def read_messages(value: Any, index: int, format_name: str) -> DocumentConversation:
    """Chat messages or items, whichever they are."""
    items = value if isinstance(value, list) else _items_of(as_dict(value))
    if holds_items(items):
        return read_items(items, as_dict(value), value, index, format_name)
    return read_chat(value, index, format_name)


def _items_of(value: dict[str, Any]) -> list[Any]:
    return next((as_list(value[key]) for key in _ITEM_KEYS if as_list(value.get(key))), [])
