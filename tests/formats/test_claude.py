"""Claude's flat messages with parents, and the older ones without."""

from __future__ import annotations

from typing import Any

import pytest

from backend.formats import DocumentConversation
from tests.formats.support import (
    contents,
    message_of,
    part_types,
    read_failure,
    read_json,
    read_one,
    roles_of,
    tree_of,
)

SENTINEL = "00000000-0000-4000-8000-000000000000"


def message(name: str, sender: str = "human", said: str = "x", **rest: Any) -> dict[str, Any]:
    return {
        "uuid": name,
        "sender": sender,
        "text": said,
        "content": [{"type": "text", "text": said, "citations": []}],
        "created_at": "2025-01-01T00:00:01.5Z",
        "updated_at": "2025-01-01T00:00:01.5Z",
        "attachments": [],
        "files": [],
        **rest,
    }


def conversation(*messages: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "uuid": "c1",
        "name": "T",
        "summary": "",
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-02T00:00:00Z",
        "account": {"uuid": "me"},
        "chat_messages": list(messages),
        **rest,
    }


def read(*messages: dict[str, Any], **rest: Any) -> DocumentConversation:
    return read_one([conversation(*messages, **rest)])


def test_an_old_export_is_a_chain() -> None:
    document = read(message("a"), message("b", "assistant"), message("c"))
    assert tree_of(document) == {"a": None, "b": "a", "c": "b"}
    assert roles_of(document) == ["user", "assistant", "user"]
    assert (document.format, document.external_id, document.title) == ("claude", "c1", "T")
    assert document.metadata == {"account": {"uuid": "me"}}
    assert document.messages[0].created_at is not None
    assert document.messages[0].created_at.microsecond == 500_000


def test_parents_sentinels_and_null() -> None:
    document = read(
        message("a", parent_message_uuid=SENTINEL),
        message("b", "assistant", parent_message_uuid="a"),
        message("c", "assistant", parent_message_uuid="a"),
        message("d", parent_message_uuid=None),
        message("e", "assistant"),
        current_leaf_message_uuid="b",
    )
    assert tree_of(document) == {"a": None, "b": "a", "c": "a", "d": None, "e": "d"}
    assert document.active_leaf_id == "b"


def test_empty_messages_are_stepped_over() -> None:
    empty = message("b", "assistant", "", parent_message_uuid="a")
    document = read(
        message("a", parent_message_uuid=None), empty, message("c", parent_message_uuid="b")
    )
    assert tree_of(document) == {"a": None, "c": "a"}


def test_the_text_counts_where_no_block_has_any() -> None:
    thinking = {"type": "thinking", "thinking": "Hm", "summaries": [{"summary": "s"}]}
    document = read(
        message("a", "assistant", content=[], text="told"),
        message("b", "assistant", content=[thinking], text="told"),
        message("c", "assistant", content=[{"type": "text", "text": "block"}], text="told"),
        message("d", "assistant", content=None, text="told"),
    )
    assert contents(document) == ["told", "told", "block", "told"]
    assert part_types(message_of(document, "b")) == ["reasoning", "text"]
    assert message_of(document, "b").metadata == {
        "blocks": [{"block": 0, "summaries": [{"summary": "s"}]}]
    }


def test_blocks_of_every_type() -> None:
    citation = {"uuid": "u", "start_index": 0, "end_index": 2}
    blocks = [
        {"type": "thinking", "thinking": "Hm"},
        {"type": "tool_use", "id": None, "name": "search", "input": {"q": "x"}},
        {
            "type": "tool_result",
            "tool_use_id": None,
            "name": "search",
            "is_error": True,
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        },
        {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "image", "url": "u"}]},
        {"type": "voice_note", "title": "Note", "text": "spoken"},
        {"type": "text", "text": "Done", "citations": [citation], "stop_timestamp": "z"},
        {"type": "token_budget", "remaining": 9},
        "stray",
    ]
    [answer] = read(message("a", "assistant", "", content=blocks)).messages
    assert answer.parts == [
        {"type": "reasoning", "text": "Hm"},
        {"type": "tool_call", "call_id": "a:0", "name": "search", "arguments": {"q": "x"}},
        {
            "type": "tool_result",
            "call_id": "a:0",
            "name": "search",
            "result": "one\ntwo",
            "is_error": True,
        },
        {"type": "tool_call", "call_id": "t2", "name": "look", "arguments": {}},
        {
            "type": "tool_result",
            "call_id": "t2",
            "result": [{"type": "image", "url": "u"}],
            "is_error": False,
        },
        {"type": "text", "text": "spoken"},
        {"type": "text", "text": "Done"},
        {
            "type": "data",
            "data_type": "token_budget",
            "data": {"type": "token_budget", "remaining": 9},
        },
        {"type": "data", "data_type": "unknown", "data": "stray"},
    ]
    assert answer.metadata["blocks"] == [
        {"block": 5, "title": "Note"},
        {"block": 6, "citations": [citation]},
    ]


def test_attachments_and_files() -> None:
    attachment = {
        "file_name": "a.txt",
        "file_type": "text/plain",
        "file_size": 3,
        "extracted_content": "abc",
    }
    [user] = read(
        message(
            "a",
            said="",
            attachments=[attachment, {"file_name": ""}],
            files=[{"file_uuid": "f1", "file_name": "cat.png"}, {"file_name": "dog"}, {}],
        )
    ).messages
    assert user.parts == [
        {
            "type": "media",
            "media_type": "text/plain",
            "url": "attachment:a.txt",
            "name": "a.txt",
            "size": 3,
        },
        {"type": "data", "data_type": "attachment", "data": attachment},
        {"type": "media", "media_type": "image/png", "url": "urn:uuid:f1", "name": "cat.png"},
        {
            "type": "media",
            "media_type": "application/octet-stream",
            "url": "file:dog",
            "name": "dog",
        },
    ]


def test_a_conversation_without_messages_is_one() -> None:
    document = read(is_starred=True)
    assert (document.messages, document.active_leaf_id, document.pinned) == ([], None, True)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (None, "it has no list of chat_messages"),
        ([1], "message 0 is not an object"),
        ([message("a"), message("b", "robot")], "message 1: unknown role 'robot'"),
    ],
)
def test_failures_say_why(messages: Any, reason: str) -> None:
    failure = read_failure([{**conversation(), "chat_messages": messages}])
    assert (failure.external_id, failure.reason) == ("c1", f"{reason} (byte 1)")


def test_the_same_message_id_twice_keeps_both() -> None:
    [document] = read_json([conversation(message("a"), message("a", "assistant"))])
    assert isinstance(document, DocumentConversation)
    assert tree_of(document) == {"a": None, "a#1": "a"}
