"""Claude's data export: a list of conversations with flat ``chat_messages``.

A message's parent is ``parent_message_uuid``: null or the all-zero sentinel for the first of a
branch; absent in older exports, where each message follows the one before it. Calls of tools and
their results stand as parts in the answer that made them, as the export has them. ``text`` counts
only where no block holds text. Attached files become media parts, the text that was taken out of
them a data part ``attachment``. The times of single blocks are dropped.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chat_parts import (
    data_part,
    media_part,
    plain_result,
    reasoning_part,
    tool_call,
    tool_result,
)
from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.message_fields import keep_unread_time, read_role
from backend.formats.times import read_time
from backend.formats.tree import Node, arrange, free_id
from backend.formats.values import (
    as_dict,
    as_id,
    as_list,
    as_text,
    digest,
    extras,
    first_id,
    has_content,
)
from backend.utils.message_parts import MessagePart, text_part

FORMAT = "claude"

_CONVERSATION_KEYS = frozenset(
    {
        "uuid", "name", "created_at", "updated_at", "chat_messages", "current_leaf_message_uuid",
        "is_starred",
    }
)  # fmt: skip
_MESSAGE_KEYS = frozenset(
    {
        "uuid", "sender", "text", "content", "created_at", "updated_at", "parent_message_uuid",
        "attachments", "files", "files_v2", "index", "stop_reason",
    }
)  # fmt: skip
_BLOCK_KEYS = {
    "text": frozenset({"text"}),
    "thinking": frozenset({"thinking"}),
    "tool_use": frozenset({"id", "name", "input"}),
    "tool_result": frozenset({"tool_use_id", "name", "content", "is_error"}),
    "voice_note": frozenset({"text"}),
}
_UNTOLD = frozenset({"type", "start_timestamp", "stop_timestamp"})


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    conversation = as_dict(value)
    raws = conversation.get("chat_messages")
    if not isinstance(raws, list):
        raise BadConversation("it has no list of chat_messages")
    tree = arrange(_nodes(raws))
    return DocumentConversation(
        format=FORMAT,
        external_id=first_id(conversation, "uuid") or digest(value),
        title=as_text(conversation.get("name")),
        messages=tree.messages,
        active_leaf_id=tree.active_leaf(as_text(conversation.get("current_leaf_message_uuid"))),
        metadata=extras(conversation, _CONVERSATION_KEYS),
        pinned=conversation.get("is_starred") is True,
        created_at=read_time(conversation.get("created_at")),
        updated_at=read_time(conversation.get("updated_at")),
        index=index,
    )


def _nodes(raws: list[Any]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    last: str | None = None
    for number, raw in enumerate(raws):
        if not isinstance(raw, dict):
            raise BadConversation(f"message {number} is not an object")
        name = free_id(nodes, as_id(raw.get("uuid")))
        try:
            message = _message(name, raw)
        except BadConversation as error:
            raise BadConversation(f"message {number}: {error}") from None
        parent = raw.get("parent_message_uuid") if "parent_message_uuid" in raw else last
        nodes[name] = Node(as_text(parent), message)
        last = name
    return nodes


def _message(name: str, raw: dict[str, Any]) -> DocumentMessage | None:
    message = DocumentMessage(id=name, parent_id=None, role=read_role(raw.get("sender")), parts=[])
    message.metadata = extras(raw, _MESSAGE_KEYS)
    message.finish_reason = as_text(raw.get("stop_reason"))
    if raw.get("content"):
        _read_blocks(message, as_list(raw["content"]))
    text = as_text(raw.get("text"))
    if text and not any(part["type"] == "text" for part in message.parts):
        message.parts.append(text_part(text))
    if raw.get("attachments") or raw.get("files") or raw.get("files_v2"):
        message.parts += _files(raw)
    keep_unread_time(message, "created_at", raw.get("created_at"))
    return message if message.parts else None


def _read_blocks(message: DocumentMessage, blocks: list[Any]) -> None:
    calls = _CallIds(message.id)
    notes: list[dict[str, Any]] = []
    for number, raw in enumerate(blocks):
        block = as_dict(raw)
        kind = as_text(block.get("type")) or ""
        known = _BLOCK_KEYS.get(kind)
        if known is None:
            if has_content(raw):
                message.parts.append(data_part(kind, raw))
            continue
        message.parts += _block_parts(kind, block, calls)
        rest = extras(block, known | _UNTOLD)
        if rest:
            notes.append({"block": number, **rest})
    if notes:
        message.metadata["blocks"] = notes


class _CallIds:
    """Ids for calls that have none: exports often leave out both the call's and the result's."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._made = 0
        self._unanswered: list[str] = []

    def of_call(self, given: Any) -> str:
        name = as_id(given)
        if name is None:
            name = f"{self._message_id}:{self._made}"
            self._made += 1
            self._unanswered.append(name)
        return name

    def of_result(self, given: Any) -> str:
        return as_id(given) or (self._unanswered.pop() if self._unanswered else self._message_id)


def _block_parts(kind: str, block: dict[str, Any], calls: _CallIds) -> list[MessagePart]:
    if kind == "tool_use":
        return [tool_call(calls.of_call(block.get("id")), block.get("name"), block.get("input"))]
    if kind == "tool_result":
        call_id = calls.of_result(block.get("tool_use_id"))
        result = plain_result(block.get("content"))
        return [tool_result(call_id, block.get("name"), result, block.get("is_error") is True)]
    if kind == "thinking":
        text = as_text(block.get("thinking"))
        return [reasoning_part(text)] if text else []
    text = as_text(block.get("text"))
    return [text_part(text)] if text else []


def _files(raw: dict[str, Any]) -> list[MessagePart]:
    parts: list[MessagePart] = []
    for attachment in map(as_dict, as_list(raw.get("attachments"))):
        name = as_text(attachment.get("file_name"))
        if name:
            size = attachment.get("file_size")
            parts.append(media_part(f"attachment:{name}", attachment.get("file_type"), name, size))
        if as_text(attachment.get("extracted_content")):
            parts.append(data_part("attachment", attachment))
    listed = as_list(raw.get("files")) or as_list(raw.get("files_v2"))
    for file in map(as_dict, listed):
        name = as_text(file.get("file_name"))
        file_id = first_id(file, "file_uuid", "uuid")
        if file_id or name:
            url = f"urn:uuid:{file_id}" if file_id else f"file:{name}"
            parts.append(media_part(url, None, name, file.get("file_size")))
    return parts
