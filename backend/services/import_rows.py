"""From a document of any chat format to the rows a conversation is stored as. Pure.

What a source says is kept whole. Where it says more than a client may send in one call, an import
is more generous: up to 1 MiB of text, of parts and of metadata a message, with as many parts as
that holds. A title or a tag that is too long for its index is cut, and stays whole in the metadata
under ``original_title`` or ``original_tags``. What is larger makes its conversation fail, with the
reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from backend import limits
from backend.errors import Invalid, TooLarge
from backend.formats.document import DocumentConversation, DocumentMessage
from backend.ids import derived_id, derived_ids, parse_id
from backend.repositories.records import (
    ConversationRecord,
    ConversationRows,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.services.drafts import ROLES, UNTITLED, checked_content, cleaned_json, dump_json
from backend.services.origin import OWN_FORMAT, Origin, split_origin
from backend.utils.message_parts import MessagePart, content_of, is_plain
from backend.utils.text_processor import count_tokens_of, make_title, normalise, title_key

STATUSES = ("complete", "incomplete", "failed")
EXTERNAL_ID_BYTES = 512
"""A source's id is part of an index, whose entries PostgreSQL limits to 2,704 bytes."""
Body = tuple[str, str | None]


def conversation_rows(document: DocumentConversation) -> ConversationRows:
    """The rows of a conversation that is new here; raises Invalid or TooLarge with the reason.

    Ids are derived from the source's, so the same source always gives the same; our own exports
    keep theirs. Messages are numbered in the document's order, which has parents first.
    """
    tree = _Tree.of(document)
    moments = _moments(document, tree)
    metadata, title, tags = _described(document)
    metadata, origin = _origin(document, metadata)
    conversation_id = _conversation_id(document)
    ids = _message_ids(document)
    bodies = [_body(message.parts) for message in document.messages]
    tokens = count_tokens_of([content for content, _ in bodies])
    messages, versions, feedback = [], [], []
    for place, message in enumerate(document.messages):
        above = tree.parents[place]
        row = _message_row(
            message,
            (*bodies[place], tokens[place]),
            (ids[place], conversation_id, None if above is None else ids[above]),
            (tree.positions[place], place in tree.active),
            moments[place],
            place + 2,
        )
        messages.append(row)
        if message.versions:
            versions += _version_rows(message, row)
        if message.feedback:
            feedback.append(_feedback_row(message, row))
    conversation = _conversation_row(document, title, moments)
    return ConversationRows(
        conversation=conversation._replace(
            id=conversation_id,
            metadata_json=_json_object(metadata),
            message_count=len(tree.active),
            source_format=origin.source[0] if origin.source else None,
            source_external_id=origin.source[1] if origin.source else None,
            forked_from_id=origin.forked_from_id,
        ),
        messages=messages,
        tags=tags,
        versions=versions,
        feedback=feedback,
        leaf_id=None if tree.leaf is None else ids[tree.leaf],
    )


def digest_of(document: DocumentConversation) -> str:
    """A digest of all a document says, wherever it stood in its file."""
    content = [
        getattr(document, name) for name in DocumentConversation.__slots__ if name != "index"
    ]
    try:
        return hashlib.sha256(orjson.dumps(content)).hexdigest()
    except (orjson.JSONEncodeError, RecursionError):
        raise Invalid("It holds what cannot be stored as JSON, or is nested too deep.") from None


@dataclass(slots=True)
class _Tree:
    """Places in the list of messages: each one's parent and depth, and the branch that is shown."""

    parents: list[int | None]
    positions: list[int]
    leaf: int | None
    active: set[int]

    @classmethod
    def of(cls, document: DocumentConversation) -> _Tree:
        places: dict[str, int] = {}
        parents: list[int | None] = []
        positions: list[int] = []
        newest_child: dict[int, int] = {}
        for place, message in enumerate(document.messages):
            if message.id in places:
                raise Invalid(f"Two of its messages have the id {message.id!r}.")
            places[message.id] = place
            parent = _parent_place(message, places)
            if parent is not None:
                newest_child[parent] = place
            parents.append(parent)
            positions.append(1 if parent is None else positions[parent] + 1)
        leaf = places.get(document.active_leaf_id or "", len(parents) - 1) if parents else None
        while leaf in newest_child:
            leaf = newest_child[leaf]
        return cls(parents, positions, leaf, _upward(leaf, parents))


def _parent_place(message: DocumentMessage, places: dict[str, int]) -> int | None:
    if message.parent_id is None:
        return None
    parent = places.get(message.parent_id)
    if parent is None or message.parent_id == message.id:
        raise Invalid(f"The parent of its message {message.id!r} does not stand before it.")
    return parent


def _upward(place: int | None, parents: Sequence[int | None]) -> set[int]:
    path: set[int] = set()
    while place is not None:
        path.add(place)
        place = parents[place]
    return path


def _moments(document: DocumentConversation, tree: _Tree) -> list[datetime]:
    """When each message was written. Without a time of its own it gets its parent's; a first
    message gets the conversation's, or the earliest there is."""
    known = [each.created_at for each in document.messages if each.created_at]
    start = document.created_at or min(known, default=document.updated_at) or datetime.now(UTC)
    moments: list[datetime] = []
    for place, message in enumerate(document.messages):
        parent = tree.parents[place]
        moments.append(message.created_at or (start if parent is None else moments[parent]))
    return moments


def _conversation_id(document: DocumentConversation) -> str:
    own = parse_id(document.external_id) if document.format == OWN_FORMAT else None
    return own or derived_id(document.created_at, document.format, document.external_id)


def _message_ids(document: DocumentConversation) -> list[str]:
    derived = derived_ids((document.format, document.external_id))
    start, own = document.created_at, document.format == OWN_FORMAT
    return [
        (own and parse_id(message.id)) or derived(message.created_at or start, message.id)
        for message in document.messages
    ]


def _origin(
    document: DocumentConversation, metadata: dict[str, Any]
) -> tuple[dict[str, Any], Origin]:
    """Metadata and origin: an own export tells where its conversation came from, any other file is
    itself where it comes from."""
    if document.format == OWN_FORMAT:
        metadata, origin = split_origin(metadata)
    else:
        origin = Origin((document.format, document.external_id))
    if origin.source and len(origin.source[1].encode()) > EXTERNAL_ID_BYTES:
        raise TooLarge(f"The id of its source takes more than {EXTERNAL_ID_BYTES} bytes.")
    return metadata, origin


def _conversation_row(
    document: DocumentConversation, title: str, moments: Sequence[datetime]
) -> ConversationRecord:
    """The conversation's columns but for its id, metadata, origin and place in the feed."""
    latest = max(moments, default=None)
    created = document.created_at or min(moments, default=document.updated_at)
    created = created or datetime.now(UTC)
    return ConversationRecord(
        id="",
        title=title,
        title_key=title_key(title),
        metadata_json=None,
        pinned=document.pinned,
        archived=document.archived,
        created_at=created,
        updated_at=document.updated_at or latest or created,
        last_message_at=latest,
        last_activity_at=latest or created,
        message_count=0,
        revision=len(moments) + 1,
        own_revision=1,
        owner_revision=0,
        source_format=None,
        source_external_id=None,
        source_digest=digest_of(document),
        forked_from_id=None,
    )


def _described(document: DocumentConversation) -> tuple[dict[str, Any], str, list[str]]:
    """Metadata, title and tags, with what had to be cut of the last two kept in the first."""
    metadata = dict(document.metadata)
    title = normalise(document.title).strip() if document.title is not None else ""
    if not title and (document.title is None or document.format != OWN_FORMAT):
        title = _title_from(document.messages)
    if len(title) > limits.TITLE_CHARACTERS:
        metadata.setdefault("original_title", title)
        title = title[: limits.TITLE_CHARACTERS - 1] + "…"
    given = list(
        dict.fromkeys(clean for each in document.tags if (clean := normalise(each).strip()))
    )
    tags = [each for each in given if len(each) <= limits.TAG_CHARACTERS][: limits.TAGS]
    if tags != given:
        metadata.setdefault("original_tags", given)
    return metadata, title, tags


def _title_from(messages: Sequence[DocumentMessage]) -> str:
    for message in messages:
        content = content_of(message.parts) if message.role == "user" else ""
        if content:
            return make_title(content) or UNTITLED
    return UNTITLED


def _message_row(
    message: DocumentMessage,
    body: tuple[str, str | None, int],
    ids: tuple[str, str, str | None],
    place: tuple[int, bool],
    moment: datetime,
    revision: int,
) -> MessageRecord:
    """``body`` is its content, its parts and how many tokens it takes; ``ids`` are its own, its
    conversation's and its parent's; ``place`` is its depth and whether it is shown."""
    if message.role not in ROLES or message.status not in STATUSES:
        raise Invalid(f"Unknown role or status: {message.role!r}, {message.status!r}.")
    content, parts_json, tokens = body
    edited_at = message.edited_at
    if edited_at is None and message.versions:
        edited_at = message.versions[-1].replaced_at
    values = (
        *ids,
        *place,
        message.role,
        _text(message.name) if message.name else None,
        content,
        parts_json,
        message.status,
        _text(message.finish_reason) if message.finish_reason else None,
        _text(message.model) if message.model else None,
        _count(message.input_tokens),
        _count(message.output_tokens),
        _count(message.reasoning_tokens),
        tokens,
        _json_object(message.metadata),
        moment,
        edited_at,
        revision,
        revision,
    )
    return MessageRecord._make(values)


def _version_rows(message: DocumentMessage, row: MessageRecord) -> list[VersionRecord]:
    return [
        VersionRecord(row.id, number, *_body(version.parts), version.replaced_at)
        for number, version in enumerate(message.versions, start=1)
    ]


def _feedback_row(message: DocumentMessage, row: MessageRecord) -> FeedbackRecord:
    feedback = message.feedback
    if feedback is None or feedback.rating not in (-1, 0, 1):
        raise Invalid("The rating of a message is not -1, 0 or 1.")
    tags = dump_json([normalise(tag) for tag in feedback.tags], ())
    moment = feedback.updated_at or row.edited_at or row.created_at
    return FeedbackRecord(row.id, feedback.rating, _text(feedback.comment), tags, moment)


def _body(parts: Sequence[MessagePart]) -> Body:
    if not parts:
        return "", None
    if len(parts) == 1 and parts[0]["type"] == "text":
        return checked_content(parts[0]["text"], ()), None
    clean = cleaned_json(list(parts), ())
    content = checked_content(content_of(clean), ())
    return content, None if is_plain(clean) else _bounded(dump_json(clean, ()), "parts")


def _json_object(value: dict[str, Any]) -> str | None:
    return _bounded(dump_json(cleaned_json(value, ()), ()), "metadata") if value else None


def _bounded(text: str, what: str) -> str:
    if len(text) > limits.CONTENT_BYTES or len(text.encode()) > limits.CONTENT_BYTES:
        raise TooLarge(f"The {what} of a message take more than {limits.CONTENT_BYTES} bytes.")
    return text


def _text(value: str | None) -> str | None:
    return (checked_content(value, ()).strip() or None) if value else None


def _count(value: int | None) -> int | None:
    if value is not None and not 0 <= value < 2**31:
        raise Invalid("A count of tokens is negative or too large.")
    return value
