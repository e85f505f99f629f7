"""Conversa's own form: everything comes back, and nothing wrong gets in."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from backend.formats import (
    WRITERS,
    DocumentConversation,
    DocumentFailure,
    UnsupportedFormat,
    read_documents,
)
from tests.formats.strategies import document_lists
from tests.formats.support import read_bytes

write = WRITERS["conversa"]


@settings(max_examples=50)
@given(document_lists())
def test_writing_and_reading_changes_nothing(documents: list[DocumentConversation]) -> None:
    content = b"".join(write(documents))
    assert read_bytes(content) == documents


def test_a_line_at_a_time() -> None:
    def endless() -> Any:
        number = 0
        while True:
            yield DocumentConversation("plain", str(number), None, [])
            number += 1

    lines = write(endless())
    assert next(lines) == b'{"conversa":1}\n'
    assert next(lines) == b'{"format":"plain","external_id":"0","messages":[]}\n'
    assert orjson.loads(next(lines))["external_id"] == "1"


MESSAGE = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
CONVERSATION = {"format": "plain", "external_id": "c", "messages": [MESSAGE]}


def lines(*values: Any) -> bytes:
    return b"\n".join(map(orjson.dumps, ({"conversa": 1}, *values)))


def test_an_export_of_nothing_is_one() -> None:
    with read_documents(io.BytesIO(lines())) as documents:
        assert documents.format == "conversa"
        assert list(documents) == []


def test_files_put_together_and_lines_cut_out() -> None:
    both = lines(CONVERSATION) + b"\n" + lines({**CONVERSATION, "external_id": "d"})
    assert [(r.index, r.external_id) for r in read_bytes(both)] == [(0, "c"), (1, "d")]
    [cut_out] = read_bytes(orjson.dumps(CONVERSATION))
    assert isinstance(cut_out, DocumentConversation)
    assert cut_out.messages[0].parts == MESSAGE["parts"]


def test_fields_of_a_later_day_are_passed_over() -> None:
    [document] = read_bytes(lines({**CONVERSATION, "mood": 1, "messages": [{**MESSAGE, "x": 1}]}))
    assert isinstance(document, DocumentConversation)
    assert document.metadata == {}


def test_a_later_version_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="version 2"):
        read_bytes(b'{"conversa": 2}\n')
    results = read_bytes(lines(CONVERSATION, {"conversa": 2}, {**CONVERSATION, "external_id": "d"}))
    assert [isinstance(result, DocumentFailure) for result in results] == [False, True, False]
    [failure] = read_bytes(b'{"conversa": 2}\n', "conversa")
    assert isinstance(failure, DocumentFailure)
    assert "later version" in failure.reason


def with_message(**fields: Any) -> dict[str, Any]:
    return {**CONVERSATION, "messages": [{**MESSAGE, **fields}]}


def with_part(**fields: Any) -> dict[str, Any]:
    return with_message(parts=[fields])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (5, "it is not an object"),
        ({"format": "plain"}, "external_id is missing"),
        ({**CONVERSATION, "title": 1}, "title is not text"),
        ({**CONVERSATION, "messages": {}}, "messages is not a list"),
        ({**CONVERSATION, "tags": [1]}, "tags holds something that is not text"),
        ({**CONVERSATION, "pinned": 1}, "pinned is neither true nor false"),
        ({**CONVERSATION, "metadata": []}, "metadata is not an object"),
        ({**CONVERSATION, "created_at": "soon"}, "created_at is not a time"),
        ({**CONVERSATION, "created_at": 5}, "created_at is not a time"),
        ({**CONVERSATION, "active_leaf_id": "x"}, "its active_leaf_id is none of its messages"),
        ({**CONVERSATION, "messages": [1]}, "message 0: it is not an object"),
        ({**CONVERSATION, "messages": [MESSAGE, MESSAGE]}, "message 1: its id is taken"),
        (with_message(parent_id="x"), "message 0: its parent is no earlier message"),
        (with_message(parent_id="m"), "message 0: its parent is no earlier message"),
        (with_message(role="robot"), "message 0: role is not one of system"),
        (with_message(status="odd"), "message 0: status is not one of complete"),
        (with_message(input_tokens=-1), "message 0: input_tokens is not a whole number"),
        (with_message(versions=[{"parts": []}]), "message 0: an earlier version"),
        (with_message(feedback={"rating": 2}), "message 0: the rating of a feedback"),
        (with_message(feedback={"rating": True}), "message 0: the rating of a feedback"),
        (with_message(parts=["x"]), "message 0: a part is not one of text"),
        (with_part(type="song"), "message 0: a part is not one of text"),
        (with_part(type=["text"]), "message 0: a part is not one of text"),
        (with_part(type="text"), "message 0: a text part has no text"),
        (with_part(type="text", text=1), "message 0: a text part has no text"),
        (with_part(type="tool_call", call_id="c", name="f"), "message 0: a tool_call part has no"),
        (
            with_part(type="tool_result", call_id="c", result=1),
            "message 0: a tool_result part does not say",
        ),
        (
            with_part(type="media", media_type="a/b", url="u", name=1),
            "message 0: the name in a media part",
        ),
        (
            with_part(type="media", media_type="a/b", url="u", size="big"),
            "message 0: the size in a media part",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(value: Any, reason: str) -> None:
    results = read_bytes(lines(value, {**CONVERSATION, "external_id": "good"}))
    failure, good = results
    assert isinstance(failure, DocumentFailure)
    assert failure.reason.startswith(reason)
    assert failure.reason.endswith("(line 2)")
    assert isinstance(good, DocumentConversation)
