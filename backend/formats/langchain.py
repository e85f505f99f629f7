"""LangChain's messages as ``messages_to_dict`` writes them: ``[{type, data: {content, …}}]``.

Also the files of FileChatMessageHistory, which are such lists, and rows of a ``message_store``
table (``{session_id, message}``), of which each session is a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backend.formats.chat_messages import read_call
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
from backend.formats.message_fields import read_role, read_usage
from backend.formats.tree import chain, free_id
from backend.formats.values import (
    as_dict,
    as_id,
    as_list,
    as_text,
    digest,
    extras,
    first_id,
    loads,
)
from backend.utils.message_parts import MessagePart

FORMAT = "langchain"

_TYPES = frozenset({"human", "ai", "system", "tool", "function", "chat", "developer", "remove"})
_DATA_KEYS = frozenset(
    {
        "content", "type", "name", "id", "tool_calls", "invalid_tool_calls", "usage_metadata",
        "tool_call_id", "status", "response_metadata", "role",
    }
)  # fmt: skip
_RESPONSE_KEYS = frozenset({"model_name", "model", "finish_reason", "stop_reason", "token_usage"})
_KWARGS_KEYS = frozenset({"tool_calls", "reasoning_content"})


def is_message(value: Any) -> bool:
    """Whether an object is one message of this form."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        return False
    kind = value.get("type")
    return isinstance(kind, str) and (_base_type(kind) in _TYPES or "content" in value["data"])


def is_row(value: Any) -> bool:
    """Whether an object is a row of a ``message_store`` table."""
    return isinstance(value, dict) and "session_id" in value and is_message(_row_message(value))


def group_rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The sessions that rows belong to, in the order they begin, as objects with ``messages``."""
    sessions: dict[str, dict[str, Any]] = {}
    for row in map(as_dict, rows):
        name = as_id(row.get("session_id")) or ""
        session = sessions.setdefault(name, {"id": name, "messages": []})
        session["messages"].append(_row_message(row))
    return list(sessions.values())


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    head = as_dict(value)
    raws = value if isinstance(value, list) else head.get("messages")
    if not isinstance(raws, list) or not raws:
        raise BadConversation("it has no messages")
    messages: dict[str, DocumentMessage] = {}
    for number, raw in enumerate(raws):
        try:
            _add(messages, raw)
        except BadConversation as error:
            raise BadConversation(f"message {number}: {error}") from None
    ordered = list(messages.values())
    return DocumentConversation(
        format=FORMAT,
        external_id=first_id(head, "id", "session_id") or digest(value),
        title=as_text(head.get("title")),
        messages=ordered,
        active_leaf_id=chain(ordered),
        metadata=extras(head, frozenset({"id", "session_id", "title", "messages"})),
        index=index,
    )


def _row_message(row: dict[str, Any]) -> Any:
    message = row.get("message")
    if not isinstance(message, str):
        return message
    try:
        return loads(message.encode())
    except ValueError:
        return None


def _base_type(kind: str) -> str:
    return kind.removesuffix("MessageChunk").removesuffix("Message").lower()


def _add(messages: dict[str, DocumentMessage], raw: Any) -> None:
    if not is_message(raw):
        raise BadConversation("it is not an object with type and data")
    data, kind = raw["data"], _base_type(raw["type"])
    kwargs = as_dict(data.get("additional_kwargs"))
    name = free_id(messages, as_id(data.get("id")))
    message = DocumentMessage(id=name, parent_id=None, role=_role(kind, data, kwargs), parts=[])
    message.name = as_text(data.get("name"))
    _read_details(message, data, kwargs)
    if kind == "remove":
        message.metadata["hidden"] = True
        message.parts = [data_part("remove", data)]
    elif message.role == "tool":
        call_id = as_id(data.get("tool_call_id")) or name
        result = plain_result(data.get("content"))
        failed = data.get("status") == "error"
        message.parts = [tool_result(call_id, message.name, result, failed)]
    else:
        message.parts = _parts(name, data, kwargs)
    messages[name] = message


def _role(kind: str, data: dict[str, Any], kwargs: dict[str, Any]) -> str:
    if kind == "chat":
        return read_role(data.get("role"))
    if kind == "remove" or (kind == "system" and kwargs.get("__openai_role__") == "developer"):
        return "system" if kind == "remove" else "developer"
    return read_role(kind)


def _read_details(message: DocumentMessage, data: dict[str, Any], kwargs: dict[str, Any]) -> None:
    response = as_dict(data.get("response_metadata"))
    message.model = as_text(response.get("model_name")) or as_text(response.get("model"))
    message.finish_reason = as_text(response.get("finish_reason")) or as_text(
        response.get("stop_reason")
    )
    read_usage(message, data.get("usage_metadata") or response.get("token_usage"))
    message.metadata = extras(data, _DATA_KEYS | {"additional_kwargs"})
    if message.metadata.get("example") is False:
        del message.metadata["example"]
    for key, rest in (
        ("additional_kwargs", extras(kwargs, _KWARGS_KEYS)),
        ("response_metadata", extras(response, _RESPONSE_KEYS)),
        ("annotations", block_notes(data.get("content"))),
    ):
        if rest:
            message.metadata[key] = rest


def _parts(name: str, data: dict[str, Any], kwargs: dict[str, Any]) -> list[MessagePart]:
    parts: list[MessagePart] = []
    reasoning = as_text(kwargs.get("reasoning_content"))
    if reasoning:
        parts.append(reasoning_part(reasoning))
    parts += content_parts(data.get("content"))
    known = {part["call_id"] for part in parts if part["type"] == "tool_call"}
    calls = as_list(data.get("tool_calls"))
    for number, call in enumerate(calls):
        part = _call(as_dict(call), f"{name}:{number}")
        if part["type"] != "tool_call" or part["call_id"] not in known:
            parts.append(part)
    if not calls:
        raws = enumerate(as_list(kwargs.get("tool_calls")))
        parts += [read_call(raw, f"{name}:{number}") for number, raw in raws]
    parts += [data_part("invalid_tool_call", c) for c in as_list(data.get("invalid_tool_calls"))]
    return parts


def _call(call: dict[str, Any], default_id: str) -> MessagePart:
    if as_text(call.get("name")) is None:
        return data_part("tool_call", call)
    return tool_call(as_id(call.get("id")) or default_id, call["name"], call.get("args"))
