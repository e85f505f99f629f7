"""Histories of messages for tests: by hand, at random, and behind a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from backend.utils.message_parts import MessagePart, content_of, text_part
from backend.utils.text_processor import count_tokens


class Row(NamedTuple):
    """A message as a repository gives it."""

    id: str
    role: str
    name: str | None
    content: str
    parts: Sequence[MessagePart]
    token_count: int
    position: int


def row(role: str, *parts: str | MessagePart, name: str | None = None, position: int = 1) -> Row:
    """A message; a plain one where it is given one string."""
    made: list[MessagePart] = [text_part(part) if isinstance(part, str) else part for part in parts]
    content = content_of(made)
    plain = all(isinstance(part, str) for part in parts)
    stored = [] if plain and len(parts) <= 1 else made
    return Row(str(position), role, name, content, stored, count_tokens(content), position)


def call(call_id: str, name: str = "look", arguments: Any = None) -> MessagePart:
    return {"type": "tool_call", "call_id": call_id, "name": name, "arguments": arguments or {}}


def result(call_id: str, value: Any = "found") -> MessagePart:
    return {"type": "tool_result", "call_id": call_id, "result": value, "is_error": False}


def image(url: str = "https://example.org/cat.png") -> MessagePart:
    return {"type": "media", "media_type": "image/png", "url": url}


def history(*rows: Row) -> list[Row]:
    """The rows in the order of a branch."""
    return [row._replace(id=str(n), position=n) for n, row in enumerate(rows, start=1)]


class ListReader:
    """A branch in memory that keeps account of what was read of it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self.reads: list[int] = []

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> Sequence[Row]:
        earlier = [
            row for row in self._rows if before_position is None or row.position < before_position
        ]
        page = earlier[-count:]
        self.reads.append(len(page))
        return page


words = st.sampled_from(["", "Hi", "Olá, mundo!", "one two three four five six seven", "日本語"])
call_ids = st.sampled_from(["a", "b", "call_0"])
any_parts: st.SearchStrategy[str | MessagePart] = st.one_of(
    words,
    st.builds(call, call_ids, arguments=st.dictionaries(st.sampled_from("xy"), words)),
    st.builds(result, call_ids, st.one_of(words, st.dictionaries(st.sampled_from("xy"), words))),
    st.just(image()),
    st.just({"type": "reasoning", "text": "thinking"}),
)
any_rows = st.builds(
    lambda role, parts, name: row(role, *parts, name=name),
    st.sampled_from(["user", "assistant", "assistant", "tool", "system", "developer"]),
    st.lists(any_parts, max_size=3),
    st.sampled_from([None, None, "Ana Maria"]),
)
wild_histories = st.lists(any_rows, max_size=25).map(lambda rows: history(*rows))
"""Anything that could be stored, however broken."""


@st.composite
def orderly_histories(draw: st.DrawFn, most_turns: int = 12) -> list[Row]:
    """Instructions, then turns of users with answers, some of which call tools first."""
    rows = [row("system", draw(words.filter(bool))) for _ in range(draw(st.integers(0, 2)))]
    for turn in range(draw(st.integers(0, most_turns))):
        rows.append(row("user", draw(words.filter(bool))))
        if draw(st.booleans()):
            calls = [f"call_{turn}_{n}" for n in range(draw(st.integers(1, 3)))]
            rows.append(row("assistant", *map(call, calls)))
            rows += [row("tool", result(call_id, draw(words))) for call_id in calls]
        rows += [row("assistant", draw(words.filter(bool))) for _ in range(draw(st.integers(0, 2)))]
    return history(*rows)
