"""What of a conversation goes to a model next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from backend.errors import Invalid, NotFound
from backend.ids import parse_id
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import ReadUnit, Store
from backend.security.viewer import Viewer
from backend.utils.chat_history import read_window, to_openai
from backend.utils.message_parts import MessagePart
from backend.utils.prompts import entries

INSTRUCTIONS = ("system", "developer")


class HistoryRow:
    """A message's row as the history's rules see it; its parts are read when they are asked for."""

    def __init__(self, record: MessageRecord) -> None:
        self.record = record
        self.id = record.id
        self.role = record.role
        self.name = record.name
        self.content = record.content
        self.token_count = record.token_count
        self.position = record.position

    @cached_property
    def parts(self) -> Sequence[MessagePart]:
        """The typed parts; empty where the content says it all."""
        return orjson.loads(self.record.parts_json) if self.record.parts_json else ()


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """A message of the window; ``origin`` is ``system``, ``recalled`` or ``recent``."""

    message: MessageRecord
    origin: str
    content: str
    token_count: int


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """What goes to a model: ``prompt`` in OpenAI's chat form, within ``max_tokens``."""

    messages: list[ContextEntry]
    prompt: list[dict[str, Any]]
    token_count: int
    max_tokens: int
    omitted_count: int = field(default=0)


class ContextService:
    """Puts context windows together; reads only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def window(
        self,
        viewer: Viewer,
        conversation_id: str,
        *,
        max_tokens: int = 4096,
        recent: int | None = None,
        leaf_id: str | None = None,
    ) -> ContextWindow:
        """The opening instructions and the newest messages that fit, of the active branch or of the
        one that ends at ``leaf_id``, reading no more messages than that takes.

        Raises NotFound, or Invalid for negative numbers.
        """
        for name, number in (("maxTokens", max_tokens), ("recent", recent or 0)):
            if number < 0:
                raise Invalid(f"{name} must not be negative.", field=(name,))
        async with self._store.read(viewer) as unit:
            conversation = await unit.conversations.get(conversation_id)
            reader = await _reader(unit, conversation, leaf_id)
            found = await read_window(reader, conversation.id, max_tokens, recent)
        return ContextWindow(
            messages=_entries(found.kept),
            prompt=to_openai(found.kept),
            token_count=found.token_count,
            max_tokens=max_tokens,
            omitted_count=found.omitted_count,
        )


class _ActiveBranch:
    """The branch that is shown: pages are index ranges."""

    def __init__(self, unit: ReadUnit) -> None:
        self._unit = unit

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> list[HistoryRow]:
        rows = await self._unit.messages.before_position(conversation_id, before_position, count)
        return [HistoryRow(row) for row in rows]


class _BranchTo:
    """The branch that ends at a message: pages are walks up from it."""

    def __init__(self, unit: ReadUnit, leaf_id: str) -> None:
        self._unit = unit
        self._leaf_id = leaf_id

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> list[HistoryRow]:
        rows = await self._unit.branches.page_upward(self._leaf_id, before_position, count)
        return [HistoryRow(row) for row in rows]


async def _reader(
    unit: ReadUnit, conversation: ConversationRecord, leaf_id: str | None
) -> _ActiveBranch | _BranchTo:
    if leaf_id is None:
        return _ActiveBranch(unit)
    found = await unit.messages.find(parse_id(leaf_id) or "")
    if found is None or found.conversation_id != conversation.id:
        raise NotFound("There is no such message in this conversation.", field=("leafId",))
    return _BranchTo(unit, found.id)


def _entries(rows: Sequence[HistoryRow]) -> list[ContextEntry]:
    tokens = {entry.source: entry.tokens for entry in entries(rows)}
    opening = next(
        (place for place, row in enumerate(rows) if row.role not in INSTRUCTIONS), len(rows)
    )
    return [
        ContextEntry(
            message=row.record,
            origin="system" if place < opening else "recent",
            content=row.content,
            token_count=tokens.get(place, 0),
        )
        for place, row in enumerate(rows)
    ]
