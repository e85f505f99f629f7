from __future__ import annotations

import pytest
from hypothesis import given

from backend.utils.chat_history import Prompt, prompt_tokens, to_openai, to_transcript
from tests.utils.histories import Row, call, history, image, result, row, wild_histories


def assert_accepted(prompt: Prompt) -> None:
    """What OpenAI's API asks of a prompt: each set of calls is answered at once, and in full."""
    waiting: list[str] = []
    for place, form in enumerate(prompt):
        if form["role"] == "tool":
            assert form["tool_call_id"] in waiting
            waiting.remove(form["tool_call_id"])
            continue
        assert not waiting
        assert form["content"] or form.get("tool_calls")
        if place < len(prompt) - 1:
            waiting = [one["id"] for one in form.get("tool_calls", ())]
    assert not waiting


@given(wild_histories)
def test_any_history_gives_a_prompt_that_is_accepted(rows: list[Row]) -> None:
    assert_accepted(to_openai(rows))


def told(prompt: Prompt) -> str:
    """All text of a prompt but results."""
    contents = [form["content"] or "" for form in prompt if form["role"] != "tool"]
    texts = [
        "".join(part.get("text", "") for part in content) if isinstance(content, list) else content
        for content in contents
    ]
    return "\n\n".join(filter(None, texts))


def said(message: Row) -> list[str]:
    """The texts of a message, and the names of media that are not sent."""
    if message.role == "tool":
        return []
    if not message.parts:
        return [message.content]
    return [
        part["text"] if part["type"] == "text" else "[image/png]"
        for part in message.parts
        if part["type"] == "text" or (part["type"] == "media" and message.role != "user")
    ]


@given(wild_histories)
def test_what_was_said_is_in_the_prompt_in_order(rows: list[Row]) -> None:
    texts = [text for message in rows for text in said(message) if text]
    assert told(to_openai(rows)) == "\n\n".join(texts)


def test_plain_messages() -> None:
    rows = history(row("system", "Be brief."), row("user", "Hello"), row("assistant", "Hi"))
    assert to_openai(rows) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
    ]


def test_calls_and_results() -> None:
    rows = history(
        row("user", "Weather?"),
        row("assistant", "Let me look.", call("1", "weather", {"city": "São Paulo"}), call("2")),
        row("tool", result("1", {"celsius": 21})),
        row("tool", result("2", "done")),
        row("assistant", "21 degrees."),
    )
    asked = [
        {"id": "1", "type": "function",
         "function": {"name": "weather", "arguments": '{"city":"São Paulo"}'}},
        {"id": "2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    ]  # fmt: skip
    assert to_openai(rows) == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": asked},
        {"role": "tool", "tool_call_id": "1", "content": '{"celsius":21}'},
        {"role": "tool", "tool_call_id": "2", "content": "done"},
        {"role": "assistant", "content": "21 degrees."},
    ]


def roles(rows: list[Row]) -> list[str]:
    return [form["role"] for form in to_openai(rows)]


def test_results_inside_the_calling_message_stand_between_its_calls_and_its_text() -> None:
    rows = history(row("assistant", call("1"), result("1"), "So,", call("2"), result("2"), "done"))
    assert roles(rows) == ["assistant", "tool", "assistant", "tool", "assistant"]


def test_results_follow_their_call_whatever_stood_between() -> None:
    rows = history(row("assistant", call("1")), row("user", "Hurry!"), row("tool", result("1")))
    assert roles(rows) == ["assistant", "tool", "user"]


def test_a_result_answers_the_nearest_call_with_its_id() -> None:
    rows = history(
        row("assistant", "first", call("0")),
        row("assistant", "second", call("0")),
        row("tool", result("0")),
    )
    prompt = to_openai(rows)
    assert [form.get("tool_calls") is not None for form in prompt] == [False, True, False]


def test_results_without_calls_and_calls_without_results_are_left_out() -> None:
    rows = history(
        row("tool", result("0")),
        row("assistant", call("1")),
        row("user", "Hi"),
        row("tool", "text"),
    )
    assert to_openai(rows) == [{"role": "user", "content": "Hi"}]


def test_a_call_that_nothing_follows_is_still_waiting() -> None:
    rows = history(row("user", "Hi"), row("assistant", call("1")), row("assistant", ""))
    assert roles(rows) == ["user", "assistant"]


def test_a_call_left_out_of_an_answered_set() -> None:
    rows = history(row("assistant", call("1"), call("2")), row("tool", result("2")))
    [asked, answered] = to_openai(rows)
    assert [one["id"] for one in asked["tool_calls"]] == [answered["tool_call_id"]] == ["2"]


def test_images_of_users_are_sent_and_other_media_named() -> None:
    sound: Row = row(
        "user", {"type": "media", "media_type": "audio/ogg", "url": "x", "name": "a.ogg"}
    )
    rows = history(row("user", "Look", image("u")), sound, row("assistant", image()))
    assert to_openai(rows) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "u"}},
            ],
        },
        {"role": "user", "content": "[a.ogg]"},
        {"role": "assistant", "content": "[image/png]"},
    ]


def test_names_are_made_fit_for_the_api() -> None:
    [form] = to_openai([row("user", "Hi", name="Ana <Maria> " + "x" * 99)])
    assert form["name"] == "Ana_Maria_" + "x" * 54


@pytest.mark.parametrize(
    ("rows", "tokens"),
    [
        ([], 0),
        ([row("user", "Hello")], 3 + 3 + 1 + 1),
        ([row("user", "Hello", name="Ana")], 3 + 3 + 1 + 1 + 1 + 1),
        ([row("user", "Hello", image())], 3 + 3 + 1 + 1 + 85),
        ([row("assistant", call("a", "look", "x"))], 3 + 3 + 1 + 3 + 3),
        ([row("assistant", call("a")), row("tool", result("a"))], 3 + 4 + 3 + 3 + 4 + 1 + 1),
    ],
    ids=["nothing", "text", "name", "image", "call", "result"],
)
def test_the_cost_is_that_of_the_cookbook(rows: list[Row], tokens: int) -> None:
    assert prompt_tokens(to_openai(rows)) == tokens


def test_a_transcript_tells_who_said_what() -> None:
    rows = history(
        row("system", "Be brief."),
        row("user", "Weather?", image(), name="Ana"),
        row("assistant", call("1", "weather", {"city": "Rio"})),
        row("tool", result("1", 30)),
        row("assistant", {"type": "reasoning", "text": "hm"}),
        row("assistant", "<b>30</b>"),
    )
    assert to_transcript(rows) == (
        "System: Be brief.\n\n"
        "Ana: Weather?\n[image/png]\n\n"
        'Assistant: [calls weather({"city":"Rio"})]\n\n'
        "Tool: [result: 30]\n\n"
        "Assistant: <b>30</b>"
    )
