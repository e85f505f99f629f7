"""LibreChat's export: one conversation, its messages flat or nested, under either of two keys.

A message hangs on ``parentMessageId`` where that names a message of the file, else on the message
it is nested in. Nesting may be as deep as the conversation is long, so it is unrolled by hand.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chat_parts import (
    block_parts,
    data_part,
    inner_text,
    media_part,
    reasoning_part,
    tool_call,
    tool_result,
)
from backend.formats.document import DocumentConversation, DocumentFeedback, DocumentMessage
from backend.formats.errors import BadConversation
from backend.formats.message_fields import keep_unread_time, read_rating
from backend.formats.times import read_time
from backend.formats.tree import Node, arrange, free_id
from backend.formats.values import (
    as_count,
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

FORMAT = "librechat"

_CONVERSATION_KEYS = frozenset(
    {
        "conversationId", "title", "messages", "messagesTree", "createdAt", "updatedAt", "tags",
        "isArchived", "branches", "recursive",
    }
)  # fmt: skip
_MESSAGE_KEYS = frozenset(
    {
        "_id", "__v", "messageId", "parentMessageId", "conversationId", "isCreatedByUser", "sender",
        "text", "content", "model", "createdAt", "updatedAt", "finish_reason", "unfinished",
        "isEdited", "feedback", "files", "attachments", "children", "user", "promptTokens",
        "error",
    }
)  # fmt: skip
_FILE_KEYS = ("filepath", "file_id", "filename", "type", "bytes")
_THINKING, _FENCE = ":::thinking", ":::"


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    conversation = as_dict(value)
    raws = as_list(conversation.get("messages")) or as_list(conversation.get("messagesTree"))
    if not raws and not {"messages", "messagesTree"} & conversation.keys():
        raise BadConversation("it has no messages")
    model = as_text(as_dict(conversation.get("options")).get("model"))
    tree = arrange(_nodes(raws, model))
    return DocumentConversation(
        format=FORMAT,
        external_id=first_id(conversation, "conversationId") or digest(value),
        title=as_text(conversation.get("title")),
        messages=tree.messages,
        active_leaf_id=tree.active_leaf(None),
        metadata=extras(conversation, _CONVERSATION_KEYS),
        tags=[tag for tag in as_list(conversation.get("tags")) if as_text(tag)],
        archived=conversation.get("isArchived") is True,
        created_at=read_time(conversation.get("createdAt")),
        updated_at=read_time(conversation.get("updatedAt")),
        index=index,
    )


def _nodes(raws: list[Any], model: str | None) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    around: dict[str, str | None] = {}
    pending: list[tuple[Any, str | None]] = [(raw, None) for raw in reversed(raws)]
    while pending:
        raw, outer = pending.pop()
        if not isinstance(raw, dict):
            raise BadConversation("a message is not an object")
        name = free_id(nodes, as_id(raw.get("messageId")))
        nodes[name] = Node(as_text(raw.get("parentMessageId")), _message(name, raw, model))
        around[name] = outer
        pending.extend((child, name) for child in reversed(as_list(raw.get("children"))))
    for name, node in nodes.items():
        if node.parent_id not in nodes:
            node.parent_id = around[name]
    return nodes


def _message(name: str, raw: dict[str, Any], model: str | None) -> DocumentMessage | None:
    message = DocumentMessage(
        id=name,
        parent_id=None,
        role="user" if _is_users(raw) else "assistant",
        parts=[],
        metadata=extras(raw, _MESSAGE_KEYS),
        finish_reason=as_text(raw.get("finish_reason")),
    )
    message.parts = _parts(raw, name)
    message.parts += _files(raw, message.metadata)
    if raw.get("unfinished") is True:
        message.status = "incomplete"
    if raw.get("error"):
        message.status = "failed"
        message.metadata["error"] = raw["error"]
    message.feedback = _feedback(as_dict(raw.get("feedback")))
    keep_unread_time(message, "createdAt", raw.get("createdAt"))
    if raw.get("isEdited") is True:
        message.edited_at = read_time(raw.get("updatedAt"))
    if message.role == "assistant":
        _read_answer(message, raw, model)
    elif as_text(raw.get("sender")) not in (None, "User"):
        message.name = raw["sender"]
    return message if message.parts or message.status == "failed" else None


def _is_users(raw: dict[str, Any]) -> bool:
    told = raw.get("isCreatedByUser")
    return told if isinstance(told, bool) else str(raw.get("sender")).lower() == "user"


def _read_answer(message: DocumentMessage, raw: dict[str, Any], model: str | None) -> None:
    message.name = as_text(raw.get("sender"))
    message.model = as_text(raw.get("model")) or model
    message.input_tokens = as_count(raw.get("promptTokens"))
    message.output_tokens = as_count(message.metadata.pop("tokenCount", None))


def _parts(raw: dict[str, Any], message_id: str) -> list[MessagePart]:
    parts: list[MessagePart] = []
    for number, block in enumerate(as_list(raw.get("content"))):
        parts += _block(block, f"{message_id}:{number}")
    text = as_text(raw.get("text"))
    if text and not any(part["type"] == "text" for part in parts):
        parts += _text(text)
    return parts


def _text(text: str) -> list[MessagePart]:
    """Older answers begin with their reasoning, between ``:::thinking`` and ``:::``."""
    end = text.find(_FENCE, len(_THINKING)) if text.startswith(_THINKING) else -1
    if end < 0:
        return [text_part(text)]
    thinking = text[len(_THINKING) : end].strip()
    rest = text[end + len(_FENCE) :].strip()
    parts: list[MessagePart] = [reasoning_part(thinking)] if thinking else []
    return parts + ([text_part(rest)] if rest else [])


def _block(raw: Any, default_id: str) -> list[MessagePart]:
    block = as_dict(raw)
    kind = block.get("type")
    if kind == "tool_call" and isinstance(block.get("tool_call"), dict):
        return _call(block["tool_call"], default_id)
    if kind == "image_file" and isinstance(block.get("image_file"), dict):
        media = _media(block["image_file"])
        return [media] if media else [data_part(kind, raw)]
    if kind == "error":
        text = inner_text(block.get("error")) or inner_text(block.get("text"))
        return [text_part(text)] if text else [data_part(kind, raw)]
    return block_parts(raw)


def _call(call: dict[str, Any], default_id: str) -> list[MessagePart]:
    call_id = as_id(call.get("id")) or default_id
    name = call.get("name") or as_dict(call.get("function")).get("name")
    arguments = call.get("args", as_dict(call.get("function")).get("arguments"))
    parts: list[MessagePart] = [tool_call(call_id, name, arguments)]
    output = call.get("output", as_dict(call.get("function")).get("output"))
    if has_content(output):
        parts.append(tool_result(call_id, name, output))
    return parts


def _media(file: dict[str, Any]) -> MessagePart | None:
    file_id = as_id(file.get("file_id"))
    url = as_text(file.get("filepath")) or (f"file:{file_id}" if file_id else None)
    if url is None:
        return None
    return media_part(url, file.get("type"), file.get("filename"), file.get("bytes"))


def _files(raw: dict[str, Any], metadata: dict[str, Any]) -> list[MessagePart]:
    parts: list[MessagePart] = []
    for key in ("files", "attachments"):
        notes: list[Any] = []
        for entry in as_list(raw.get(key)):
            media = _media(as_dict(entry))
            if media is not None:
                parts.append(media)
            if media is None or extras(as_dict(entry), frozenset(_FILE_KEYS)):
                notes.append(entry)
        if notes:
            metadata[key] = notes
    return parts


def _feedback(raw: dict[str, Any]) -> DocumentFeedback | None:
    rating = read_rating(raw.get("rating"))
    if rating is None:
        return None
    tag = raw.get("tag")
    name = as_text(tag) or as_text(as_dict(tag).get("key"))
    return DocumentFeedback(rating, as_text(raw.get("text")), [name] if name else [])
