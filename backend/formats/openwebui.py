"""Open WebUI's chats: the list of an export, one a line, a single one, or the bare chat object.

The messages are those of ``history.messages``; the list ``messages`` beside it is a copy of one
branch and counts only where there is no history. What an answer is made of stands in ``output``;
answers of older versions have it as ``<details>`` in their content. What `openwebui_write` wrote
comes back with its tree, its roles and its texts.
"""

from __future__ import annotations

from typing import Any

from backend.formats.chat_parts import content_parts, data_part, media_part
from backend.formats.document import (
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.formats.errors import BadConversation
from backend.formats.message_fields import keep_unread_time, read_rating, read_role, read_usage
from backend.formats.openwebui_output import parts_of_details, parts_of_output
from backend.formats.times import read_time
from backend.formats.tree import Node, arrange, free_id
from backend.formats.values import as_dict, as_id, as_list, as_text, digest, extras, first_id
from backend.utils.message_parts import MessagePart, text_part

FORMAT = "openwebui"
ROLE_KEY = "conversa_role"
"""Where the role of a message stands that Open WebUI has no name for."""

_RECORD_KEYS = frozenset({"id", "title", "chat", "created_at", "updated_at", "archived", "pinned"})
_CHAT_KEYS = frozenset({"id", "title", "history", "messages", "tags", "timestamp", "metadata"})
_MESSAGE_KEYS = frozenset(
    {
        "id", "parentId", "childrenIds", "role", ROLE_KEY, "content", "output", "timestamp",
        "model", "done", "usage", "annotation", "originalContent", "files", "user", "lastSentence",
        "metadata",
    }
)  # fmt: skip
_RARE_KEYS = frozenset(
    {"metadata", "user", "files", "usage", "info", "annotation", "originalContent"}
)
_FILE_KEYS = frozenset({"type", "url", "name", "size", "content_type", "id"})


def read_conversation(value: Any, index: int) -> DocumentConversation:
    """Raises BadConversation."""
    if not isinstance(value, dict):
        raise BadConversation("it is not an object")
    nested = isinstance(value.get("chat"), dict)
    record, chat = (value, as_dict(value["chat"])) if nested else ({}, value)
    history = as_dict(chat.get("history"))
    tree = arrange(_nodes(chat, history))
    created = record.get("created_at") or chat.get("timestamp")
    document = DocumentConversation(
        format=FORMAT,
        external_id=first_id(record, "id") or first_id(chat, "id") or digest(value),
        title=as_text(record.get("title")) or as_text(chat.get("title")),
        messages=tree.messages,
        active_leaf_id=tree.active_leaf(
            as_text(history.get("currentId")) or as_text(record.get("current_message_id"))
        ),
        metadata=_metadata(record, chat),
        tags=_tags(record, chat),
        pinned=record.get("pinned") is True,
        archived=record.get("archived") is True,
        created_at=read_time(created),
        updated_at=read_time(record.get("updated_at")),
        index=index,
    )
    _read_earlier_texts(document)
    return document


def _metadata(record: dict[str, Any], chat: dict[str, Any]) -> dict[str, Any]:
    return extras(chat, _CHAT_KEYS) | extras(record, _RECORD_KEYS) | as_dict(chat.get("metadata"))


def _tags(record: dict[str, Any], chat: dict[str, Any]) -> list[str]:
    raws = as_list(as_dict(record.get("meta")).get("tags")) + as_list(chat.get("tags"))
    names = (as_text(raw) or as_text(as_dict(raw).get("name")) for raw in raws)
    return list(dict.fromkeys(name for name in names if name))


def _nodes(chat: dict[str, Any], history: dict[str, Any]) -> dict[str, Node]:
    messages = history.get("messages")
    if isinstance(messages, dict):
        named = ((name or free_id(messages, None), raw) for name, raw in messages.items() if raw)
        return {name: _node(name, as_dict(raw)) for name, raw in named}
    if not isinstance(chat.get("messages"), list):
        raise BadConversation("it has no history of messages")
    nodes: dict[str, Node] = {}
    last: str | None = None
    for raw in map(as_dict, chat["messages"]):
        name = free_id(nodes, as_id(raw.get("id")))
        node = _node(name, raw)
        node.parent_id = node.parent_id if "parentId" in raw else last
        nodes[name] = node
        last = name
    return nodes


def _node(name: str, raw: dict[str, Any]) -> Node:
    try:
        message = _message(name, raw)
    except BadConversation as error:
        raise BadConversation(f"message {name[:60]!r}: {error}") from None
    return Node(as_id(raw.get("parentId")), message, as_list(raw.get("childrenIds")))


def _message(name: str, raw: dict[str, Any]) -> DocumentMessage:
    message = DocumentMessage(
        id=name,
        parent_id=None,
        role=read_role(raw.get(ROLE_KEY) or raw.get("role")),
        parts=[],
        model=as_text(raw.get("model")),
        metadata=extras(raw, _MESSAGE_KEYS),
    )
    message.parts = _parts(raw, message.role)
    if raw.get("done") is False:
        message.status = "incomplete"
    if raw.get("error"):
        message.status = "failed"
    if not _RARE_KEYS.isdisjoint(raw):
        _read_rare(message, raw)
    keep_unread_time(message, "timestamp", raw.get("timestamp"))
    return message


def _read_rare(message: DocumentMessage, raw: dict[str, Any]) -> None:
    message.metadata |= as_dict(raw.get("metadata"))
    message.name = as_text(as_dict(raw.get("user")).get("name"))
    message.parts += _files(raw, message.metadata)
    read_usage(message, raw.get("usage") or _usage_of_info(raw))
    message.feedback = _feedback(as_dict(raw.get("annotation")), message.metadata)
    original = raw.get("originalContent")
    if isinstance(original, str) and original != raw.get("content"):
        message.metadata["originalContent"] = original


def _parts(raw: dict[str, Any], role: str) -> list[MessagePart]:
    content = raw.get("content")
    output = as_list(raw.get("output"))
    if output:
        parts = parts_of_output(output, as_text(raw.get("id")) or "output")
        if any(part["type"] == "text" for part in parts) or not as_text(content):
            return parts
        shown = parts_of_details(str(content))
        return parts + [part for part in shown if part["type"] == "text"]
    if role == "assistant" and isinstance(content, str):
        return parts_of_details(content)
    return content_parts(content)


def _usage_of_info(raw: dict[str, Any]) -> Any:
    info = as_dict(raw.get("info"))
    return info.get("usage") or info


def _files(raw: dict[str, Any], metadata: dict[str, Any]) -> list[MessagePart]:
    parts: list[MessagePart] = []
    notes: list[Any] = []
    for entry in as_list(raw.get("files")):
        file = as_dict(entry)
        url = as_text(file.get("url")) or as_text(file.get("id"))
        if url is None or file.get("type") not in ("image", "file", "audio", "video"):
            parts.append(data_part(file.get("type") or "file", entry))
            continue
        kind = "" if file["type"] == "file" else str(file["type"])
        media_type, name = file.get("content_type"), file.get("name")
        parts.append(media_part(url, media_type, name, file.get("size"), kind))
        if extras(file, _FILE_KEYS):
            notes.append(file)
    if notes:
        metadata["files"] = notes
    return parts


def _feedback(annotation: dict[str, Any], metadata: dict[str, Any]) -> DocumentFeedback | None:
    if not annotation:
        return None
    rating = read_rating(annotation.get("rating"))
    rest = extras(annotation, {"rating", "comment", "tags"})
    if rest or rating is None:
        metadata["annotation"] = rest or annotation
    if rating is None:
        return None
    tags = [tag for tag in as_list(annotation.get("tags")) if as_text(tag)]
    return DocumentFeedback(rating, as_text(annotation.get("comment")), tags)


def _read_earlier_texts(document: DocumentConversation) -> None:
    """The text before an edit: its time is not told, so it is the best that is known."""
    for message in document.messages:
        replaced_at = document.updated_at or message.created_at
        if replaced_at is not None and "originalContent" in message.metadata:
            original = message.metadata.pop("originalContent")
            message.versions.append(DocumentVersion([text_part(original)], replaced_at))
            message.edited_at = replaced_at
