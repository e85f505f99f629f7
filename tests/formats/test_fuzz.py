"""Nothing that comes in raises anything but UnsupportedFormat, and what comes out is sound."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backend.formats import (
    FORMATS,
    WRITERS,
    DocumentConversation,
    DocumentFailure,
    UnsupportedFormat,
    read_documents,
    read_value,
)
from backend.formats.conversion import READERS
from backend.formats.errors import BadConversation
from backend.formats.message_fields import ROLES, STATUSES
from backend.formats.part_check import check_parts
from tests.formats.support import check_tree

FORMS = st.sampled_from([None, *FORMATS])
# The words that the formats give a meaning to, so that what is made up comes close to real files.
KEYS = st.sampled_from(
    [
        "mapping", "message", "parent", "children", "author", "role", "content", "content_type",
        "parts", "text", "metadata", "current_node", "chat_messages", "uuid", "sender", "type",
        "parent_message_uuid", "attachments", "files", "chat", "history", "messages", "currentId",
        "parentId", "childrenIds", "output", "annotation", "rating", "usage", "conversationId",
        "messagesTree", "messageId", "parentMessageId", "isCreatedByUser", "data", "tool_calls",
        "function", "name", "arguments", "id", "tool_call_id", "title", "create_time", "timestamp",
        "conversa", "format", "external_id", "session_id", "conversations", "thoughts", "weight",
        "recipient", "status", "call_id", "tags", "feedback", "error", "user", "model", "info",
        "tool_call", "image_file", "image_url", "url", "input", "additional_kwargs",
        "asset_pointer", "response_metadata", "options", "originalContent", "summary",
        "created_at", "versions",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "user", "assistant", "system", "tool", "human", "ai", "a", "b", "c", "text", "code",
        "multimodal_text", "thoughts", "tool_use", "tool_result", "tool_call", "function_call",
        "function_call_output", "reasoning", "image_url", "image_asset_pointer", "execution_output",
        "2024-05-01T00:00:00Z", '{"x": 1}', "<details type=\"tool_calls\" id=\"x\">y</details>",
        "", "\0", "\ud800", "in_progress",
    ]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | WORDS | st.text(max_size=5)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=6)
        | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=40,
)
LISTS = st.lists(VALUES, max_size=3)
TREES = st.dictionaries(WORDS, VALUES, max_size=4)


def shaped(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with these fields, most of the time, and any others."""
    return st.builds(
        lambda rest, some: {**rest, **some},
        st.dictionaries(KEYS, VALUES, max_size=3),
        st.fixed_dictionaries({}, optional=fields),
    )


ROLE_WORDS = st.sampled_from(["user", "assistant", "tool", "system", "human"])
MESSAGE = shaped(
    role=ROLE_WORDS, sender=ROLE_WORDS, content=VALUES | LISTS, id=WORDS, parentId=WORDS,
    uuid=WORDS, parent_message_uuid=WORDS, messageId=WORDS, parentMessageId=WORDS, output=LISTS,
    tool_calls=LISTS, files=LISTS, type=ROLE_WORDS, data=shaped(content=VALUES, tool_calls=LISTS),
)  # fmt: skip
NODE = shaped(
    parent=WORDS,
    message=shaped(author=shaped(role=ROLE_WORDS), content=shaped(parts=LISTS, text=WORDS)),
)
CONVERSATION = st.one_of(
    shaped(mapping=st.dictionaries(WORDS, NODE, max_size=4), current_node=WORDS),
    shaped(chat_messages=st.lists(MESSAGE, max_size=3)),
    shaped(chat=shaped(history=shaped(messages=st.dictionaries(WORDS, MESSAGE, max_size=3)))),
    shaped(conversationId=WORDS, messages=st.lists(MESSAGE, max_size=3)),
    shaped(messages=st.lists(MESSAGE, max_size=3)),
    st.lists(MESSAGE, max_size=3),
    MESSAGE,
    VALUES,
)


def check(result: DocumentConversation | DocumentFailure) -> None:
    if isinstance(result, DocumentFailure):
        assert result.reason
        assert "it cannot be read" not in result.reason, result.reason
        return
    assert result.format in FORMATS
    assert result.external_id
    check_tree(result)
    for message in result.messages:
        assert message.role in ROLES
        assert message.status in STATUSES
        check_parts(list(message.parts))
        for moment in (message.created_at, message.edited_at):
            assert moment is None or moment.tzinfo is not None
    for write in WRITERS.values():
        assert b"".join(write([result])) is not None
    [again] = read_documents(io.BytesIO(b"".join(WRITERS["conversa"]([result]))))
    assert isinstance(again, DocumentConversation)
    assert again.messages == result.messages


@given(CONVERSATION | st.lists(CONVERSATION, max_size=3), FORMS)
def test_any_value(value: Any, name: str | None) -> None:
    try:
        results = list(read_value(value, name))
    except UnsupportedFormat:
        return
    for result in results:
        check(result)


@given(CONVERSATION)
def test_a_reader_raises_nothing_but_its_own_error(value: Any) -> None:
    for read in READERS.values():
        with suppress(BadConversation):
            read(value, 0)


@given(st.binary(max_size=300), FORMS)
def test_any_bytes(content: bytes, name: str | None) -> None:
    try:
        results = list(read_documents(io.BytesIO(content), name))
    except UnsupportedFormat:
        return
    for result in results:
        check(result)


WHOLE = orjson.dumps(
    [
        {"uuid": "c", "chat_messages": [{"uuid": "m", "sender": "human", "text": "x"}]},
        {"uuid": "d", "chat_messages": [{"uuid": "n", "sender": "human", "text": "y"}]},
    ]
)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.booleans())
def test_a_file_with_a_wrong_byte(place: int, byte: int, inserted: bool) -> None:
    content = WHOLE[:place] + bytes([byte]) + WHOLE[place + (0 if inserted else 1) :]
    try:
        results = list(read_documents(io.BytesIO(content)))
    except UnsupportedFormat:
        return
    assert results
    for result in results:
        check(result)


def test_what_nests_too_deeply_to_be_stored_is_a_failure() -> None:
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    messages = b'[{"role":"user","content":"x","extra":' + deep + b"}]"
    for content, reason in (
        (messages, "it has no id and nests too deeply to be given one (conversation 0)"),
        (b'{"id":"a","messages":' + messages + b"}", "a value in it nests too deeply to be stored"),
    ):
        [failure] = read_documents(io.BytesIO(content))
        assert isinstance(failure, DocumentFailure)
        assert failure.reason.startswith(reason)
