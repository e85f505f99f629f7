"""The items of OpenAI's Responses and Conversations APIs, put together to messages.

An answer of the API is a run of items: reasoning, calls of tools, messages. Reasoning goes with
what follows it and calls with the message before them, so that one turn is one message; every
message item begins a message of its own.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chat_parts import (
    block_notes,
    block_parts,
    content_parts,
    data_part,
    plain_result,
    tool_call,
    tool_result,
)
from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.message_fields import read_role, read_usage
from backend.formats.times import read_time
from backend.formats.tree import chain, free_id
from backend.formats.values import as_dict, as_id, as_text, digest, extras, first_id
from backend.utils.message_parts import MessagePart

_CALLS = frozenset({"function_call", "custom_tool_call"})
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
_OTHER_ITEMS = frozenset(
    {
        "reasoning", "web_search_call", "file_search_call", "computer_call", "computer_call_output",
        "code_interpreter_call", "image_generation_call", "local_shell_call",
        "local_shell_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request",
        "mcp_approval_response", "compaction",
    }
)  # fmt: skip
_ITEM_KEYS = frozenset({"type", "role", "content", "id", "status", "created_at"})
_HEAD_KEYS = frozenset(
    {"id", "object", "title", "created_at", "model", "usage", "items", "data", "output", "messages"}
)
_STATUS = {"in_progress": "incomplete", "incomplete": "incomplete", "failed": "failed"}


def is_item(value: dict[str, Any]) -> bool:
    """Whether an object is an item and no chat message."""
    kind = value.get("type")
    if not isinstance(kind, str):
        return False
    return (
        kind in _CALLS
        or kind in _RESULTS
        or kind in _OTHER_ITEMS
        or (kind == "message" and "role" in value)
    )


def holds_items(values: list[Any]) -> bool:
    return any(is_item(as_dict(value)) for value in values)


def read_items(
    items: list[Any], head: dict[str, Any], source: Any, index: int, format_name: str
) -> DocumentConversation:
    """A conversation out of items; ``head`` is the object that carried them, or an empty one."""
    reader = _Items(as_text(head.get("model")))
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise BadConversation(f"item {number} is not an object")
        try:
            reader.add(item)
        except BadConversation as error:
            raise BadConversation(f"item {number}: {error}") from None
    messages = list(reader.messages.values())
    if messages and messages[-1].role == "assistant":
        read_usage(messages[-1], head.get("usage"))
    return DocumentConversation(
        format=format_name,
        external_id=first_id(head, "id") or digest(source),
        title=as_text(head.get("title")),
        messages=messages,
        active_leaf_id=chain(messages),
        metadata=extras(head, _HEAD_KEYS),
        created_at=read_time(head.get("created_at")),
        index=index,
    )


class _Items:
    def __init__(self, model: str | None) -> None:
        self.messages: dict[str, DocumentMessage] = {}
        self._model = model
        self._open: DocumentMessage | None = None
        self._names: dict[str, str] = {}

    def add(self, item: dict[str, Any]) -> None:
        kind = as_text(item.get("type")) or "message"
        if kind == "message":
            self._add_message(item)
        elif kind in _RESULTS:
            self._add_result(item)
        else:
            self._turn(item).parts += self._turn_parts(kind, item)

    def _add_message(self, item: dict[str, Any]) -> None:
        role = read_role(item.get("role"))
        if role == "assistant" and self._open is not None and _only_reasoning(self._open):
            message = self._open
        else:
            message = self._begin(item, role)
        message.parts += content_parts(item.get("content"))
        message.status = _STATUS.get(str(item.get("status")), "complete")
        message.created_at = read_time(item.get("created_at"))
        message.metadata |= extras(item, _ITEM_KEYS)
        notes = block_notes(item.get("content"))
        if notes:
            message.metadata["annotations"] = notes
        self._open = message if role == "assistant" else None

    def _add_result(self, item: dict[str, Any]) -> None:
        message = self._begin(item, "tool")
        call_id = as_id(item.get("call_id")) or message.id
        result = plain_result(item.get("output"))
        message.parts = [tool_result(call_id, self._names.get(call_id), result)]
        self._open = None

    def _turn(self, item: dict[str, Any]) -> DocumentMessage:
        if self._open is None:
            self._open = self._begin(item, "assistant")
        return self._open

    def _turn_parts(self, kind: str, item: dict[str, Any]) -> list[MessagePart]:
        if kind in _CALLS:
            call_id = as_id(item.get("call_id")) or as_id(item.get("id")) or self._next_call()
            part = tool_call(call_id, item.get("name"), item.get("arguments", item.get("input")))
            self._names[call_id] = part["name"]
            return [part]
        if kind == "reasoning":
            return block_parts(item)
        return [data_part(kind, item)]

    def _next_call(self) -> str:
        return f"call:{len(self._names)}"

    def _begin(self, item: dict[str, Any], role: str) -> DocumentMessage:
        name = free_id(self.messages, as_id(item.get("id")))
        message = DocumentMessage(id=name, parent_id=None, role=role, parts=[])
        if role == "assistant":
            message.model = self._model
        self.messages[name] = message
        return message


def _only_reasoning(message: DocumentMessage) -> bool:
    return all(
        part["type"] == "reasoning" or (part["type"] == "data" and part["data_type"] == "reasoning")
        for part in message.parts
    )
