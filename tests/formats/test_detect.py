"""Formats are told by what a file holds, whatever it is called."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest

from backend.formats import FORMATS, UnsupportedFormat, detect, read_value
from tests.formats.support import read_json

SAMPLES: dict[str, Any] = {
    "plain": [{"role": "user", "content": "x"}],
    "chatgpt": [{"mapping": {}}],
    "claude": [{"chat_messages": []}],
    "openwebui": [{"chat": {"history": {"messages": {}}}}],
    "librechat": {"conversationId": "c", "messages": []},
    "openai": [{"role": "tool", "content": "x"}],
    "langchain": [{"type": "human", "data": {"content": "x"}}],
    "conversa": {"conversa": 1},
}


def test_there_is_a_sample_of_every_format() -> None:
    assert set(SAMPLES) == set(FORMATS)


@pytest.mark.parametrize("name", SAMPLES)
def test_by_content_not_by_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "misleading-claude-conversations.txt"
    path.write_bytes(orjson.dumps(SAMPLES[name]))
    assert detect(path) == name
    stream = io.BytesIO(path.read_bytes())
    assert detect(stream) == name
    assert stream.tell() == 0


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ([{"title": "Corrupted entry"}, {"x": 1}, {"mapping": {}}], "chatgpt"),
        ([1, None, "x", {"chat_messages": []}], "claude"),
        ({"conversationId": "c", "messagesTree": []}, "librechat"),
        ({"history": {"messages": {}}}, "openwebui"),
        ({"chat": {"messages": []}}, "openwebui"),
        ({"id": "x", "messages": [{"type": "ai", "data": {"content": "x"}}]}, "langchain"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "openai"),
        ({"messages": [{"role": "user", "content": "x"}]}, "plain"),
        ({"conversations": [{"mapping": {}}]}, "chatgpt"),
        ([{"type": "message", "role": "user", "content": []}], "openai"),
        ({"format": "plain", "external_id": "x", "messages": []}, "conversa"),
        ([{"id": "1", "role": "user", "content": "x", "parts": []}], "plain"),
    ],
)
def test_by_the_first_item_that_tells(value: Any, name: str) -> None:
    assert read_value(value).format == name


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"conversations": [{"conversation": {"id": "x"}, "responses": []}]}, "Grok"),
        ({"headId": "x", "messages": []}, "assistant-ui"),
        ({"messages": [{"parentId": None, "message": {}}]}, "assistant-ui"),
        ([{"id": "1", "role": "user", "parts": []}], "UIMessage"),
        ({"conversa": 2}, "version 2; this program reads up to 1"),
        ([[]], "no chat format"),
        (5, "no chat format"),
        ([{"role": ["user"], "content": "x"}], "no chat format"),
    ],
)
def test_what_is_known_but_not_read(value: Any, reason: str) -> None:
    with pytest.raises(UnsupportedFormat, match=reason):
        read_value(value)


def test_a_format_that_is_told_overrules() -> None:
    [failure] = read_json(SAMPLES["claude"], "chatgpt")
    assert failure.external_id is None
    assert read_value(SAMPLES["librechat"], "claude").format == "claude"
    [result] = read_json([{"id": "1", "role": "user", "parts": [], "text": "x"}], "plain")
    assert result.index == 0


def test_only_the_beginning_is_looked_at() -> None:
    with pytest.raises(UnsupportedFormat):
        read_value([None] * 100 + [{"mapping": {}}])
    assert read_value([None] * 99 + [{"mapping": {}}]).format == "chatgpt"
