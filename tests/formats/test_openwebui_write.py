"""What is written for Open WebUI: in its form, and read back with its tree and texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings

from backend.formats import (
    WRITERS,
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.utils.message_parts import text_part
from tests.formats.strategies import document_lists
from tests.formats.support import check_tree, read_bytes, texts_of, tree_of

write = WRITERS["openwebui"]
MOMENT = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def written(*documents: DocumentConversation) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = orjson.loads(b"".join(write(documents)))
    return content


@settings(max_examples=50)
@given(document_lists())
def test_the_tree_the_roles_and_the_texts_come_back(documents: list[DocumentConversation]) -> None:
    for message in [message for document in documents for message in document.messages]:
        # No reader gives an empty text; one beside a tool's result would hide that from the text.
        message.parts = [part for part in message.parts if part != text_part("")]
    results = read_bytes(b"".join(write(documents)))
    assert len(results) == len(documents)
    for document, result in zip(documents, results, strict=True):
        assert isinstance(result, DocumentConversation)
        check_tree(result)
        assert result.external_id == document.external_id
        assert tree_of(result) == tree_of(document)
        assert texts_of(result) == texts_of(document)
        assert result.active_leaf_id == document.active_leaf_id
        roles = {message.id: message.role for message in document.messages}
        assert {message.id: message.role for message in result.messages} == roles


def answer() -> DocumentMessage:
    return DocumentMessage(
        "a",
        "u",
        "assistant",
        [
            {"type": "reasoning", "text": "Hm\n<b>"},
            {"type": "tool_call", "call_id": "c", "name": "f", "arguments": {"x": [1]}},
            {"type": "tool_result", "call_id": "c", "name": "f", "result": 5, "is_error": True},
            text_part("Done"),
            {"type": "media", "media_type": "image/png", "url": "http://i", "name": "i.png"},
            {"type": "data", "data_type": "chart", "data": {"k": 1}},
        ],
        model="m1",
        input_tokens=3,
        output_tokens=4,
        reasoning_tokens=2,
        created_at=MOMENT,
        feedback=DocumentFeedback(1, "good", ["t"]),
        metadata={"k": "v"},
    )


def conversation(*messages: DocumentMessage, **fields: Any) -> DocumentConversation:
    return DocumentConversation("chatgpt", "c1", "T", list(messages), **fields)


def test_what_it_looks_like() -> None:
    user = DocumentMessage("u", None, "user", [text_part("Hi")], created_at=MOMENT)
    other = DocumentMessage("b", "u", "developer", [text_part("Or")], status="incomplete")
    [record] = written(conversation(user, answer(), other, active_leaf_id="a", created_at=MOMENT))
    chat = record["chat"]
    assert (record["id"], record["title"], record["created_at"]) == ("c1", "T", 1714564800)
    assert (chat["models"], chat["timestamp"]) == (["m1"], 1714564800000)
    assert chat["history"]["currentId"] == "a"
    assert [message["id"] for message in chat["messages"]] == ["u", "a"]
    told = chat["history"]["messages"]
    assert told["u"]["childrenIds"] == ["a", "b"]
    assert (told["b"]["role"], told["b"]["conversa_role"]) == ("system", "developer")
    assert told["a"]["usage"] == {
        "input_tokens": 3,
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    assert told["a"]["annotation"] == {"rating": 1, "comment": "good", "tags": ["t"]}
    assert told["a"]["files"] == [
        {"type": "image", "url": "http://i", "content_type": "image/png", "name": "i.png"}
    ]
    assert told["a"]["content"].startswith('<details type="reasoning" done="true">')
    assert "&gt; &lt;b&gt;" in told["a"]["content"]
    assert [item["type"] for item in told["a"]["output"]] == [
        "reasoning", "function_call", "function_call_output", "message", "conversa:data",
    ]  # fmt: skip


def test_an_answer_comes_back_whole() -> None:
    sent = answer()
    sent.parent_id = None
    [result] = read_bytes(b"".join(write([conversation(sent, active_leaf_id="a")])))
    assert isinstance(result, DocumentConversation)
    [back] = result.messages
    media = [part for part in sent.parts if part["type"] == "media"]
    assert back.parts == [part for part in sent.parts if part["type"] != "media"] + media
    assert (back.model, back.feedback, back.metadata["k"]) == ("m1", sent.feedback, "v")
    assert (back.input_tokens, back.output_tokens, back.reasoning_tokens) == (3, 4, 2)
    assert (back.created_at, back.status) == (MOMENT, "complete")


def test_earlier_texts_names_flags_and_tags() -> None:
    message = DocumentMessage("u", None, "user", [text_part("new")], name="Ann")
    message.versions = [DocumentVersion([text_part("old")], MOMENT)]
    message.status = "failed"
    sent = conversation(
        message, tags=["x"], pinned=True, archived=True, updated_at=MOMENT, metadata={"k": 1}
    )
    [result] = read_bytes(b"".join(write([sent])))
    assert isinstance(result, DocumentConversation)
    assert (result.tags, result.pinned, result.archived) == (["x"], True, True)
    assert (result.updated_at, result.metadata["k"]) == (MOMENT, 1)
    [back] = result.messages
    assert (back.name, back.status, back.versions) == ("Ann", "failed", message.versions)


def test_nothing_is_an_empty_list() -> None:
    assert written() == []
    assert written(conversation())[0]["chat"]["history"] == {"currentId": None, "messages": {}}
