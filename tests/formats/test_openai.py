"""OpenAI's chat messages, and the items of its Responses API."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from backend.formats import DocumentConversation, DocumentFailure
from tests.formats.support import (
    contents,
    read_bytes,
    read_failure,
    read_json,
    read_one,
    roles_of,
    tree_of,
)


def call(name: str, arguments: str, call_id: str | None = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "Hi"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [call("f", '{"x": 1}')]}


def test_calls_and_results() -> None:
    document = read_one(
        [
            {"role": "developer", "content": "Be brief"},
            USER,
            CALLING,
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]},
            {"role": "assistant", "content": "Done", "finish_reason": "stop"},
        ]
    )
    assert document.format == "openai"
    assert roles_of(document) == ["developer", "user", "assistant", "tool", "assistant"]
    assert document.messages[2].parts == [
        {"type": "tool_call", "call_id": "c1", "name": "f", "arguments": {"x": 1}}
    ]
    assert document.messages[3].parts == [
        {"type": "tool_result", "call_id": "c1", "name": "f", "result": "r", "is_error": False}
    ]
    assert document.messages[4].finish_reason == "stop"


def test_functions_of_the_old_kind_and_results_without_ids() -> None:
    document = read_one(
        [
            {"role": "assistant", "function_call": {"name": "f", "arguments": "not json"}},
            {"role": "function", "name": "f", "content": "r"},
            {"role": "tool", "content": None},
            {
                "role": "assistant",
                "tool_calls": [
                    {"type": "custom", "id": "k", "custom": {"name": "g", "input": "raw"}},
                    {"type": "odd"},
                ],
            },
        ]
    )
    assert [part for message in document.messages for part in message.parts] == [
        {"type": "tool_call", "call_id": "0:0", "name": "f", "arguments": "not json"},
        {"type": "tool_result", "call_id": "0:0", "name": "f", "result": "r", "is_error": False},
        {"type": "tool_result", "call_id": "2", "result": "", "is_error": False},
        {"type": "tool_call", "call_id": "k", "name": "g", "arguments": "raw"},
        {"type": "data", "data_type": "tool_call", "data": {"type": "odd"}},
    ]


def test_blocks_of_content() -> None:
    blocks = [
        "text",
        {"type": "text", "text": "more"},
        {"type": "image_url", "image_url": {"url": "https://i/x.png", "detail": "low"}},
        {"type": "image_url", "image_url": "data:image/webp;base64,AA"},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "AA", "filename": "b.txt"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AA"}},
        {"type": "refusal", "refusal": "No."},
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "hologram", "beam": 1},
        {"type": "image_url"},
        None,
        7,
    ]
    document = read_one([{"role": "user", "content": blocks}])
    media = [part for part in document.messages[0].parts if part["type"] == "media"]
    assert [(part["media_type"], part["url"]) for part in media] == [
        ("image/*", "https://i/x.png"),
        ("image/webp", "data:image/webp;base64,AA"),
        ("audio/wav", "data:audio/wav;base64,AA"),
        ("application/pdf", "file:f1"),
        ("application/octet-stream", "data:application/octet-stream;base64,AA"),
        ("image/gif", "data:image/gif;base64,AA"),
    ]
    assert contents(document) == ["text\n\nmore\n\nNo."]
    data = [part["data"] for part in document.messages[0].parts if part["type"] == "data"]
    assert data == [{"type": "hologram", "beam": 1}, {"type": "image_url"}, 7]


def test_anthropic_messages_are_read_alike() -> None:
    document = read_one(
        [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}],
            },
        ]
    )
    assert [part["type"] for message in document.messages for part in message.parts] == [
        "tool_call",
        "tool_result",
    ]


def test_refusals_reasoning_usage_and_annotations() -> None:
    cited = [{"type": "text", "text": "see", "annotations": [{"url": "http://u"}]}]
    first, second = read_one(
        [
            {"role": "assistant", "content": None, "refusal": "No."},
            {
                "role": "assistant",
                "content": cited,
                "reasoning_content": "Hm",
                "usage": {"prompt_tokens": 1, "completion_tokens": 2},
                "model": "m",
                "audio": {"id": "a"},
            },
        ]
    ).messages
    assert (first.parts, first.metadata) == (
        [{"type": "text", "text": "No."}],
        {"refusal": True},
    )
    assert [part["type"] for part in second.parts] == ["reasoning", "text"]
    assert (second.input_tokens, second.output_tokens, second.model) == (1, 2, "m")
    assert second.metadata == {
        "audio": {"id": "a"},
        "annotations": [{"block": 0, "annotations": [{"url": "http://u"}]}],
    }


GOOD = {"messages": [USER, {"role": "assistant", "content": "Yes"}]}


def test_lines_good_and_bad() -> None:
    lines = [
        b"[1, 2]",
        b'{"messages": "no list"}',
        orjson.dumps({"messages": [{**USER, "extra": 1}]}),
        b'{"messages": [{"role": "robot", "content": "hi"}]}',
        b'{"messages": [{"role": "user", "content": ""}, {"role": "user", "content": "hm"}]}',
        b"{not json at all}",
        b"",
        b'{"text": "no messages here"}',
        b'{"messages": [{"role": "user", "content": "cut',
        orjson.dumps({"messages": [USER, {"role": "assistant", "tool_calls": []}]}),
    ]
    results = read_bytes(b"\n".join(lines))
    found = [
        result.reason if isinstance(result, DocumentFailure) else result.format
        for result in results
    ]
    assert [result.index for result in results] == list(range(9))
    assert [reason.split(":")[0] for reason in found] == [
        "message 0 is not an object (line 1)",
        "its messages are not a list (line 2)",
        "openai",
        "message 0",
        "openai",
        "not valid JSON",
        "it has no messages (line 8)",
        "not valid JSON",
        "openai",
    ]
    assert found[3].endswith("unknown role 'robot' (line 4)")
    kept = results[2]
    assert isinstance(kept, DocumentConversation)
    assert kept.messages[0].metadata == {"extra": 1}


def test_lines_of_fine_tuning_are_openai_and_titled_ones_plain() -> None:
    tuned = orjson.dumps({**GOOD, "tools": []})
    titled = orjson.dumps({**GOOD, "title": "T"})
    for line, name in ((tuned, "openai"), (titled, "plain")):
        [first, _] = read_bytes(line + b"\n" + line)
        assert isinstance(first, DocumentConversation)
        assert first.format == name


def items() -> list[dict[str, Any]]:
    return [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Let me see", "annotations": []}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "w", "action": {"query": "x"}},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
        {"type": "reasoning", "id": "rs2", "summary": [], "encrypted_content": "zzz"},
        {
            "type": "message",
            "id": "m2",
            "role": "assistant",
            "status": "incomplete",
            "content": [{"type": "output_text", "text": "Done"}],
        },
        {"type": "message", "id": "m3", "role": "assistant", "content": "Really"},
    ]


def test_items_become_turns() -> None:
    document = read_one(items())
    assert document.format == "openai"
    assert roles_of(document) == ["user", "assistant", "tool", "assistant", "assistant"]
    assert [[part["type"] for part in message.parts] for message in document.messages] == [
        ["text"],
        ["reasoning", "text", "tool_call", "data"],
        ["tool_result"],
        ["data", "text"],
        ["text"],
    ]
    assert document.messages[2].parts[0]["type"] == "tool_result"
    assert [message.status for message in document.messages][2:4] == ["complete", "incomplete"]
    assert tree_of(document) == {"0": None, "rs": "0", "2": "rs", "rs2": "2", "m3": "rs2"}


@pytest.mark.parametrize("key", ["items", "data", "output", "messages"])
def test_items_in_an_object(key: str) -> None:
    document = read_one(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1741476777,
            "model": "gpt-x",
            "instructions": "Be brief",
            "usage": {"input_tokens": 3, "output_tokens": 4},
            key: items(),
        }
    )
    assert (document.format, document.external_id) == ("openai", "resp_1")
    assert document.metadata == {"instructions": "Be brief"}
    last = document.messages[-1]
    assert (last.model, last.input_tokens, last.output_tokens) == ("gpt-x", 3, 4)


def test_easy_messages_among_items() -> None:
    document = read_one([USER, *items()[5:6]])
    assert roles_of(document) == ["user", "tool"]
    assert document.messages[1].parts == [
        {"type": "tool_result", "call_id": "c", "result": "r", "is_error": False}
    ]


def test_items_that_are_wrong() -> None:
    failure = read_failure([*items(), {"type": "message", "role": "robot"}])
    assert failure.reason.startswith("item 9: unknown role 'robot'")
    assert read_failure([*items(), 5]).reason.startswith("item 9 is not an object")


def test_a_list_of_message_lists_with_calls() -> None:
    results = read_json([{"messages": [USER, CALLING]}, {"messages": [USER]}])
    assert [type(result) for result in results] == [DocumentConversation] * 2
    assert isinstance(results[0], DocumentConversation)
    assert results[0].format == "openai"
