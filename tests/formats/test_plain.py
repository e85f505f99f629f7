"""Plain chats in every arrangement."""

import gzip
from typing import Any

import orjson
import pytest

from backend.formats import DocumentConversation, DocumentFailure, UnsupportedFormat
from tests.formats.support import (
    contents,
    message_of,
    read_bytes,
    read_failure,
    read_json,
    read_one,
    roles_of,
    tree_of,
)

USER = {"role": "user", "content": "Hello"}
ANSWER = {"role": "assistant", "content": "Good day"}
MESSAGES = [USER, ANSWER]


def test_a_list_of_messages() -> None:
    document = read_one(MESSAGES)
    assert document.format == "plain"
    assert contents(document) == ["Hello", "Good day"]
    assert tree_of(document) == {"0": None, "1": "0"}
    assert document.active_leaf_id == "1"
    assert document.title is None


def test_an_object_with_everything_small_programs_keep() -> None:
    document = read_one(
        {
            "id": 7,
            "title": "Greetings",
            "created_at": "2024-05-01T10:00:00Z",
            "updated_at": 1714557700,
            "tags": ["a", 1],
            "pinned": True,
            "mood": "fine",
            "messages": [
                {**USER, "name": "Ann", "timestamp": "2024-05-01T10:00:00+00:00", "lang": "en"},
                {**ANSWER, "model": "m-1", "created_at": 1714557600500, "weight": 0},
            ],
        }
    )
    assert (document.external_id, document.title) == ("7", "Greetings")
    assert (document.tags, document.pinned, document.metadata) == (["a"], True, {"mood": "fine"})
    assert document.updated_at is not None
    user, answer = document.messages
    assert (user.name, user.metadata) == ("Ann", {"lang": "en"})
    assert (answer.model, answer.metadata) == ("m-1", {"weight": 0})
    assert answer.created_at is not None
    assert answer.created_at.isoformat() == "2024-05-01T10:00:00.500000+00:00"


@pytest.mark.parametrize(
    "value",
    [
        [{"title": "a", "messages": MESSAGES}, {"title": "b", "messages": MESSAGES}],
        {"conversations": [{"title": "a", "messages": MESSAGES}, {"id": 1, "messages": MESSAGES}]},
        {"version": 1, "chats": [{"title": "a", "messages": MESSAGES}, MESSAGES]},
        [MESSAGES, [USER]],
    ],
)
def test_lists_of_conversations(value: Any) -> None:
    results = read_json(value)
    assert [type(result) for result in results] == [DocumentConversation] * 2
    assert [result.index for result in results] == [0, 1]
    assert {result.format for result in results if isinstance(result, DocumentConversation)} == {
        "plain"
    }


def test_a_history_that_holds_the_messages_themselves() -> None:
    document = read_one({"title": "t", "history": MESSAGES})
    assert (document.title, document.metadata) == ("t", {})
    assert contents(document) == ["Hello", "Good day"]


def lines(*values: Any) -> bytes:
    return b"\n".join(map(orjson.dumps, values)) + b"\n"


def test_json_lines_of_conversations() -> None:
    results = read_bytes(lines({"id": "a", "messages": MESSAGES}, {"id": "b", "messages": [USER]}))
    assert [result.external_id for result in results] == ["a", "b"]


def test_json_lines_of_messages_are_one_conversation() -> None:
    [document] = read_bytes(lines(USER, ANSWER, USER))
    assert isinstance(document, DocumentConversation)
    assert contents(document) == ["Hello", "Good day", "Hello"]


def test_json_lines_of_lists() -> None:
    assert len(read_bytes(lines(MESSAGES, [USER]))) == 2


def test_pretty_printed_and_with_a_byte_order_mark() -> None:
    content = orjson.dumps({"messages": MESSAGES}, option=orjson.OPT_INDENT_2)
    [document] = read_bytes(b"\xef\xbb\xbf" + content)
    assert isinstance(document, DocumentConversation)
    assert contents(document) == ["Hello", "Good day"]


def test_chatbotui_history() -> None:
    results = read_json(
        {
            "version": 4,
            "history": [
                {
                    "id": "h1",
                    "name": "First",
                    "messages": MESSAGES,
                    "model": {"id": "gpt-4", "maxLength": 12000},
                    "prompt": "Be brief.",
                    "folderId": None,
                }
            ],
            "folders": [{"id": "f"}],
            "prompts": [],
        }
    )
    [document] = results
    assert isinstance(document, DocumentConversation)
    assert (document.format, document.external_id, document.title) == ("plain", "h1", "First")
    assert [message.model for message in document.messages] == [None, "gpt-4"]
    assert document.metadata == {"prompt": "Be brief."}


def test_a_model_that_is_known_only_by_an_object_is_still_in_the_metadata_of_nobody() -> None:
    document = read_one({"messages": MESSAGES, "model": {"name": "unnamed"}})
    assert [message.model for message in document.messages] == [None, None]


def test_the_same_content_has_the_same_id_and_comes_once() -> None:
    first, second, third = read_json([{"messages": MESSAGES}, {"messages": MESSAGES}, [USER]])
    assert isinstance(first, DocumentConversation)
    assert isinstance(second, DocumentFailure)
    assert isinstance(third, DocumentConversation)
    assert second.reason.startswith("it is identical to conversation 0 of the same file")
    assert read_one({"messages": MESSAGES}).external_id == first.external_id
    assert third.external_id != first.external_id


def test_an_id_comes_once() -> None:
    _, failure = read_json([{"id": "a", "messages": MESSAGES}, {"id": "a", "messages": [USER]}])
    assert isinstance(failure, DocumentFailure)
    assert (failure.index, failure.external_id) == (1, "a")
    assert failure.reason.startswith("it has the id of conversation 0 of the same file")


def test_parents_make_a_tree() -> None:
    document = read_one(
        {
            "messages": [
                {**USER, "id": "u"},
                {**ANSWER, "id": "x", "parent_id": "u"},
                {**ANSWER, "id": "y", "parentId": "u"},
                {**USER, "id": "z"},
            ]
        }
    )
    assert tree_of(document) == {"u": None, "x": "u", "y": "u", "z": "y"}


def test_ids_that_repeat_are_made_unique() -> None:
    document = read_one([{**USER, "id": "a"}, {**ANSWER, "id": "a"}, {**USER, "id": 3}])
    assert list(tree_of(document)) == ["a", "a#1", "3"]


def test_other_names_of_roles_and_of_the_text() -> None:
    document = read_one(
        [{"role": "human", "text": "a"}, {"role": "AI", "content": "b"}, {"role": "bot"}], "plain"
    )
    assert roles_of(document) == ["user", "assistant", "assistant"]
    assert contents(document) == ["a", "b", ""]


def test_a_time_that_makes_no_sense_is_kept_as_it_is() -> None:
    document = read_one([{**USER, "id": "a", "timestamp": "yesterday"}])
    message = message_of(document, "a")
    assert (message.created_at, message.metadata) == (None, {"timestamp": "yesterday"})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"messages": []}, "it has no messages"),
        ({"messages": "x"}, "its messages are not a list"),
        ({"messages": [1]}, "message 0 is not an object"),
        ({"messages": [{"role": "robot", "content": ""}]}, "message 0: unknown role 'robot'"),
        ({"messages": [USER, {"content": "x"}]}, "message 1: a message has no role"),
        ({"title": "x"}, "it has no messages"),
    ],
)
def test_real_failures_say_why(value: Any, reason: str) -> None:
    assert read_failure(value, "plain").reason.startswith(reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "nothing in it"),
        (b" \n ", "nothing in it"),
        (b"[]", "no conversation in it"),
        (b"hello there", "neither JSON"),
        (b'{"a": 1}', "no chat format known"),
        (b'{"messages": [', "the file ends in the middle"),
        (b"[1, 2, 3]", "no chat format known"),
        (orjson.dumps({"messages": MESSAGES}).decode().encode("utf-16"), "neither JSON"),
        (gzip.compress(orjson.dumps(MESSAGES), mtime=0), "neither JSON"),
    ],
)
def test_what_is_no_chat(content: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedFormat, match=reason):
        read_bytes(content)


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(UnsupportedFormat, match="no format 'word': the formats are plain"):
        read_bytes(b"[]", "word")


def test_an_empty_list_of_a_format_that_is_told() -> None:
    assert read_bytes(b"[]", "chatgpt") == []
