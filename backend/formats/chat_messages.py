"""Lists of ``{role, content, …}``: the form that small chat programs and OpenAI's API share.

Read are ``role``, ``content`` (or ``text``), ``name``, ``id``, ``model``, a time under any of its
usual names, ``parent_id``, and of OpenAI's chat messages ``tool_calls``, ``function_call``,
``tool_call_id``, ``refusal``, ``reasoning_content``, ``usage`` and ``finish_reason``. Every other
key is kept in the message's metadata.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from backend.formats.chat_parts import (
    block_notes,
    content_parts,
    data_part,
    plain_result,
    reasoning_part,
    tool_call,
    tool_result,
)
from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.message_fields import keep_unread_time, read_role, read_usage
from backend.formats.times import read_time
from backend.formats.tree import Node, arrange, chain, free_id
from backend.formats.values import (
    as_dict,
    as_id,
    as_list,
    as_text,
    digest,
    extras,
    first_id,
)
from backend.utils.message_parts import MessagePart, text_part

_TIME_KEYS = ("timestamp", "created_at", "createdAt", "create_time", "time", "date", "created")
_PARENT_KEYS = ("parent_id", "parentId")
_LIST_KEYS = ("messages", "history", "conversation", "conversations")
# Messages with no other keys than these, which is most of them, go a shorter way.
_USUAL_KEYS = frozenset({"role", "content", "name", "timestamp"})
_MESSAGE_KEYS = frozenset(
    {
        "role", "content", "name", "id", "model", "tool_calls", "function_call", "tool_call_id",
        "refusal", "reasoning_content", "usage", "finish_reason", "is_error", *_PARENT_KEYS,
    }
)  # fmt: skip
_CONVERSATION_KEYS = frozenset(
    {
        "id", "conversation_id", "title", "name", "model", "created_at", "createdAt", "create_time",
        "timestamp", "updated_at", "updatedAt", "update_time", "tags", "pinned", "archived",
    }
)  # fmt: skip


def message_list(value: dict[str, Any]) -> list[Any] | None:
    """The list of messages in an object, under one of its usual names."""
    for key in _LIST_KEYS:
        if isinstance(value.get(key), list):
            return as_list(value[key])
    return None


def read_chat(value: Any, index: int, format_name: str) -> DocumentConversation:
    """A conversation out of a list of messages or of an object that holds one."""
    head = as_dict(value)
    messages = value if isinstance(value, list) else _messages_of(value)
    model = as_text(head.get("model")) or as_text(as_dict(head.get("model")).get("id"))
    read = _Messages(model).read(messages)
    document = DocumentConversation(
        format=format_name,
        external_id=first_id(head, "id", "conversation_id") or digest(value),
        title=as_text(head.get("title")) or as_text(head.get("name")),
        messages=read,
        index=index,
    )
    if head:
        _read_head(document, head)
    document.active_leaf_id = read[-1].id
    return document


def _messages_of(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise BadConversation("it is neither an object nor a list of messages")
    messages = message_list(value)
    if messages is None:
        raise BadConversation(
            "its messages are not a list" if "messages" in value else "it has no messages"
        )
    return messages


def _read_head(document: DocumentConversation, head: dict[str, Any]) -> None:
    document.created_at = _first_time(head, "created_at", "createdAt", "create_time", "timestamp")
    document.updated_at = _first_time(head, "updated_at", "updatedAt", "update_time")
    document.tags = [tag for tag in as_list(head.get("tags")) if as_text(tag)]
    document.pinned = head.get("pinned") is True
    document.archived = head.get("archived") is True
    held = next(key for key in _LIST_KEYS if isinstance(head.get(key), list))
    document.metadata = extras(head, _CONVERSATION_KEYS | {held})


def _first_time(head: dict[str, Any], *keys: str) -> Any:
    return next((time for key in keys if (time := read_time(head.get(key)))), None)


# How many calls a result without a call's id is looked for among: programs that write such results
# answer each call at once.
_OPEN_CALLS = 64


class _Messages:
    """Reads the messages of one conversation, remembering the calls that results may answer."""

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._nodes: dict[str, Node] = {}
        self._is_tree = False
        self._names: dict[str, str] = {}
        self._open_calls: deque[tuple[str, str]] = deque(maxlen=_OPEN_CALLS)
        self._last: str | None = None

    def read(self, raws: list[Any]) -> list[DocumentMessage]:
        if not raws:
            raise BadConversation("it has no messages")
        for number, raw in enumerate(raws):
            if not isinstance(raw, dict):
                raise BadConversation(f"message {number} is not an object")
            try:
                self._add(raw)
            except BadConversation as error:
                raise BadConversation(f"message {number}: {error}") from None
        if self._is_tree:
            return arrange(self._nodes).messages
        messages = [node.message for node in self._nodes.values() if node.message is not None]
        chain(messages)
        return messages

    def _add(self, raw: dict[str, Any]) -> None:
        usual = raw.keys() <= _USUAL_KEYS
        message = DocumentMessage(
            free_id(self._nodes, None if usual else as_id(raw.get("id"))),
            None,
            read_role(raw.get("role")),
            [],
        )
        content = raw.get("content")
        if usual and isinstance(content, str) and message.role != "tool":
            message.name = as_text(raw.get("name"))
            if "timestamp" in raw:
                keep_unread_time(message, "timestamp", raw["timestamp"])
            if content:
                message.parts.append(text_part(content))
            parent = None
        else:
            self._read_rest(message, raw)
            message.parts = self._parts(message, raw)
            parent = first_id(raw, *_PARENT_KEYS)
        if message.model is None and message.role == "assistant":
            message.model = self._model
        self._is_tree = self._is_tree or parent is not None
        self._nodes[message.id] = Node(parent or self._last, message)
        self._last = message.id

    def _read_rest(self, message: DocumentMessage, raw: dict[str, Any]) -> None:
        message.name = as_text(raw.get("name"))
        message.model = as_text(raw.get("model"))
        message.finish_reason = as_text(raw.get("finish_reason"))
        read_usage(message, raw.get("usage"))
        time_key = next((key for key in _TIME_KEYS if key in raw), None)
        known = _MESSAGE_KEYS if time_key is None else _MESSAGE_KEYS | {time_key}
        if "content" not in raw:
            known = known | {"text"}
        message.metadata = extras(raw, known)
        if time_key is not None:
            keep_unread_time(message, time_key, raw[time_key])
        notes = block_notes(raw.get("content"))
        if notes:
            message.metadata["annotations"] = notes

    def _parts(self, message: DocumentMessage, raw: dict[str, Any]) -> list[MessagePart]:
        content = raw.get("content", raw.get("text"))
        if message.role == "tool":
            return [self._result(message, raw, content)]
        parts: list[MessagePart] = []
        reasoning = as_text(raw.get("reasoning_content"))
        if reasoning:
            parts.append(reasoning_part(reasoning))
        parts += content_parts(content)
        refusal = as_text(raw.get("refusal"))
        if refusal:
            parts.append(text_part(refusal))
            message.metadata["refusal"] = True
        parts += self._calls(message, raw)
        return parts

    def _calls(self, message: DocumentMessage, raw: dict[str, Any]) -> list[MessagePart]:
        calls = as_list(raw.get("tool_calls"))
        if isinstance(raw.get("function_call"), dict):
            calls = [*calls, {"function": raw["function_call"]}]
        parts: list[MessagePart] = []
        for number, call in enumerate(calls):
            part = read_call(call, f"{message.id}:{number}")
            parts.append(part)
            if part["type"] == "tool_call":
                self._names[part["call_id"]] = part["name"]
                self._open_calls.append((part["call_id"], part["name"]))
        return parts

    def _result(self, message: DocumentMessage, raw: dict[str, Any], content: Any) -> MessagePart:
        call_id = as_id(raw.get("tool_call_id")) or self._take_call(message.name) or message.id
        return tool_result(
            call_id,
            message.name or self._names.get(call_id),
            plain_result("" if content is None else content),
            raw.get("is_error") is True,
        )

    def _take_call(self, name: str | None) -> str | None:
        """The oldest open call of a function, for a result that names no call."""
        for call in self._open_calls:
            if name in (None, call[1]):
                self._open_calls.remove(call)
                return call[0]
        return None


def read_call(call: Any, default_id: str) -> MessagePart:
    """An entry of ``tool_calls``: a function's call or a custom tool's, else kept as data."""
    inner = as_dict(as_dict(call).get("function")) or as_dict(as_dict(call).get("custom"))
    if as_text(inner.get("name")) is None:
        return data_part("tool_call", call)
    arguments = inner.get("arguments", inner.get("input"))
    return tool_call(as_id(call.get("id")) or default_id, inner["name"], arguments)
