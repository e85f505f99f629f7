"""What an answer in Open WebUI is made of: ``output`` items, or ``<details>`` in its content."""

from __future__ import annotations

import html
import re
from typing import Any

from backend.formats.chat_parts import (
    block_parts,
    content_parts,
    data_part,
    plain_result,
    reasoning_part,
    tool_call,
    tool_result,
)
from backend.formats.values import as_dict, as_id, as_list, as_text, has_content, loads
from backend.utils.message_parts import MessagePart, text_part

RESULT_KEY = "conversa_result"
"""Where a tool's result stands that is no text."""
DATA_ITEM = "conversa:data"
"""The type of an item that is a data part."""

_OPENING = re.compile(r'<details type="(reasoning|tool_calls|code_interpreter)"([^<>]*)>\n?')
_CLOSING = "</details>"
_ATTRIBUTE = re.compile(r'(?<![\w-])([\w-]+)="([^"]*)"')
_SUMMARY = re.compile(r"\s*<summary>[^<]*</summary>\n?")
_QUOTED = re.compile(r"^> ?", re.M)


def parts_of_output(output: list[Any], message_id: str) -> list[MessagePart]:
    """The parts of ``output`` items, in their order."""
    parts: list[MessagePart] = []
    names: dict[str, str] = {}
    for number, raw in enumerate(output):
        item = as_dict(raw)
        kind = as_text(item.get("type")) or "unknown"
        call_id = as_id(item.get("call_id")) or f"{message_id}:{number}"
        if kind == "message":
            parts += content_parts(item.get("content"))
        elif kind == "reasoning":
            parts += block_parts(item)
        elif kind == "function_call":
            call = tool_call(call_id, item.get("name"), item.get("arguments"))
            names[call_id] = call["name"]
            parts.append(call)
        elif kind == "function_call_output":
            result = item[RESULT_KEY] if RESULT_KEY in item else plain_result(item.get("output"))
            failed = item.get("status") == "failed"
            parts.append(tool_result(call_id, names.get(call_id), result, failed))
        elif kind == DATA_ITEM:
            parts.append(data_part(item.get("data_type"), item.get("data")))
        elif has_content(raw):
            parts.append(data_part(kind, raw))
    return parts


def parts_of_details(content: str) -> list[MessagePart]:
    """The parts of an answer with ``<details>`` in it; text around them keeps its place.

    One pass: a block that is never closed is text, and so is all behind it.
    """
    parts: list[MessagePart] = []
    begin = 0
    while (opening := _OPENING.search(content, begin)) is not None:
        end = content.find(_CLOSING, opening.end())
        if end < 0:
            break
        _add_text(parts, content[begin : opening.start()])
        body = content[_skip_summary(content, opening.end(), end) : end]
        parts += _block(opening[1], opening[2], body, len(parts))
        begin = end + len(_CLOSING)
    if begin == 0:
        return [text_part(content)] if content else []
    _add_text(parts, content[begin:])
    return parts


def _add_text(parts: list[MessagePart], text: str) -> None:
    text = text.strip("\n")
    if text.strip():
        parts.append(text_part(text))


def _skip_summary(content: str, begin: int, end: int) -> int:
    summary = _SUMMARY.match(content, begin, end)
    return summary.end() if summary else begin


def _block(kind: str, attributes: str, body: str, number: int) -> list[MessagePart]:
    told = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
    body = html.unescape(body).strip("\n")
    if kind == "reasoning":
        text = _QUOTED.sub("", body)
        return [reasoning_part(text)] if text else []
    if kind == "tool_calls":
        return _tool_parts(told, body, number)
    output = told.get("output")
    return [data_part(kind, {"code": body, "output": _parsed(output) if output else None})]


def _tool_parts(told: dict[str, str], body: str, number: int) -> list[MessagePart]:
    call_id = told.get("id") or f"call:{number}"
    name = told.get("name")
    arguments = _parsed(told.get("arguments") or "{}")
    parts: list[MessagePart] = [tool_call(call_id, name, arguments)]
    result = told.get("result") or body
    if result and told.get("done") != "false":
        parts.append(tool_result(call_id, name, _parsed(result)))
    files = as_list(_parsed(told.get("files") or "[]"))
    return parts + [data_part("file", file) for file in files]


def _parsed(text: str) -> Any:
    try:
        return loads(text.encode())
    except ValueError:
        return text
