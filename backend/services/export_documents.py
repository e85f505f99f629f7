"""From the rows of a conversation to the document that every export is written from. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson

from backend.formats.document import (
    DocumentConversation,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.repositories.records import (
    ConversationRows,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.services.origin import OWN_FORMAT, Origin, with_origin
from backend.utils.message_parts import MessagePart, text_part

FINAL = ("complete", "incomplete", "failed")


def document_of(rows: ConversationRows, format_: str) -> DocumentConversation:
    """The document of a conversation for an export in a format; ours tells its origin too."""
    here = rows.conversation
    metadata = _object(here.metadata_json)
    if format_ == OWN_FORMAT:
        source = None
        if here.source_format is not None and here.source_external_id is not None:
            source = (here.source_format, here.source_external_id)
        metadata = with_origin(metadata, Origin(source, here.forked_from_id))
    versions: dict[str, list[VersionRecord]] = defaultdict(list)
    for version in rows.versions:
        versions[version.message_id].append(version)
    feedback = {row.message_id: row for row in rows.feedback}
    return DocumentConversation(
        format=OWN_FORMAT,
        external_id=here.id,
        title=here.title,
        messages=[
            _message(row, versions.get(row.id, []), feedback.get(row.id)) for row in rows.messages
        ],
        active_leaf_id=rows.leaf_id,
        metadata=metadata,
        tags=rows.tags,
        pinned=here.pinned,
        archived=here.archived,
        created_at=here.created_at,
        updated_at=here.updated_at,
    )


def _message(
    row: MessageRecord, versions: list[VersionRecord], feedback: FeedbackRecord | None
) -> DocumentMessage:
    return DocumentMessage(
        id=row.id,
        parent_id=row.parent_id,
        role=row.role,
        parts=_parts(row),
        name=row.name,
        # What is still being written is, to whoever reads the export, not complete.
        status=row.status if row.status in FINAL else "incomplete",
        finish_reason=row.finish_reason,
        model=row.model,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
        metadata=_object(row.metadata_json),
        created_at=row.created_at,
        edited_at=row.edited_at,
        versions=[DocumentVersion(_parts(each), each.replaced_at) for each in versions],
        feedback=None if feedback is None else _feedback(feedback),
    )


def _feedback(row: FeedbackRecord) -> DocumentFeedback:
    return DocumentFeedback(row.rating, row.comment, orjson.loads(row.tags_json), row.updated_at)


def _parts(row: MessageRecord | VersionRecord) -> list[MessagePart]:
    if row.parts_json is not None:
        parts: list[MessagePart] = orjson.loads(row.parts_json)
        return parts
    return [text_part(row.content)] if row.content else []


def _object(text: str | None) -> dict[str, Any]:
    value: dict[str, Any] = {} if text is None else orjson.loads(text)
    return value
