"""Conversations in the form of Open WebUI's export, for its «Import chats»: the whole tree.

An answer of more than text has its parts as ``output`` items, and folded into its content, as Open
WebUI shows them. It knows three roles: a developer's message goes as the system's, a tool's as the
assistant's, each with its own role in ``conversa_role``.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.openwebui import FORMAT, ROLE_KEY
from backend.formats.openwebui_output import DATA_ITEM, RESULT_KEY
from backend.formats.tree import branch
from backend.formats.values import dumps
from backend.utils.message_parts import (
    MediaPart,
    MessagePart,
    ToolResultPart,
    content_of,
    is_plain,
)

_ROLES = {"developer": "system", "tool": "assistant"}


def write_documents(documents: Iterable[DocumentConversation]) -> Iterator[bytes]:
    """The file, a conversation at a time: one JSON list."""
    before = b"["
    for document in documents:
        yield before + b"\n" + dumps(_record(document))
        before = b","
    yield (b"[" if before == b"[" else b"\n") + b"]\n"


def _record(document: DocumentConversation) -> dict[str, Any]:
    return {
        "id": document.external_id,
        "user_id": "",
        "title": document.title or "",
        "chat": _chat(document),
        "created_at": _seconds(document.created_at),
        "updated_at": _seconds(document.updated_at or document.created_at),
        "share_id": None,
        "archived": document.archived,
        "pinned": document.pinned,
        "meta": {"tags": document.tags},
        "folder_id": None,
    }


def _chat(document: DocumentConversation) -> dict[str, Any]:
    own = document.format == FORMAT
    messages = {message.id: _message(message, own) for message in document.messages}
    for message in document.messages:
        if message.parent_id is not None:
            messages[message.parent_id]["childrenIds"].append(message.id)
    shown = branch(document.messages, document.active_leaf_id)
    models = dict.fromkeys(message.model for message in document.messages if message.model)
    return {
        **_metadata(document.metadata, own),
        "title": document.title or "",
        "models": list(models),
        "params": {},
        "history": {"currentId": shown[-1].id if shown else None, "messages": messages},
        "messages": [messages[message.id] for message in shown],
        "tags": document.tags,
        "timestamp": (_seconds(document.created_at) or 0) * 1000,
        "files": [],
    }


def _metadata(metadata: dict[str, Any], own: bool) -> dict[str, Any]:
    """What came from Open WebUI goes back to its place; of others it stays together."""
    return metadata if own or not metadata else {"metadata": metadata}


def _message(message: DocumentMessage, own: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        **_metadata(message.metadata, own),
        "id": message.id,
        "parentId": message.parent_id,
        "childrenIds": [],
        "role": _ROLES.get(message.role, message.role),
        "content": content_of(message.parts),
    }
    if message.role in _ROLES:
        told[ROLE_KEY] = message.role
    _add_parts(told, message)
    if message.role == "assistant":
        told["model"] = message.model or ""
        told["modelName"] = message.model or ""
        told["done"] = message.status != "incomplete"
    if message.status == "failed":
        told["error"] = {"content": content_of(message.parts)}
    if message.created_at is not None:
        told["timestamp"] = _seconds(message.created_at)
    if message.name:
        told["user"] = {"name": message.name}
    if message.versions:
        told["originalContent"] = content_of(message.versions[0].parts)
    _add_numbers(told, message)
    return told


def _add_numbers(told: dict[str, Any], message: DocumentMessage) -> None:
    counts = {"input_tokens": message.input_tokens, "output_tokens": message.output_tokens}
    usage: dict[str, Any] = {key: count for key, count in counts.items() if count is not None}
    if message.reasoning_tokens is not None:
        usage["output_tokens_details"] = {"reasoning_tokens": message.reasoning_tokens}
    if usage:
        told["usage"] = usage
    feedback = message.feedback
    if feedback is not None:
        told["annotation"] = {
            "rating": feedback.rating,
            "comment": feedback.comment or "",
            "tags": feedback.tags,
        }


def _add_parts(told: dict[str, Any], message: DocumentMessage) -> None:
    files = [_file(part) for part in message.parts if part["type"] == "media"]
    if files:
        told["files"] = files
    parts = [part for part in message.parts if part["type"] != "media"]
    if is_plain(parts) and "<details" not in told["content"]:
        return
    told["output"] = [item for part in parts for item in _items(part)]
    if told["role"] == "assistant":
        told["content"] = "\n".join(text for text in map(_shown, parts) if text)
    else:
        told["content"] = content_of(part for part in parts if part["type"] == "text")


def _file(part: MediaPart) -> dict[str, Any]:
    kind = part["media_type"].split("/")[0]
    told: dict[str, Any] = {
        "type": kind if kind in ("image", "audio", "video") else "file",
        "url": part["url"],
        "content_type": part["media_type"],
    }
    return told | {key: part[key] for key in ("name", "size") if part.get(key) is not None}


def _items(part: MessagePart) -> Iterator[dict[str, Any]]:
    if part["type"] == "text":
        yield {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": _texts(part["text"]),
        }
    elif part["type"] == "reasoning":
        yield {"type": "reasoning", "status": "completed", "content": _texts(part["text"])}
    elif part["type"] == "tool_call":
        yield {
            "type": "function_call",
            "call_id": part["call_id"],
            "name": part["name"],
            "arguments": _as_text(part["arguments"]),
            "status": "completed",
        }
    elif part["type"] == "tool_result":
        yield _result_item(part)
    elif part["type"] == "data":
        yield {"type": DATA_ITEM, "data_type": part["data_type"], "data": part["data"]}


def _result_item(part: ToolResultPart) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "function_call_output",
        "call_id": part["call_id"],
        "output": _texts(_as_text(part["result"])),
        "status": "failed" if part["is_error"] else "completed",
    }
    if not isinstance(part["result"], str):
        item[RESULT_KEY] = part["result"]
    return item


def _texts(text: str) -> list[dict[str, str]]:
    return [{"type": "output_text", "text": text}]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _shown(part: MessagePart) -> str:
    if part["type"] == "text":
        return part["text"]
    if part["type"] == "reasoning":
        quoted = "\n".join(f"> {line}" for line in part["text"].splitlines())
        return _details('type="reasoning" done="true"', "Thought", quoted)
    if part["type"] == "tool_call":
        name, arguments = html.escape(part["name"]), html.escape(_as_text(part["arguments"]))
        told = f'id="{html.escape(part["call_id"])}" name="{name}" arguments="{arguments}"'
        return _details(f'type="tool_calls" done="true" {told}', "Tool Executed", "")
    if part["type"] == "tool_result":
        name = html.escape(part.get("name") or "")
        told = f'id="{html.escape(part["call_id"])}" name="{name}" arguments=""'
        body = _as_text(part["result"])
        return _details(f'type="tool_calls" done="true" {told}', "Tool Executed", body)
    return ""


def _details(attributes: str, summary: str, body: str) -> str:
    shown = f"<details {attributes}>\n<summary>{summary}</summary>\n{html.escape(body)}\n"
    return f"{shown}</details>"


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
