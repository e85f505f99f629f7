"""The content of one node of a ChatGPT export as message parts."""

from __future__ import annotations

from typing import Any

from backend.formats.chat_parts import (
    data_part,
    media_part,
    reasoning_part,
    tool_call,
    tool_result,
)
from backend.formats.values import as_dict, as_id, as_list, as_text, extras, has_content
from backend.utils.message_parts import MediaPart, MessagePart, text_part

_POINTER_SCHEMES = ("file-service://", "sediment://")
_TEXT_KEYS = {
    "text": frozenset({"content_type", "parts"}),
    "multimodal_text": frozenset({"content_type", "parts"}),
    "code": frozenset({"content_type", "text"}),
    "execution_output": frozenset({"content_type", "text"}),
    "tether_quote": frozenset({"content_type", "text"}),
    "system_error": frozenset({"content_type", "text"}),
    "tether_browsing_display": frozenset({"content_type", "result"}),
    "reasoning_recap": frozenset({"content_type", "content"}),
    "thoughts": frozenset({"content_type", "thoughts"}),
    "user_editable_context": frozenset({"content_type", "user_profile", "user_instructions"}),
}


def content_of_node(
    name: str, role: str, raw: dict[str, Any], metadata: dict[str, Any], kept: dict[str, Any]
) -> list[MessagePart]:
    """The parts of a node's message; what of it goes into none is added to ``kept``, its metadata.

    No parts: there is nothing in it, not even an unknown type with something inside.
    """
    content = as_dict(raw.get("content"))
    kind = as_text(content.get("content_type")) or "text"
    recipient = as_text(raw.get("recipient")) or "all"
    if recipient != "all":
        kept["recipient"] = recipient
    known = _TEXT_KEYS.get(kind)
    parts = _unknown(kind, content) if known is None else _parts(kind, content)
    if known is not None and parts:
        if not content.keys() <= known:
            kept |= _unread(content, known)
        if kind != "text" or recipient != "all" or role == "tool":
            parts = _by_role(name, raw, metadata, recipient, parts)
    if metadata.get("attachments"):
        parts += _attachments(metadata, parts)
    return parts


def is_failure(raw: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether a message tells of a tool's code that failed, or of a failure of ChatGPT itself."""
    if "aggregate_result" in metadata:
        status = as_text(as_dict(metadata["aggregate_result"]).get("status")) or ""
        return status.startswith("failed")
    return bool(as_dict(raw.get("content")).get("content_type") == "system_error")


def _unread(content: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    unread = extras(content, known)
    return {"content": unread} if unread else {}


def _unknown(kind: str, content: dict[str, Any]) -> list[MessagePart]:
    says_nothing = not extras(content, frozenset({"content_type"}))
    return [] if says_nothing else [data_part(kind, content)]


def _by_role(
    name: str,
    raw: dict[str, Any],
    metadata: dict[str, Any],
    recipient: str,
    parts: list[MessagePart],
) -> list[MessagePart]:
    """The same parts as a tool's answer, as the call of a tool, or as they are."""
    author, content = as_dict(raw.get("author")), as_dict(raw.get("content"))
    if author.get("role") == "tool":
        text, rest = _split(parts)
        return [tool_result(name, author.get("name"), text, is_failure(raw, metadata)), *rest]
    if author.get("role") == "assistant" and recipient != "all":
        text, rest = _split(parts)
        return [tool_call(name, recipient, text), *rest]
    if content.get("content_type") == "code":
        return [text_part(_fenced(content))]
    return parts


def _parts(kind: str, content: dict[str, Any]) -> list[MessagePart]:
    if kind in ("text", "multimodal_text"):
        elements = content.get("parts", [content.get("text")])
        if isinstance(elements, list) and len(elements) == 1 and isinstance(elements[0], str):
            return [text_part(elements[0])] if elements[0] else []
        return [part for element in as_list(elements) for part in _element(element)]
    if kind == "thoughts":
        texts = [_thought(as_dict(thought)) for thought in as_list(content.get("thoughts"))]
        return [reasoning_part(text) for text in texts if text]
    if kind == "reasoning_recap":
        text = as_text(content.get("content"))
        return [reasoning_part(text)] if text else []
    if kind == "user_editable_context":
        texts = [as_text(content.get(key)) or "" for key in ("user_profile", "user_instructions")]
        return [text_part(text) for text in texts if text]
    text = as_text(content.get("result" if kind == "tether_browsing_display" else "text"))
    return [text_part(text)] if text else []


def _thought(thought: dict[str, Any]) -> str:
    texts = (as_text(thought.get("summary")), as_text(thought.get("content")))
    return "\n\n".join(text for text in texts if text)


def _element(raw: Any) -> list[MessagePart]:
    if isinstance(raw, str):
        return [text_part(raw)] if raw else []
    if not isinstance(raw, dict):
        return [] if raw is None else [data_part("part", raw)]
    kind = raw.get("content_type")
    if kind == "audio_transcription" and isinstance(raw.get("text"), str):
        return [text_part(raw["text"])] if raw["text"] else []
    pointer = as_text(raw.get("asset_pointer"))
    if kind == "image_asset_pointer" and pointer:
        return [media_part(pointer, None, None, raw.get("size_bytes"), "image")]
    if kind == "audio_asset_pointer" and pointer:
        return [_audio(pointer, raw)]
    if kind == "real_time_user_audio_video_asset_pointer":
        return _recording(raw)
    return [data_part(kind, raw)]


def _recording(raw: dict[str, Any]) -> list[MessagePart]:
    audio = as_dict(raw.get("audio_asset_pointer"))
    pointer = as_text(audio.get("asset_pointer"))
    if pointer is None:
        return [data_part(raw.get("content_type"), raw)]
    pictures = ("video_container_asset_pointer", "frames_asset_pointers")
    return [
        _audio(pointer, audio),
        *(data_part(key, raw[key]) for key in pictures if has_content(raw.get(key))),
    ]


def _audio(pointer: str, raw: dict[str, Any]) -> MediaPart:
    form = as_text(raw.get("format"))
    media_type = f"audio/{form}" if form else None
    return media_part(pointer, media_type, None, raw.get("size_bytes"), "audio")


def _fenced(content: dict[str, Any]) -> str:
    language = as_text(content.get("language"))
    return f"```{'' if language in (None, 'unknown') else language}\n{content['text']}\n```"


def _split(parts: list[MessagePart]) -> tuple[str, list[MessagePart]]:
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(texts), [part for part in parts if part["type"] != "text"]


def _attachments(metadata: dict[str, Any], parts: list[MessagePart]) -> list[MessagePart]:
    """Media parts for the attachments that no pointer shows; those that one shows name it."""
    shown = {_asset_id(part["url"]): part for part in parts if part["type"] == "media"}
    media: list[MessagePart] = []
    for raw in as_list(metadata.get("attachments")):
        file = as_dict(raw)
        file_id = as_id(file.get("id"))
        if file_id is None:
            continue
        scheme = _POINTER_SCHEMES[1 if file_id.startswith("file_") else 0]
        named = media_part(
            scheme + file_id, file.get("mime_type"), file.get("name"), file.get("size")
        )
        if file_id in shown:
            named["url"] = shown[file_id]["url"]
            shown[file_id].update(named)
        else:
            media.append(named)
    return media


def _asset_id(url: str) -> str:
    for scheme in _POINTER_SCHEMES:
        if url.startswith(scheme):
            return url[len(scheme) :].split("#")[0]
    return url
