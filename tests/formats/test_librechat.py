"""LibreChat's files: flat, nested, deep."""

from __future__ import annotations

from typing import Any

import pytest

from backend.formats import DocumentConversation, DocumentFeedback
from tests.formats.support import (
    check_tree,
    contents,
    message_of,
    read_bytes,
    read_failure,
    read_one,
    roles_of,
    tree_of,
)

ROOT = "00000000-0000-0000-0000-000000000000"


def message(
    name: str, parent: str | None = ROOT, user: bool = False, **rest: Any
) -> dict[str, Any]:
    return {
        "messageId": name,
        "parentMessageId": parent,
        "conversationId": "c1",
        "isCreatedByUser": user,
        "sender": "User" if user else "GPT",
        "text": "x",
        **rest,
    }


def export(messages: Any, key: str = "messages", **rest: Any) -> dict[str, Any]:
    return {
        "conversationId": "c1",
        "endpoint": "openAI",
        "title": "T",
        "exportAt": "13:18:04 GMT-0400 (Eastern Daylight Time)",
        "branches": True,
        "recursive": False,
        "options": {"model": "gpt-4"},
        key: messages,
        **rest,
    }


def flat() -> list[dict[str, Any]]:
    return [
        message("u", ROOT, True, createdAt="2024-05-01T16:35:11.530Z", tokenCount=59),
        message("a", "u", createdAt="2024-05-01T16:35:12.604Z", model="m1", tokenCount=504),
        message("b", "u", finish_reason="stop", promptTokens=586),
        message("lost", "gone", True, sender="Ann"),
    ]


def test_flat_messages() -> None:
    document = read_one(export(flat()))
    assert tree_of(document) == {"u": None, "a": "u", "b": "u", "lost": None}
    assert (document.format, document.external_id, document.title) == ("librechat", "c1", "T")
    assert document.active_leaf_id == "a"
    assert document.metadata["options"] == {"model": "gpt-4"}
    a, b, u = (message_of(document, name) for name in "abu")
    assert (a.model, a.output_tokens, a.name) == ("m1", 504, "GPT")
    assert (b.model, b.input_tokens, b.finish_reason) == ("gpt-4", 586, "stop")
    assert (u.model, u.metadata, u.name) == (None, {"tokenCount": 59}, None)
    assert message_of(document, "lost").name == "Ann"


@pytest.mark.parametrize("key", ["messages", "messagesTree"])
def test_nested_messages(key: str) -> None:
    inner = message("b", "a", True)
    del inner["parentMessageId"]
    nested = [
        message("u", user=True, children=[message("a", "u", children=[inner]), message("c", "u")])
    ]
    document = read_one(export(nested, key, recursive=True))
    assert tree_of(document) == {"u": None, "a": "u", "b": "a", "c": "u"}
    assert roles_of(document) == ["user", "assistant", "user", "assistant"]


def test_nesting_as_deep_as_a_long_conversation() -> None:
    count = 20_000
    opening = b"".join(
        b'{"messageId":"%d","isCreatedByUser":true,"text":"x\\u0000","children":[' % n
        for n in range(count)
    )
    content = b'{"conversationId":"c","messagesTree":[' + opening + b"]}" * count + b"]}"
    [document] = read_bytes(content)
    assert isinstance(document, DocumentConversation), document
    check_tree(document)
    assert len(document.messages) == count
    assert document.messages[-1].parent_id == str(count - 2)
    assert contents(document)[0] == "x"


def test_blocks_of_content() -> None:
    blocks = [
        {"type": "think", "think": "Hm"},
        {
            "type": "tool_call",
            "tool_call": {"id": "t", "name": "f", "args": '{"x": 1}', "output": "done"},
        },
        {"type": "tool_call", "tool_call": {"name": "g", "args": {"y": 2}, "output": ""}},
        {"type": "text", "text": {"value": "Said"}},
        {
            "type": "image_file",
            "image_file": {"filepath": "/i.png", "filename": "i.png", "bytes": 3},
        },
        {"type": "error", "error": "Oh no"},
        {"type": "agent_update", "agent": 1},
    ]
    [answer] = read_one(export([message("a", content=blocks)])).messages
    assert answer.parts == [
        {"type": "reasoning", "text": "Hm"},
        {"type": "tool_call", "call_id": "t", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_result", "call_id": "t", "name": "f", "result": "done", "is_error": False},
        {"type": "tool_call", "call_id": "a:2", "name": "g", "arguments": {"y": 2}},
        {"type": "text", "text": "Said"},
        {
            "type": "media",
            "media_type": "image/png",
            "url": "/i.png",
            "name": "i.png",
            "size": 3,
        },
        {"type": "text", "text": "Oh no"},
        {"type": "data", "data_type": "agent_update", "data": blocks[6]},
    ]


@pytest.mark.parametrize(
    ("text", "types", "content"),
    [
        (":::thinking\nHm\n:::\nSaid", ["reasoning", "text"], "Said"),
        (":::thinking\nHm\n:::", ["reasoning"], ""),
        (":::thinking never closed", ["text"], ":::thinking never closed"),
        ("a :::thinking\nb\n:::", ["text"], "a :::thinking\nb\n:::"),
        (":::thinking" + "\n" * 100_000, ["text"], ":::thinking" + "\n" * 100_000),
    ],
)
def test_reasoning_in_front_of_older_texts(text: str, types: list[str], content: str) -> None:
    document = read_one(export([message("a", text=text)]))
    assert [part["type"] for part in document.messages[0].parts] == types
    assert contents(document) == [content]


def test_states_feedback_edits_and_files() -> None:
    up = {"rating": "thumbsUp", "tag": {"key": "clear"}, "text": "nice"}
    document = read_one(
        export(
            [
                message("a", unfinished=True, feedback=up),
                message("b", "a", error=True, text=""),
                message("c", "b", True, isEdited=True, updatedAt="2024-05-01T00:00:00Z"),
                message(
                    "d",
                    "c",
                    files=[{"file_id": "f", "filename": "a.pdf", "width": 2}, {"x": 1}],
                    attachments=[{"type": "web_search", "sources": 1}],
                ),
                message("e", "d", text=""),
                message("f", "e", feedback={"rating": "thumbsDown", "tag": "wrong"}),
            ]
        )
    )
    a, b, c, d, f = document.messages
    assert (a.status, a.feedback) == ("incomplete", DocumentFeedback(1, "nice", ["clear"]))
    assert (b.status, b.parts, b.metadata) == ("failed", [], {"error": True})
    assert c.edited_at is not None
    assert d.parts[1] == {
        "type": "media",
        "media_type": "application/pdf",
        "url": "file:f",
        "name": "a.pdf",
    }
    assert len(d.metadata["files"]) == 2
    assert d.metadata["attachments"] == [{"type": "web_search", "sources": 1}]
    assert (f.parent_id, f.feedback) == ("d", DocumentFeedback(-1, None, ["wrong"]))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"conversationId": "c1"}, "it has no messages"),
        (export([1]), "a message is not an object"),
        (export([message("a", children=["x"])]), "a message is not an object"),
    ],
)
def test_failures_say_why(value: Any, reason: str) -> None:
    failure = read_failure(value, "librechat")
    assert failure.external_id == "c1"
    assert failure.reason.startswith(reason)


def test_no_messages_and_no_user_flag() -> None:
    assert read_one(export([])).messages == []
    untold = [{"messageId": "a", "sender": "User", "text": "x"}, {"messageId": "b", "text": "y"}]
    assert roles_of(read_one(export(untold))) == ["user", "assistant"]
