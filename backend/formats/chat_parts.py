"""The content of a message as lists of typed blocks, in the forms that OpenAI, Anthropic and
LangChain programs write it, as message parts. What is not understood is kept as a data part."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Any

from backend.formats.values import (
    as_count,
    as_dict,
    as_id,
    as_list,
    as_text,
    has_content,
    loads,
)
from backend.utils.message_parts import (
    DataPart,
    MediaPart,
    MessagePart,
    ReasoningPart,
    ToolCallPart,
    ToolResultPart,
    text_part,
)

Block = dict[str, Any]

UNKNOWN_FILE = "application/octet-stream"
# The table that Python brings, not the machine's, so that a file reads the same everywhere.
_TYPES = mimetypes.MimeTypes()
_NOTES = ("annotations", "citations")


def reasoning_part(text: str) -> ReasoningPart:
    return {"type": "reasoning", "text": text}


def data_part(kind: Any, data: Any) -> DataPart:
    """What has no part of its own, under the name its source gives it."""
    return {"type": "data", "data_type": as_text(kind) or "unknown", "data": data}


def tool_call(call_id: str, name: Any, arguments: Any) -> ToolCallPart:
    """A call; ``arguments`` may be JSON in a text, as OpenAI sends it."""
    return {
        "type": "tool_call",
        "call_id": call_id,
        "name": as_text(name) or "unknown",
        "arguments": read_arguments(arguments),
    }


def tool_result(call_id: str, name: Any, result: Any, is_error: bool = False) -> ToolResultPart:
    part: ToolResultPart = {
        "type": "tool_result",
        "call_id": call_id,
        "result": result,
        "is_error": is_error,
    }
    if as_text(name):
        part["name"] = name
    return part


def media_part(
    url: str, media_type: Any = None, name: Any = None, size: Any = None, kind: str = ""
) -> MediaPart:
    """A file. Its type is what the source says, else what the URL or the name says; of an image or
    a sound of unknown type ``kind`` gives ``image/*`` or ``audio/*``."""
    part: MediaPart = {
        "type": "media",
        "media_type": _media_type(url, media_type, name, kind),
        "url": url,
    }
    if as_text(name):
        part["name"] = name
    if as_count(size) is not None:
        part["size"] = as_count(size)
    return part


def _media_type(url: str, media_type: Any, name: Any, kind: str) -> str:
    if isinstance(media_type, str) and "/" in media_type:
        return media_type
    if url.startswith("data:"):
        inside = url[5 : url.find(",")].split(";")[0]
        if "/" in inside:
            return inside
    known = _TYPES.guess_type(name)[0] if as_text(name) else None
    return known or (f"{kind}/*" if kind else UNKNOWN_FILE)


def read_arguments(arguments: Any) -> Any:
    """The arguments of a call: parsed where they are an object or a list in a text."""
    if arguments is None:
        return {}
    if isinstance(arguments, str) and arguments.lstrip()[:1] in ("{", "["):
        try:
            return loads(arguments.encode())
        except ValueError:
            return arguments
    return arguments


def content_parts(content: Any) -> list[MessagePart]:
    """The parts of a message's content: text, a list of blocks, one block, or nothing."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    if isinstance(content, list):
        return [part for block in content for part in block_parts(block)]
    return block_parts(content)


def block_parts(block: Any) -> list[MessagePart]:
    """The parts that one block of content comes to."""
    if block is None or block == "":
        return []
    if isinstance(block, str):
        return [text_part(block)]
    if not isinstance(block, dict):
        return [data_part("unknown", block)]
    read = _BLOCKS.get(as_text(block.get("type")) or "")
    parts = read(block) if read is not None else None
    return [data_part(block.get("type"), block)] if parts is None else parts


def block_notes(content: Any) -> list[dict[str, Any]]:
    """The citations and annotations on the blocks of a content, each with its block's number."""
    notes: list[dict[str, Any]] = []
    for place, block in enumerate(as_list(content)):
        found = {key: as_dict(block)[key] for key in _NOTES if has_content(as_dict(block).get(key))}
        if found:
            notes.append({"block": place, **found})
    return notes


def plain_result(content: Any) -> Any:
    """The result of a tool: one text where it is made of nothing but texts, else as it is."""
    if isinstance(content, list) and content:
        texts = [_result_text(as_dict(block)) for block in content]
        told = [text for text in texts if text is not None]
        if len(told) == len(texts):
            return "\n".join(told)
    return content


def _result_text(block: Block) -> str | None:
    text = block.get("text")
    is_text = block.get("type") in ("text", "input_text", "output_text")
    return text if is_text and isinstance(text, str) else None


def inner_text(value: Any) -> str | None:
    """A text, or the text in ``{"value": …}``."""
    return value if isinstance(value, str) else as_text(as_dict(value).get("value"))


def _text(block: Block) -> list[MessagePart] | None:
    text = inner_text(block.get("text"))
    return None if text is None else content_parts(text)


def _refusal(block: Block) -> list[MessagePart] | None:
    text = block.get("refusal")
    return content_parts(text) if isinstance(text, str) else None


def _reasoning(block: Block) -> list[MessagePart] | None:
    for key in ("thinking", "think", "reasoning", "text", "reasoning_text"):
        text = inner_text(block.get(key))
        if text is not None:
            return [reasoning_part(text)] if text else []
    texts = [
        as_text(as_dict(inner).get("text"))
        for key in ("summary", "content")
        for inner in as_list(block.get(key))
    ]
    joined = "\n\n".join(text for text in texts if text)
    parts: list[MessagePart] = [reasoning_part(joined)] if joined else []
    if has_content(block.get("encrypted_content")):
        parts.append(data_part(block.get("type"), block))
    return parts


def _image_url(block: Block) -> list[MessagePart] | None:
    image = block.get("image_url")
    url = as_text(image) or as_text(as_dict(image).get("url"))
    return [media_part(url, kind="image")] if url else None


def _input_image(block: Block) -> list[MessagePart] | None:
    return _image_url(block) or _by_file_id(block, "image")


def _by_file_id(block: Block, kind: str) -> list[MessagePart] | None:
    file_id = as_id(block.get("file_id"))
    if file_id is None:
        return None
    return [media_part(f"file:{file_id}", None, block.get("filename"), None, kind)]


def _embedded(kind: str) -> Callable[[Block], list[MessagePart] | None]:
    """Anthropic's ``source``; LangChain's ``url``, ``base64`` or ``data`` with ``mime_type``."""

    def read(block: Block) -> list[MessagePart] | None:
        source = as_dict(block.get("source")) or block
        media_type = source.get("media_type") or source.get("mime_type")
        encoded = as_text(source.get("base64")) or as_text(source.get("data"))
        url = as_text(source.get("url"))
        if url is None and encoded is not None and as_text(media_type):
            url = f"data:{media_type};base64,{encoded}"
        name = block.get("filename") or block.get("name")
        return [media_part(url, media_type, name, None, kind)] if url else None

    return read


def _input_audio(block: Block) -> list[MessagePart] | None:
    audio = as_dict(block.get("input_audio"))
    encoded, form = as_text(audio.get("data")), as_text(audio.get("format"))
    if encoded is None or form is None:
        return None
    return [media_part(f"data:audio/{form};base64,{encoded}")]


def _file(block: Block) -> list[MessagePart] | None:
    file = as_dict(block.get("file")) or block
    url = as_text(file.get("file_url")) or as_text(file.get("url"))
    encoded = as_text(file.get("file_data"))
    if url is None and encoded is not None:
        url = encoded if encoded.startswith("data:") else f"data:{UNKNOWN_FILE};base64,{encoded}"
    if url is not None:
        return [media_part(url, file.get("mime_type"), file.get("filename"))]
    return _by_file_id(file, "")


def _tool_use(block: Block) -> list[MessagePart] | None:
    call_id = as_id(block.get("id"))
    if call_id is None or as_text(block.get("name")) is None:
        return None
    return [tool_call(call_id, block["name"], block.get("input", block.get("args")))]


def _tool_result(block: Block) -> list[MessagePart] | None:
    call_id = as_id(block.get("tool_use_id")) or as_id(block.get("tool_call_id"))
    if call_id is None:
        return None
    result = plain_result(block.get("content"))
    return [tool_result(call_id, block.get("name"), result, block.get("is_error") is True)]


_BLOCKS: dict[str, Callable[[Block], list[MessagePart] | None]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "thinking": _reasoning,
    "think": _reasoning,
    "reasoning": _reasoning,
    "reasoning_text": _reasoning,
    "summary_text": _reasoning,
    "image_url": _image_url,
    "input_image": _input_image,
    "image": _embedded("image"),
    "audio": _embedded("audio"),
    "document": _embedded(""),
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _file,
    "tool_use": _tool_use,
    "tool_call": _tool_use,
    "tool_result": _tool_result,
}
