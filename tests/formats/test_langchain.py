"""LangChain's messages: `messages_to_dict`, chunks, rows of a message store."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from backend.formats import DocumentConversation
from tests.formats.support import (
    contents,
    read_failure,
    read_json,
    read_one,
    roles_of,
)


def message(kind: str, content: Any = "x", **data: Any) -> dict[str, Any]:
    base = {"content": content, "additional_kwargs": {}, "response_metadata": {}, "type": kind}
    return {"type": kind, "data": {**base, "name": None, "id": None, **data}}


def test_messages_of_every_type() -> None:
    developer = {"additional_kwargs": {"__openai_role__": "developer"}}
    document = read_one(
        [
            message("system"),
            message("system", **developer),
            message("human", example=False),
            message("ai", id="run-1"),
            message("chat", role="user"),
            message("function", name="f"),
            message("AIMessageChunk"),
            message("remove", "", id="run-1"),
        ]
    )
    assert document.format == "langchain"
    assert roles_of(document) == [
        "system", "developer", "user", "assistant", "user", "tool", "assistant", "system",
    ]  # fmt: skip
    assert [m.id for m in document.messages] == ["0", "1", "2", "run-1", "4", "5", "6", "run-1#7"]
    assert document.messages[2].metadata == {}
    assert document.messages[7].metadata == {"hidden": True}
    assert document.messages[7].parts[0]["type"] == "data"


def test_calls_results_usage_and_models() -> None:
    call = {"name": "f", "args": {"x": 1}, "id": "c1", "type": "tool_call"}
    repeated = {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}}
    answer, result = read_one(
        [
            message(
                "ai",
                [{"type": "text", "text": "See"}, repeated],
                tool_calls=[call, {**call, "id": None}, {"args": 1}],
                invalid_tool_calls=[{"name": "g", "args": "{", "error": "bad"}],
                usage_metadata={
                    "input_tokens": 1,
                    "output_tokens": 2,
                    "total_tokens": 3,
                    "output_token_details": {"reasoning": 1},
                },
                response_metadata={"model_name": "m", "finish_reason": "tool_calls", "id": "r"},
                additional_kwargs={"reasoning_content": "Hm", "tool_calls": [1], "other": 2},
            ),
            message("tool", "r", tool_call_id="c1", status="error", artifact={"a": 1}, name="f"),
        ]
    ).messages
    assert answer.parts == [
        {"type": "reasoning", "text": "Hm"},
        {"type": "text", "text": "See"},
        {"type": "tool_call", "call_id": "c1", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_call", "call_id": "0:1", "name": "f", "arguments": {"x": 1}},
        {"type": "data", "data_type": "tool_call", "data": {"args": 1}},
        {
            "type": "data",
            "data_type": "invalid_tool_call",
            "data": {"name": "g", "args": "{", "error": "bad"},
        },
    ]
    assert (answer.input_tokens, answer.output_tokens, answer.reasoning_tokens) == (1, 2, 1)
    assert (answer.model, answer.finish_reason) == ("m", "tool_calls")
    assert answer.metadata == {"additional_kwargs": {"other": 2}, "response_metadata": {"id": "r"}}
    assert result.parts == [
        {"type": "tool_result", "call_id": "c1", "name": "f", "result": "r", "is_error": True}
    ]
    assert result.metadata == {"artifact": {"a": 1}}


def test_calls_that_stand_only_in_the_extra_arguments() -> None:
    raw = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    [answer] = read_one([message("ai", "", additional_kwargs={"tool_calls": [raw]})]).messages
    assert answer.parts == [{"type": "tool_call", "call_id": "c", "name": "f", "arguments": {}}]


@pytest.mark.parametrize("as_text", [True, False])
def test_rows_of_a_message_store(as_text: bool) -> None:
    def row(session: Any, content: str) -> dict[str, Any]:
        stored: Any = message("human", content)
        if as_text:
            stored = orjson.dumps(stored).decode()
        return {"id": content, "session_id": session, "message": stored}

    results = read_json([row("s1", "a"), row(2, "b"), row("s1", "c")])
    documents = [result for result in results if isinstance(result, DocumentConversation)]
    assert [document.external_id for document in documents] == ["s1", "2"]
    assert [contents(document) for document in documents] == [["a", "c"], ["b"]]


def test_several_conversations() -> None:
    first, second = read_json([{"messages": [message("human")]}, [message("ai")]])
    assert isinstance(first, DocumentConversation)
    assert isinstance(second, DocumentConversation)
    assert (first.format, second.format) == ("langchain", "langchain")


def test_failures_say_why() -> None:
    failure = read_failure([message("human"), message("robot")])
    assert failure.reason.startswith("message 1: unknown role 'robot'")
    failure = read_failure([message("human"), {"type": "ai"}])
    assert failure.reason.startswith("message 1: it is not an object with type and data")
    failure = read_failure([{"messages": []}], "langchain")
    assert failure.reason.startswith("it has no messages")
