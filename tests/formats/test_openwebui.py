"""Open WebUI's chats, of all its ages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from backend.formats import DocumentConversation, DocumentFeedback
from backend.formats.openwebui_output import parts_of_details
from backend.utils.message_parts import text_part
from tests.formats.support import (
    contents,
    message_of,
    read_bytes,
    read_failure,
    read_json,
    read_one,
    tree_of,
)


def message(
    name: str, parent: str | None, role: str = "assistant", content: Any = "x", **rest: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": content,
        "timestamp": 1750537483,
        **rest,
    }


def chat(*messages: dict[str, Any], current: str | None = None, **rest: Any) -> dict[str, Any]:
    history = {"currentId": current, "messages": {m["id"]: m for m in messages}}
    return {"title": "T", "models": ["m"], "history": history, "timestamp": 1750537482970, **rest}


def record(*messages: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "user_id": "me",
        "title": "T",
        "chat": chat(*messages, current=rest.pop("current", None)),
        "created_at": 1750537482,
        "updated_at": 1750537534,
        "archived": False,
        "pinned": True,
        "meta": {"tags": ["one", "two"]},
        **rest,
    }


def read(*messages: dict[str, Any], **rest: Any) -> DocumentConversation:
    return read_one([record(*messages, **rest)])


def test_a_record_with_a_tree() -> None:
    document = read(
        message("u", None, "user", "Hi"),
        message("a", "u", model="m1", timestamp=1750537484000),
        message("b", "u", model="m2"),
        current="a",
    )
    assert tree_of(document) == {"u": None, "a": "u", "b": "u"}
    assert document.active_leaf_id == "a"
    assert (document.external_id, document.title, document.pinned) == ("c1", "T", True)
    assert document.tags == ["one", "two"]
    assert document.metadata["models"] == ["m"]
    assert message_of(document, "a").model == "m1"
    created = message_of(document, "a").created_at
    assert created is not None
    assert created.year == 2025


def test_every_arrangement() -> None:
    messages = (message("u", None, "user", "Hi"), message("a", "u"))
    whole, bare = record(*messages), {**chat(*messages), "id": ""}
    for value in (whole, [whole], bare, [bare]):
        document = read_one(value)
        assert (document.format, tree_of(document)) == ("openwebui", {"u": None, "a": "u"})
    assert read_one(bare).external_id == read_one([bare]).external_id
    ndjson = b"\n".join(orjson.dumps({**whole, "id": name}) for name in "ab")
    assert [result.external_id for result in read_bytes(ndjson)] == ["a", "b"]


def test_without_a_history_the_messages_are_a_chain() -> None:
    messages = [{"role": "user", "content": "Hi"}, message("a", "gone"), {"role": "assistant"}]
    document = read_one({"title": "T", "chat": {"messages": messages}})
    assert tree_of(document) == {"0": None, "a": None, "2": "a"}


def test_stale_children_and_a_dangling_current_message() -> None:
    document = read(
        message("u", None, "user", childrenIds=["gone", "b", "a"]),
        message("a", "u"),
        message("b", "u", timestamp=1750537999),
        message("lost", "gone"),
        current="gone",
    )
    assert tree_of(document) == {"u": None, "b": "u", "a": "u", "lost": None}
    assert document.active_leaf_id == "b"


def said(text: str) -> list[dict[str, str]]:
    return [{"type": "output_text", "text": text}]


def test_output_items() -> None:
    output = [
        {"type": "reasoning", "content": said("Hm"), "summary": None},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": said("r")},
        {"type": "message", "role": "assistant", "content": said("Done")},
        {"type": "open_webui:code_interpreter", "code": "1"},
    ]
    [answer] = read(message("a", None, content="<details>shown</details>", output=output)).messages
    assert answer.parts == [
        {"type": "reasoning", "text": "Hm"},
        {"type": "tool_call", "call_id": "c", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_result", "call_id": "c", "name": "f", "result": "r", "is_error": False},
        {"type": "text", "text": "Done"},
        {"type": "data", "data_type": "open_webui:code_interpreter", "data": output[4]},
    ]


def test_output_without_a_text_leaves_the_content_its_word() -> None:
    output = [{"type": "reasoning", "content": [{"type": "output_text", "text": "Hm"}]}]
    [answer] = read(message("a", None, content="Said", output=output)).messages
    assert answer.parts == [{"type": "reasoning", "text": "Hm"}, {"type": "text", "text": "Said"}]


DETAILS = """\
<details type="reasoning" done="true" duration="5">
<summary>Thought for 5 seconds</summary>
> First &lt;this&gt;
> then that
</details>
Before
<details type="tool_calls" done="true" id="c1" name="look" arguments="&quot;{\\&quot;q\\&quot;: 1}&quot;" result="&quot;found&quot;" files="">
<summary>Tool Executed</summary>
</details>
<details type="tool_calls" done="true" id="c2" name="see" arguments="{&quot;q&quot;:2}">
<summary>Tool Executed</summary>
[1, 2]
</details>
<details type="code_interpreter" done="true" output="&quot;4&quot;">
<summary>Analyzed</summary>
```python
2 + 2
```
</details>
After"""  # noqa: E501


def test_details_in_the_content_of_older_answers() -> None:
    [answer] = read(message("a", None, content=DETAILS)).messages
    assert answer.parts == [
        {"type": "reasoning", "text": "First <this>\nthen that"},
        {"type": "text", "text": "Before"},
        {"type": "tool_call", "call_id": "c1", "name": "look", "arguments": {"q": 1}},
        {
            "type": "tool_result",
            "call_id": "c1",
            "name": "look",
            "result": "found",
            "is_error": False,
        },
        {"type": "tool_call", "call_id": "c2", "name": "see", "arguments": {"q": 2}},
        {
            "type": "tool_result",
            "call_id": "c2",
            "name": "see",
            "result": [1, 2],
            "is_error": False,
        },
        {
            "type": "data",
            "data_type": "code_interpreter",
            "data": {"code": "```python\n2 + 2\n```", "output": "4"},
        },
        {"type": "text", "text": "After"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        "plain",
        " ",
        '<details type="reasoning" done="true">\nnever closed',
        "<details>\n<summary>mine</summary>x</details>",
        '<details type="reasoning"' * 20_000,
        '<details type="reasoning">' * 20_000,
        '<details type="tool_calls" ' + "a" * 200_000 + "></details",
    ],
)
def test_what_is_no_block_stays_text(content: str) -> None:
    assert parts_of_details(content) == [text_part(content)]


def test_a_user_who_writes_details_is_quoted_as_is() -> None:
    assert contents(read(message("u", None, "user", DETAILS))) == [DETAILS]


def test_usage_errors_feedback_names_and_edits() -> None:
    document = read(
        message(
            "a",
            None,
            usage={
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            annotation={"rating": -1, "comment": "bad", "reason": "r", "tags": ["t", None]},
            originalContent="before",
            statusHistory=[{"done": True}],
        ),
        message("b", "a", info={"prompt_eval_count": 3, "eval_count": 4}, done=False),
        message("c", "b", info={"usage": {"input_tokens": 1}}, error={"content": "no"}, content=""),
        message("d", "c", "user", user={"id": "1", "name": "Ann"}, annotation={"rating": "?"}),
    )
    first, second, third, fourth = document.messages
    assert (first.input_tokens, first.output_tokens, first.reasoning_tokens) == (5, 7, 2)
    assert first.feedback == DocumentFeedback(-1, "bad", ["t"])
    assert first.metadata == {"annotation": {"reason": "r"}, "statusHistory": [{"done": True}]}
    assert [version.parts for version in first.versions] == [[text_part("before")]]
    assert first.versions[0].replaced_at == document.updated_at == first.edited_at
    assert (second.input_tokens, second.output_tokens, second.status) == (3, 4, "incomplete")
    assert (third.input_tokens, third.status) == (1, "failed")
    assert third.metadata["error"] == {"content": "no"}
    assert (fourth.name, fourth.feedback) == ("Ann", None)
    assert fourth.metadata == {"annotation": {"rating": "?"}}


def test_files() -> None:
    files = [
        {"type": "image", "url": "data:image/png;base64,AA=="},
        {"type": "file", "id": "f", "name": "a.pdf", "size": 3, "file": {"big": 1}},
        {"type": "collection", "id": "k"},
    ]
    [user] = read(message("u", None, "user", "see", files=files)).messages
    assert user.parts == [
        text_part("see"),
        {"type": "media", "media_type": "image/png", "url": "data:image/png;base64,AA=="},
        {"type": "media", "media_type": "application/pdf", "url": "f", "name": "a.pdf", "size": 3},
        {"type": "data", "data_type": "collection", "data": files[2]},
    ]
    assert user.metadata == {"files": [files[1]]}


def test_content_as_blocks() -> None:
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "http://i"}},
    ]
    [user] = read(message("u", None, "user", blocks)).messages
    assert user.parts == [
        text_part("a"),
        {"type": "media", "media_type": "image/*", "url": "http://i"},
    ]


def test_nul_and_halves_of_pairs_are_cleaned() -> None:
    content = orjson.dumps([record(message("u", None, "user", "HERE"))])
    [document] = read_bytes(content.replace(b"HERE", b"a\\u0000b \\ud83d\\ude00 \\ud83d."))
    assert isinstance(document, DocumentConversation)
    assert contents(document) == ["ab \N{GRINNING FACE} \ufffd."]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"chat": {"messages": 1, "history": {}}}, "it has no history of messages"),
        (record(message("a", None, "robot")), "message 'a': unknown role 'robot'"),
        ([1], "it is not an object"),
    ],
)
def test_failures_say_why(value: Any, reason: str) -> None:
    assert read_failure(value, "openwebui").reason.startswith(reason)


def test_a_shared_id_is_reported_once() -> None:
    results = read_json([record(message("a", None)), record(message("b", None))])
    assert [isinstance(result, DocumentConversation) for result in results] == [True, False]
