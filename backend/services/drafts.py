"""Checks what is to be written, and turns it into the values of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from backend import limits
from backend.errors import Invalid, TooLarge
from backend.ids import parse_id
from backend.utils.message_parts import MessagePart, content_of, is_plain
from backend.utils.text_processor import count_tokens, normalise

UNTITLED = "New conversation"
ROLES = ("system", "developer", "user", "assistant", "tool")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model counted; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message to be written: ``content`` or ``parts``, never both.

    ``path`` says where in the input it stands, for errors.
    """

    role: str
    content: str | None = None
    parts: Sequence[MessagePart] | None = None
    id: str | None = None
    name: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    metadata: Any = None
    created_at: datetime | None = None
    path: Path = ()


def message_values(draft: MessageDraft) -> dict[str, Any]:
    """The columns a draft fills by itself; raises Invalid or TooLarge."""
    if draft.role not in ROLES:
        raise Invalid(f"role must be one of {', '.join(ROLES)}.", field=(*draft.path, "role"))
    check_moment(draft.created_at, (*draft.path, "createdAt"))
    return {
        "role": draft.role,
        "name": optional_text(draft.name, (*draft.path, "name")),
        "model": optional_text(draft.model, (*draft.path, "model")),
        **body_values(draft.content, draft.parts, draft.path),
        **usage_values(draft.usage, (*draft.path, "usage")),
        "metadata_json": metadata_text(draft.metadata, (*draft.path, "metadata")),
    }


def usage_values(usage: Usage, path: Path) -> dict[str, Any]:
    """The columns that hold what a model counted; raises Invalid."""
    return {
        "input_tokens": _count(usage.input_tokens, (*path, "inputTokens")),
        "output_tokens": _count(usage.output_tokens, (*path, "outputTokens")),
        "reasoning_tokens": _count(usage.reasoning_tokens, (*path, "reasoningTokens")),
    }


def body_values(
    content: str | None, parts: Sequence[MessagePart] | None, path: Path
) -> dict[str, Any]:
    """The columns that hold what a message says; raises Invalid or TooLarge."""
    if (content is None) == (parts is None):
        raise Invalid("Give either content or parts.", field=(*path, "content"))
    if parts is None:
        text = checked_content(content or "", (*path, "content"))
        return {"content": text, "parts_json": None, "token_count": count_tokens(text)}
    if len(parts) > limits.PARTS:
        raise TooLarge(f"At most {limits.PARTS} parts.", field=(*path, "parts"))
    clean = cleaned_json(list(parts), (*path, "parts"))
    text = checked_content(content_of(clean), (*path, "parts"))
    stored = None if is_plain(clean) else dump_json(clean, (*path, "parts"))
    if stored is not None and len(stored.encode()) > limits.CONTENT_BYTES:
        raise _content_too_large((*path, "parts"))
    return {"content": text, "parts_json": stored, "token_count": count_tokens(text)}


def checked_content(text: str, path: Path) -> str:
    """The text as it is stored; raises TooLarge."""
    clean = normalise(text)
    # A character takes at least a byte, so most texts need not be encoded to be measured.
    if len(clean) > limits.CONTENT_BYTES or (
        len(clean) * 4 > limits.CONTENT_BYTES and len(clean.encode()) > limits.CONTENT_BYTES
    ):
        raise _content_too_large(path)
    return clean


def check_moment(moment: datetime | None, path: Path) -> None:
    """Raises Invalid where a moment has no zone, or is in UTC outside the years that are stored."""
    if moment is None:
        return
    try:
        known = bool(moment.tzinfo and moment.astimezone(UTC))
    except OverflowError:
        known = False
    if not known:
        raise Invalid("A time has a zone and lies in the years 1 to 9999.", field=path)


def metadata_text(value: Any, path: Path) -> str | None:
    """Metadata as the text of a JSON object, None for an empty one; raises Invalid or TooLarge."""
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise Invalid("metadata must be a JSON object.", field=path)
    text = dump_json(cleaned_json(value, path), path)
    if len(text.encode()) > limits.METADATA_BYTES:
        raise TooLarge(f"metadata takes at most {limits.METADATA_BYTES} bytes as JSON.", field=path)
    return text


def title_text(title: str, path: Path = ("title",)) -> str:
    """A title as it is stored; raises TooLarge."""
    clean = normalise(title).strip()
    if len(clean) > limits.TITLE_CHARACTERS:
        raise TooLarge(f"A title takes at most {limits.TITLE_CHARACTERS} characters.", field=path)
    return clean


def tag_texts(tags: Sequence[str], path: Path = ("tags",)) -> list[str]:
    """Tags as they are stored: trimmed, each once, in order; raises Invalid or TooLarge."""
    clean = list(dict.fromkeys(normalise(tag).strip() for tag in tags))
    if len(clean) > limits.TAGS:
        raise TooLarge(f"At most {limits.TAGS} tags.", field=path)
    for tag in clean:
        if not tag:
            raise Invalid("A tag must not be empty.", field=path)
        if len(tag) > limits.TAG_CHARACTERS:
            raise TooLarge(f"A tag takes at most {limits.TAG_CHARACTERS} characters.", field=path)
    return clean


def asked_tags(tags: Sequence[str], path: Path = ("filter", "tags")) -> tuple[str, ...]:
    """Tags to look for, as they are stored; raises Invalid for more than anything can have."""
    if len(tags) > limits.TAGS:
        raise Invalid(f"At most {limits.TAGS} tags.", field=path)
    return tuple(dict.fromkeys(normalise(tag).strip() for tag in tags))


def optional_text(value: str | None, path: Path) -> str | None:
    """A short text, None for an empty one; raises TooLarge."""
    clean = normalise(value).strip() if value else None
    if clean and len(clean) > limits.NAME_CHARACTERS:
        raise TooLarge(f"{path[-1]} takes at most {limits.NAME_CHARACTERS} characters.", field=path)
    return clean or None


def checked_id(value: str, path: Path = ("id",)) -> str:
    """A client's own id in canonical form; raises Invalid."""
    found = parse_id(value)
    if found is None:
        raise Invalid("An id is a UUID in its usual text form.", field=path)
    return found


def dump_json(value: Any, path: Path) -> str:
    """JSON text of a value; raises Invalid where it cannot be written as JSON."""
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        raise Invalid("This cannot be stored as JSON.", field=path) from None


def cleaned_json(value: Any, path: Path) -> Any:
    """The value with its texts as they are stored; raises Invalid where it is nested too deep."""
    try:
        return _cleaned(value)
    except RecursionError:
        raise Invalid("This is nested too deep.", field=path) from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return normalise(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {normalise(str(key)): _cleaned(each) for key, each in value.items()}
    return value


def _count(value: int | None, path: Path) -> int | None:
    if value is not None and not 0 <= value < 2**31:
        raise Invalid("A token count is not negative and under 2^31.", field=path)
    return value


def _content_too_large(path: Path) -> TooLarge:
    return TooLarge(f"A message takes at most {limits.CONTENT_BYTES} bytes of text.", field=path)
