"""What an import brings to a conversation that is here already. Nothing that is here is lost:

- A message the source has and this conversation has not is added below its parent.
- A text that differs replaces the one here, which stays among the earlier versions. A text that is
  already among them is no news: it was edited here since. Neither is an unfinished one of a message
  that is finished here, nor anything of one that is being written here.
- A message that was deleted here does not come back; what is new below it hangs on the nearest
  message above it that is still here.
- Title, tags, flags and metadata of the conversation, and every judgement given here, stay.
- The active branch follows the source where the source went on, unless it ends here in a message
  the source does not know: then it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backend.repositories.chunks import STREAMING
from backend.repositories.records import (
    ConversationRecord,
    ConversationRows,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.repositories.store import ReadUnit, WriteUnit
from backend.services.editing import ConversationEdit

FOLLOWING = (
    "name",
    "content",
    "parts_json",
    "status",
    "finish_reason",
    "model",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "token_count",
    "metadata_json",
)
"""The columns of a message that follow the source together with its text."""


@dataclass(slots=True)
class Merge:
    """What is to be done to a conversation: ``added`` have no revisions yet and are not active.

    ``show`` is the message the active branch shall go through, None where it stays; ``branched``
    says whether it leaves what is shown now instead of going on from it.
    """

    added: list[MessageRecord] = field(default_factory=list)
    changed: list[MessageRecord] = field(default_factory=list)
    versions: list[VersionRecord] = field(default_factory=list)
    feedback: list[FeedbackRecord] = field(default_factory=list)
    show: str | None = None
    branched: bool = False

    @property
    def messages(self) -> int:
        """How many messages are added or changed."""
        return len(self.added) + len({row.id for row in self.changed})


async def plan_merge(unit: ReadUnit, here: ConversationRecord, rows: ConversationRows) -> Merge:
    """What the rows of a document bring to the conversation they belong to."""
    stored = {row.id: row for row in await unit.imports.messages_of(here.id)}
    deleted = await unit.imports.deleted_from(here.id)
    rows = _rehung(rows, stored, deleted)
    merge = Merge()
    merge.added = _placed([row for row in rows.messages if row.id not in stored], here, stored)
    await _plan_changes(unit, merge, rows, stored)
    await _plan_feedback(unit, merge, rows, stored)
    _plan_branch(merge, here, rows, stored)
    return merge


async def apply_merge(
    unit: WriteUnit, here: ConversationRecord, rows: ConversationRows, merge: Merge
) -> None:
    """Writes what was planned; the conversation is locked. Without news only the digest is kept."""
    digest = rows.conversation.source_digest
    if not merge.messages:
        await unit.conversations.update(here.id, source_digest=digest)
        return
    edit = ConversationEdit(unit, here)
    for row in merge.changed:
        values = {name: getattr(row, name) for name in (*FOLLOWING, "edited_at")}
        await unit.messages.update(row.id, **values, revision=edit.next_revision())
    added = []
    for row in merge.added:
        revision = edit.next_revision()
        added.append(row._replace(added_revision=revision, revision=revision))
    await unit.imports.insert_messages(added, merge.versions, merge.feedback)
    own = {}
    if merge.show is not None:
        await edit.show_through(merge.show)
        own = {"own_revision": edit.next_revision()} if merge.branched else {}
    moments = [row.created_at for row in added]
    if here.last_message_at is not None:
        moments.append(here.last_message_at)
    latest = max(moments, default=None)
    await edit.finish(
        last_message_at=latest,
        last_activity_at=latest or here.last_activity_at,
        source_digest=digest,
        **own,
    )


def _rehung(
    rows: ConversationRows, stored: dict[str, MessageRecord], deleted: set[str]
) -> ConversationRows:
    """The rows without the messages that were deleted here, their children hung higher."""
    nearest: dict[str | None, str | None] = {None: None}
    kept: list[MessageRecord] = []
    for row in rows.messages:
        parent = nearest[row.parent_id]
        gone = row.id in deleted and row.id not in stored
        nearest[row.id] = parent if gone else row.id
        if not gone:
            kept.append(row._replace(parent_id=parent))
    here = {row.id for row in kept}
    return ConversationRows(
        conversation=rows.conversation,
        messages=kept,
        versions=[row for row in rows.versions if row.message_id in here],
        feedback=[row for row in rows.feedback if row.message_id in here],
        leaf_id=nearest[rows.leaf_id],
    )


def _placed(
    added: Iterable[MessageRecord], here: ConversationRecord, stored: dict[str, MessageRecord]
) -> list[MessageRecord]:
    positions = {row.id: row.position for row in stored.values()}
    placed = []
    for row in added:
        position = 1 if row.parent_id is None else positions[row.parent_id] + 1
        positions[row.id] = position
        placed.append(row._replace(conversation_id=here.id, position=position, active=False))
    return placed


async def _plan_changes(
    unit: ReadUnit, merge: Merge, rows: ConversationRows, stored: dict[str, MessageRecord]
) -> None:
    told = _by_message(rows.versions)
    differing = [row for row in rows.messages if row.id in stored and _differs(stored[row.id], row)]
    kept = await unit.versions.list_by_messages([row.id for row in differing])
    for row in differing:
        here, earlier = stored[row.id], kept.get(row.id, [])
        if _text(row) != _text(here):
            if _text(row) in map(_text, earlier):
                continue
            merge.versions += _history(here, earlier, row, told.get(row.id, []))
            edited_at: datetime | None = row.edited_at or datetime.now(UTC)
        else:
            edited_at = here.edited_at
        values = {name: getattr(row, name) for name in FOLLOWING}
        merge.changed.append(here._replace(**values, edited_at=edited_at))
    new = {row.id for row in merge.added}
    merge.versions += [row for row in rows.versions if row.message_id in new]


def _differs(here: MessageRecord, row: MessageRecord) -> bool:
    if here.status == STREAMING or (here.status == "complete" and row.status != "complete"):
        return False
    return _text(here) != _text(row) or here.status != row.status


def _history(
    here: MessageRecord,
    earlier: Sequence[VersionRecord],
    row: MessageRecord,
    told: Sequence[VersionRecord],
) -> list[VersionRecord]:
    """The text that is here as an earlier one, and those between it and the source's."""
    known = {*map(_text, earlier), _text(here)}
    moments = {_text(version): version.replaced_at for version in told}
    replaced_at = moments.get(_text(here)) or row.edited_at or datetime.now(UTC)
    kept = [VersionRecord(here.id, 0, here.content, here.parts_json, replaced_at)]
    kept += [version for version in told if _text(version) not in known]
    first = len(earlier) + 1
    return [version._replace(number=first + place) for place, version in enumerate(kept)]


async def _plan_feedback(
    unit: ReadUnit, merge: Merge, rows: ConversationRows, stored: dict[str, MessageRecord]
) -> None:
    """Judgements of messages that have none here."""
    given = [row.message_id for row in rows.feedback if row.message_id in stored]
    judged = await unit.feedback.list_by_messages(given) if given else {}
    merge.feedback = [row for row in rows.feedback if row.message_id not in judged]
    changed = {row.id for row in merge.changed}
    merge.changed += [
        stored[row.message_id]
        for row in merge.feedback
        if row.message_id in stored and row.message_id not in changed
    ]


def _plan_branch(
    merge: Merge, here: ConversationRecord, rows: ConversationRows, stored: dict[str, MessageRecord]
) -> None:
    if not merge.added:
        return
    last = next(
        (row.id for row in stored.values() if row.active and row.position == here.message_count),
        None,
    )
    new = {row.id for row in merge.added}
    known = {row.id for row in rows.messages}
    continued = last is None or any(row.parent_id == last for row in merge.added)
    if continued or (rows.leaf_id in new and last in known):
        merge.show = rows.leaf_id or last
    if merge.show is not None and last is not None:
        everything = stored | {row.id: row for row in merge.added}
        merge.branched = last not in _path(merge.show, everything)


def _path(message_id: str | None, rows: dict[str, MessageRecord]) -> set[str]:
    path: set[str] = set()
    while message_id is not None:
        path.add(message_id)
        message_id = rows[message_id].parent_id
    return path


def _by_message(versions: Iterable[VersionRecord]) -> dict[str, list[VersionRecord]]:
    found: dict[str, list[VersionRecord]] = {}
    for version in versions:
        found.setdefault(version.message_id, []).append(version)
    return found


def _text(row: MessageRecord | VersionRecord) -> tuple[str, str | None]:
    return (row.content, row.parts_json)
