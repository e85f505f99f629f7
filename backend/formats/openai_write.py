"""Conversations as OpenAI chat messages: JSON Lines, ``{"messages": […]}`` for each active branch.

What is written is what the API accepts. Calls of tools are followed by their results: a call
without a result and a result without its call are left out. Reasoning and data parts have no place
in this form. Images that a user sent go as ``image_url`` where their URL can be fetched or holds
them; any other file is named in the text. A conversation with nothing left to say gives no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from backend.formats.document import DocumentConversation, DocumentMessage
from backend.formats.tree import branch
from backend.formats.values import dumps
from backend.utils.message_parts import MediaPart, ToolCallPart, ToolResultPart

Entry = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_REACHABLE = ("https://", "http://", "data:")


def write_documents(documents: Iterable[DocumentConversation]) -> Iterator[bytes]:
    """The file, a line at a time."""
    for document in documents:
        messages = chat_messages(branch(document.messages, document.active_leaf_id))
        if messages:
            yield dumps({"messages": messages}) + b"\n"


def chat_messages(messages: Iterable[DocumentMessage]) -> list[Entry]:
    """The messages of one branch, in reading order, as the API takes them."""
    entries = [entry for message in messages for entry in _entries(message)]
    return [entry for entry in _valid(entries) if _says_something(entry)]


def _entries(message: DocumentMessage) -> Iterator[Entry]:
    """One message as one entry; as several where results of tools stand between its other parts."""
    current = _Turn(message)
    for part in message.parts:
        if part["type"] == "text":
            current.texts.append(part["text"])
        elif part["type"] == "media":
            current.add_media(part)
        elif part["type"] == "tool_call" and message.role == "assistant":
            current.calls.append(_call(part))
        elif part["type"] == "tool_result":
            yield current.entry()
            yield _result(part)
            current = _Turn(message)
    yield current.entry()


class _Turn:
    def __init__(self, message: DocumentMessage) -> None:
        self.texts: list[str] = []
        self.media: list[Entry] = []
        self.calls: list[Entry] = []
        self._role = "assistant" if message.role == "tool" else message.role
        self._name = message.name if message.role != "tool" else None

    def add_media(self, part: MediaPart) -> None:
        is_image = part["media_type"].startswith("image/")
        if self._role == "user" and is_image and part["url"].startswith(_REACHABLE):
            self.media.append({"type": "image_url", "image_url": {"url": part["url"]}})
        else:
            self.texts.append(f"[{part.get('name') or part['media_type']}]")

    def entry(self) -> Entry:
        text = "\n\n".join(text for text in self.texts if text)
        content: Any = text
        if self.media:
            content = [*([{"type": "text", "text": text}] if text else []), *self.media]
        entry: Entry = {"role": self._role, "content": content}
        if self._name and _NAME.fullmatch(self._name):
            entry["name"] = self._name
        if self.calls:
            entry["tool_calls"] = self.calls
        return entry


def _call(part: ToolCallPart) -> Entry:
    arguments = part["arguments"]
    if not isinstance(arguments, dict):
        arguments = {"input": arguments}
    name = _NOT_IN_NAMES.sub("_", part["name"])[:64] or "unknown"
    function = {"name": name, "arguments": dumps(arguments).decode()}
    return {"id": part["call_id"], "type": "function", "function": function}


def _result(part: ToolResultPart) -> Entry:
    result = part["result"]
    text = result if isinstance(result, str) else dumps(result).decode()
    return {"role": "tool", "tool_call_id": part["call_id"], "content": text}


def _valid(entries: list[Entry]) -> Iterator[Entry]:
    """Each assistant's entry with the calls that are answered right behind it, and the answers."""
    place = 0
    entries = [entry for entry in entries if entry["role"] == "tool" or _says_something(entry)]
    while place < len(entries):
        entry = entries[place]
        place += 1
        if entry["role"] == "tool":
            continue
        answers: dict[str, Entry] = {}
        while place < len(entries) and entries[place]["role"] == "tool":
            _add_answer(answers, entries[place])
            place += 1
        calls = {call["id"]: call for call in entry.get("tool_calls", ()) if call["id"] in answers}
        entry.pop("tool_calls", None)
        if calls:
            entry["tool_calls"] = list(calls.values())
            entry["content"] = entry["content"] or None
        yield entry
        yield from (answers[name] for name in calls)


def _add_answer(answers: dict[str, Entry], entry: Entry) -> None:
    """An answer in several pieces is one answer: the API takes one for each call."""
    earlier = answers.setdefault(entry["tool_call_id"], entry)
    if earlier is not entry:
        earlier["content"] = f"{earlier['content']}\n{entry['content']}"


def _says_something(entry: Entry) -> bool:
    return bool(entry["content"] or entry.get("tool_calls")) or entry["role"] == "tool"
