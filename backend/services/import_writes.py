"""What becomes of the conversations of one batch: stored, brought up to date, or left as they are.

A conversation is known by the source it came from, else by its id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from backend.events.changes import ConversationChanged
from backend.repositories.records import ConversationRecord
from backend.repositories.store import ReadUnit, WriteUnit
from backend.services.import_batches import ImportFailure, ImportItem
from backend.services.import_merge import apply_merge, plan_merge

Result = int | None | ImportFailure
"""What became of a conversation: how many of its messages are new or changed here; None where there
was nothing new in it; or why it failed."""


async def still_to_do(unit: ReadUnit, items: Sequence[ImportItem]) -> tuple[list[ImportItem], bool]:
    """Those of the conversations that are not here exactly as their source last told them, and
    whether none of these is here."""
    here = await _found(unit, items)
    left = [
        (item, found)
        for item, found in zip(items, here, strict=True)
        if found is None or not _same(item, found)
    ]
    return [item for item, _ in left], all(found is None for _, found in left)


async def write(unit: WriteUnit, items: Sequence[ImportItem]) -> list[Result]:
    """Stores conversations, or what is new in them; raises RowsRefused."""
    here = await _found(unit, items)
    known = [found.id for found in here if found is not None]
    locked = await unit.imports.lock(known) if known else {}
    results: dict[int, Result] = {}
    new: list[ImportItem] = []
    # Those that are here come first: each locks its own row already, and the owner's only now.
    for item, found in zip(items, here, strict=True):
        current = locked.get(found.id) if found is not None else None
        if current is None:
            new.append(item)
            results[id(item)] = len(item.rows.messages)
        else:
            results[id(item)] = await _bring_up_to_date(unit, current, item)
    if new:
        for record in await unit.imports.insert([item.rows for item in new]):
            unit.record(
                ConversationChanged(
                    unit.owner_id, record.id, record.revision, record.owner_revision
                )
            )
    return [results[id(item)] for item in items]


async def rehearse(unit: ReadUnit, items: Sequence[ImportItem]) -> list[Result]:
    """What `write` would do to each of the conversations, one by one."""
    here = await _found(unit, items)
    return [await _rehearse(unit, item, found) for item, found in zip(items, here, strict=True)]


async def refusal(unit: ReadUnit, item: ImportItem) -> str | None:
    """Why the database does not take a conversation: an id of it that stands for something else."""
    own = {item.rows.conversation.id}
    own |= {found.id for found in await _found(unit, [item]) if found is not None}
    homes = await unit.imports.homes([row.id for row in item.rows.messages])
    for message_id, conversation_id in homes.items():
        if conversation_id not in own:
            return f"Its message {message_id} is stored in conversation {conversation_id}."
    return None


async def _bring_up_to_date(
    unit: WriteUnit, here: ConversationRecord, item: ImportItem
) -> int | None:
    if _same(item, here):
        return None
    merge = await plan_merge(unit, here, item.rows)
    await apply_merge(unit, here, item.rows, merge)
    return merge.messages or None


async def _rehearse(unit: ReadUnit, item: ImportItem, here: ConversationRecord | None) -> Result:
    reason = await refusal(unit, item)
    if reason is not None:
        return item.failed(reason)
    if here is None:
        return len(item.rows.messages)
    return (await plan_merge(unit, here, item.rows)).messages or None


async def _found(unit: ReadUnit, items: Sequence[ImportItem]) -> list[ConversationRecord | None]:
    by_format: dict[str, list[str]] = defaultdict(list)
    for item in items:
        conversation = item.rows.conversation
        if conversation.source_format and conversation.source_external_id:
            by_format[conversation.source_format].append(conversation.source_external_id)
    by_source = {
        (row.source_format, row.source_external_id): row
        for format_, external_ids in by_format.items()
        for row in await unit.imports.list_by_sources(format_, external_ids)
    }
    ids = [item.rows.conversation.id for item in items]
    by_id = {row.id: row for row in await unit.conversations.list_by_ids(ids)}
    return [_match(item.rows.conversation, by_source, by_id) for item in items]


def _match(
    conversation: ConversationRecord,
    by_source: dict[tuple[str | None, str | None], ConversationRecord],
    by_id: dict[str, ConversationRecord],
) -> ConversationRecord | None:
    source = (conversation.source_format, conversation.source_external_id)
    return by_source.get(source) or by_id.get(conversation.id)


def _same(item: ImportItem, here: ConversationRecord) -> bool:
    return item.rows.conversation.source_digest == here.source_digest
