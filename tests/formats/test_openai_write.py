"""OpenAI messages that the API takes."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.formats import WRITERS, DocumentConversation, DocumentMessage
from backend.formats.openai_write import chat_messages
from backend.utils.message_parts import text_part
from tests.formats.strategies import document_lists
from tests.formats.support import contents, read_bytes

write = WRITERS["openai"]


def message(role: str, *parts: Any, name: str | None = None) -> DocumentMessage:
    return DocumentMessage("x", None, role, list(parts), name=name)


def call(call_id: str, arguments: Any = None, name: str = "f") -> dict[str, Any]:
    return {"type": "tool_call", "call_id": call_id, "name": name, "arguments": arguments}


def result(call_id: str, value: Any = "r") -> dict[str, Any]:
    return {"type": "tool_result", "call_id": call_id, "result": value, "is_error": False}


def told_call(call_id: str, arguments: str, name: str = "f") -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def test_a_call_with_its_answer() -> None:
    assert chat_messages(
        [
            message("developer", text_part("Be brief")),
            message("user", text_part("Hi"), text_part("there"), name="Ann"),
            message("assistant", {"type": "reasoning", "text": "Hm"}),
            message("assistant", call("c", {"x": 1})),
            message("tool", result("c", {"y": 2}), name="f"),
            message("assistant", text_part("Done"), name="not a name!"),
        ]
    ) == [
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": "Hi\n\nthere", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [told_call("c", '{"x":1}')]},
        {"role": "tool", "tool_call_id": "c", "content": '{"y":2}'},
        {"role": "assistant", "content": "Done"},
    ]


def test_calls_inside_an_answer_are_taken_apart() -> None:
    entries = chat_messages(
        [message("assistant", text_part("a"), call("1"), call("2"), result("1"), text_part("b"))]
    )
    assert entries == [
        {"role": "assistant", "content": "a", "tool_calls": [told_call("1", '{"input":null}')]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {"role": "assistant", "content": "b"},
    ]


def test_what_is_unanswered_or_uncalled_is_left_out() -> None:
    assert chat_messages(
        [
            message("tool", result("0")),
            message("assistant", call("1")),
            message("user", text_part("Hm")),
            message("tool", result("1")),
            message("assistant", text_part("x"), call("2")),
        ]
    ) == [{"role": "user", "content": "Hm"}, {"role": "assistant", "content": "x"}]


def test_an_answer_in_pieces_is_one_and_names_are_made_valid() -> None:
    entries = chat_messages(
        [
            message("assistant", call("1", "text", name="dalle.text2im")),
            message("tool", result("1", "a")),
            message("tool", result("1", "b")),
        ]
    )
    assert entries[0]["tool_calls"] == [told_call("1", '{"input":"text"}', "dalle_text2im")]
    assert entries[1:] == [{"role": "tool", "tool_call_id": "1", "content": "a\nb"}]


def test_media() -> None:
    image = {"type": "media", "media_type": "image/png", "url": "https://i"}
    unreachable = {"type": "media", "media_type": "image/png", "url": "file-service://i"}
    named = {"type": "media", "media_type": "a/b", "url": "https://f", "name": "f.pdf"}
    assert chat_messages(
        [
            message("user", text_part("see"), image, unreachable, named),
            message("user", image),
            message("assistant", image),
        ]
    ) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see\n\n[image/png]\n\n[f.pdf]"},
                {"type": "image_url", "image_url": {"url": "https://i"}},
            ],
        },
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://i"}}]},
        {"role": "assistant", "content": "[image/png]"},
    ]


def check_valid(messages: list[dict[str, Any]]) -> None:
    """Every call answered right behind its message, every answer called for."""
    open_calls: set[str] = set()
    for entry in messages:
        if entry["role"] == "tool":
            open_calls.remove(entry["tool_call_id"])
            continue
        assert open_calls == set()
        open_calls = {called["id"] for called in entry.get("tool_calls", [])}
        assert entry["content"] or open_calls
        for called in entry.get("tool_calls", []):
            assert isinstance(orjson.loads(called["function"]["arguments"]), dict)
    assert open_calls == set()


@settings(max_examples=40)
@given(document_lists())
def test_any_conversation_gives_valid_messages(documents: list[DocumentConversation]) -> None:
    for line in write(documents):
        check_valid(orjson.loads(line)["messages"])


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text("ab\n"))))
def test_texts_come_back(said: list[tuple[str, str]]) -> None:
    tree = [
        DocumentMessage(str(n), str(n - 1) if n else None, role, [text_part(text)])
        for n, (role, text) in enumerate(said)
    ]
    lines = list(write([DocumentConversation("plain", "c", None, tree)]))
    texts = [text for _, text in said if text]
    if not texts:
        assert lines == []
        return
    [back] = read_bytes(b"".join(lines), "openai")
    assert isinstance(back, DocumentConversation)
    assert contents(back) == texts


def test_only_the_active_branch() -> None:
    tree = [
        DocumentMessage("u", None, "user", [text_part("Hi")]),
        DocumentMessage("a", "u", "assistant", [text_part("One")]),
        DocumentMessage("b", "u", "assistant", [text_part("Two")]),
    ]
    [line] = write([DocumentConversation("plain", "c", None, tree, active_leaf_id="a")])
    assert [entry["content"] for entry in orjson.loads(line)["messages"]] == ["Hi", "One"]
