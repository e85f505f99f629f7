"""Memory is bounded by the largest conversation, whatever the size of the file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from backend.formats import WRITERS, DocumentConversation, open_documents

MEGABYTE = 1024 * 1024
COUNT = 1100


def conversation(number: int) -> bytes:
    """About 57 KB as ChatGPT exports it."""
    mapping: dict[str, object] = {
        str(n): {
            "parent": str(n - 1) if n else None,
            "children": [],
            "message": {
                "author": {"role": "user" if n % 2 else "assistant"},
                "content": {"content_type": "text", "parts": [f"{number} {n} " + "word " * 500]},
            },
        }
        for n in range(22)
    }
    return orjson.dumps({"title": "T", "conversation_id": str(number), "mapping": mapping})


@pytest.fixture(scope="module", params=["list", "lines"])
def large_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "conversations.json"
    is_list = request.param == "list"
    with path.open("wb") as file:
        file.write(b"[" if is_list else b"")
        for number in range(COUNT):
            file.write(b"" if number == 0 else b",\n" if is_list else b"\n")
            file.write(conversation(number))
        file.write(b"]" if is_list else b"\n")
    assert path.stat().st_size > 58 * MEGABYTE
    return path


def peak_of_reading(path: Path) -> tuple[int, int]:
    tracemalloc.start()
    try:
        count = sum(isinstance(result, DocumentConversation) for result in open_documents(path))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_reading_a_file_of_60_megabytes(large_file: Path) -> None:
    count, peak = peak_of_reading(large_file)
    assert count == COUNT
    assert peak < 8 * MEGABYTE


def many(count: int) -> Iterator[DocumentConversation]:
    for number in range(count):
        yield DocumentConversation("plain", str(number), "T", [], metadata={"x": "y" * 10_000})


@pytest.mark.parametrize("name", WRITERS)
def test_writing_holds_one_conversation_at_a_time(name: str) -> None:
    tracemalloc.start()
    try:
        for _ in WRITERS[name](many(500)):
            pass
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()
