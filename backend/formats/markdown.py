"""Conversations as Markdown to read: the active branch, reasoning and tools folded away.

Messages that the source hid from its reader are left out. It is for people: nothing reads it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.message_fields import HIDDEN
from backend.formats.tree import branch
from backend.utils.message_parts import MediaPart, MessagePart

_TICKS = re.compile(r"`{3,}")
_LABEL = re.compile(r"[\[\]\\\n]")


def write_documents(documents: Iterable[DocumentConversation]) -> Iterator[bytes]:
    """The file, a message at a time; conversations stand apart by a rule."""
    for number, document in enumerate(documents):
        yield ("---\n\n" if number else "").encode() + _head(document).encode()
        for message in branch(document.messages, document.active_leaf_id):
            if not message.metadata.get(HIDDEN):
                yield _message(message).encode()


def _head(document: DocumentConversation) -> str:
    title = " ".join((document.title or "Untitled").split())
    facts = [
        f"created {_time(document.created_at)}" if document.created_at else "",
        f"updated {_time(document.updated_at)}" if document.updated_at else "",
        f"tags: {', '.join(document.tags)}" if document.tags else "",
    ]
    told = " · ".join(fact for fact in facts if fact)
    return f"# {title}\n\n" + (f"*{told}*\n\n" if told else "")


def _message(message: DocumentMessage) -> str:
    who = message.role.capitalize()
    if message.name:
        who += f" ({' '.join(message.name.split())})"
    facts = [_time(message.created_at) if message.created_at else "", message.model or ""]
    if message.status != "complete":
        facts.append(message.status)
    heading = " · ".join([who, *(fact for fact in facts if fact)])
    body = "\n\n".join(text for text in map(_part, message.parts) if text)
    return f"## {heading}\n\n" + (f"{body}\n\n" if body else "")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _part(part: MessagePart) -> str:
    if part["type"] == "text":
        return part["text"]
    if part["type"] == "reasoning":
        return _folded("Reasoning", part["text"])
    if part["type"] == "tool_call":
        return _folded(f"Call of {part['name']}", _fenced(part["arguments"]))
    if part["type"] == "tool_result":
        name = part.get("name")
        told = "Error" if part["is_error"] else "Result"
        return _folded(f"{told} of {name}" if name else told, _fenced(part["result"]))
    if part["type"] == "media":
        return _media(part)
    return _folded(part["data_type"], _fenced(part["data"]))


def _folded(summary: str, body: str) -> str:
    shown = summary.replace("&", "&amp;").replace("<", "&lt;")
    return f"<details>\n<summary>{shown}</summary>\n\n{body}\n\n</details>"


def _fenced(value: Any) -> str:
    is_text = isinstance(value, str)
    text = value if is_text else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    longest = max((len(run) for run in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{'' if is_text else 'json'}\n{text}\n{fence}"


def _media(part: MediaPart) -> str:
    label = _LABEL.sub(" ", part.get("name") or part["media_type"])
    if part["url"].startswith("data:"):
        return f"[{label}: embedded, {part['media_type']}]"
    mark = "!" if part["media_type"].startswith("image/") else ""
    return f"{mark}[{label}](<{part['url'].replace('<', '%3C').replace('>', '%3E')}>)"
