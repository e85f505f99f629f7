"""Short ways to read things in tests, and to say what a tree looks like."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import orjson

from backend.formats import (
    DocumentConversation,
    DocumentFailure,
    DocumentMessage,
    read_documents,
    read_value,
)
from backend.utils.message_parts import content_of

Result = DocumentConversation | DocumentFailure


def read_bytes(content: bytes, format: str | None = None) -> list[Result]:  # noqa: A002
    return list(read_documents(io.BytesIO(content), format))


def read_json(value: Any, format: str | None = None) -> list[Result]:  # noqa: A002
    """What comes of a value as a file; parsed, it has to come to the same."""
    results = read_bytes(orjson.dumps(value), format)
    assert told(read_value(value, format)) == told(results)
    return results


def read_one(value: Any, format: str | None = None) -> DocumentConversation:  # noqa: A002
    [document] = read_json(value, format)
    assert isinstance(document, DocumentConversation), document
    check_tree(document)
    return document


def read_failure(value: Any, format: str | None = None) -> DocumentFailure:  # noqa: A002
    [failure] = read_json(value, format)
    assert isinstance(failure, DocumentFailure), failure
    return failure


def told(results: Iterable[Result]) -> list[Result | tuple[int, str | None]]:
    """The results, the reasons of failures aside, for they name places in a file."""
    return [
        (result.index, result.external_id) if isinstance(result, DocumentFailure) else result
        for result in results
    ]


def check_tree(document: DocumentConversation) -> None:
    """What every document promises: ids unique, parents first, the active leaf one of them."""
    seen: set[str] = set()
    for message in document.messages:
        assert message.id not in seen
        assert message.parent_id is None or message.parent_id in seen
        seen.add(message.id)
    if seen:
        parents = {message.parent_id for message in document.messages}
        assert document.active_leaf_id in seen - parents
    else:
        assert document.active_leaf_id is None


def tree_of(document: DocumentConversation) -> dict[str, str | None]:
    return {message.id: message.parent_id for message in document.messages}


def texts_of(document: DocumentConversation) -> dict[str, str]:
    return {message.id: content_of(message.parts) for message in document.messages}


def roles_of(document: DocumentConversation) -> list[str]:
    return [message.role for message in document.messages]


def contents(document: DocumentConversation) -> list[str]:
    return [content_of(message.parts) for message in document.messages]


def message_of(document: DocumentConversation, name: str) -> DocumentMessage:
    return next(message for message in document.messages if message.id == name)


def part_types(message: DocumentMessage) -> list[str]:
    return [part["type"] for part in message.parts]
