"""Stored messages as the rules of histories see them, and the branch that a window is of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import orjson

from backend.errors import NotFound
from backend.ids import parse_id
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import ReadUnit
from backend.utils.message_parts import MessagePart


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


class Branch(Protocol):
    """A branch of a conversation: pages of it, read from its end, and what belongs to it."""

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> list[HistoryRow]: ...

    async def prepare(self) -> None:
        """Reads what ``holds`` needs to know."""

    def holds(self, row: MessageRecord) -> bool:
        """Whether a message of the conversation stands on the branch."""


class ActiveBranch:
    """The branch that is shown: pages are index ranges."""

    def __init__(self, unit: ReadUnit) -> None:
        self._unit = unit

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> list[HistoryRow]:
        rows = await self._unit.messages.before_position(conversation_id, before_position, count)
        return [HistoryRow(row) for row in rows]

    async def prepare(self) -> None:
        """Each row says it itself."""

    def holds(self, row: MessageRecord) -> bool:
        return row.active


class BranchTo:
    """The branch that ends at a message: pages are walks up from it."""

    def __init__(self, unit: ReadUnit, leaf_id: str) -> None:
        self._unit = unit
        self._leaf_id = leaf_id
        self._shared = 0
        self._own: frozenset[str] = frozenset()

    async def page_before(
        self, conversation_id: str, before_position: int | None, count: int
    ) -> list[HistoryRow]:
        rows = await self._unit.branches.page_upward(self._leaf_id, before_position, count)
        return [HistoryRow(row) for row in rows]

    async def prepare(self) -> None:
        path = await self._unit.branches.path_from_active(self._leaf_id)
        self._shared = max((row.position for row in path if row.active), default=0)
        self._own = frozenset(row.id for row in path)

    def holds(self, row: MessageRecord) -> bool:
        """Above where it leaves the branch that is shown, it is that one."""
        return row.id in self._own or (row.active and row.position <= self._shared)


async def branch_of(
    unit: ReadUnit, conversation: ConversationRecord, leaf_id: str | None
) -> ActiveBranch | BranchTo:
    """The branch that is shown, or the one that ends at a message; raises NotFound."""
    if leaf_id is None:
        return ActiveBranch(unit)
    found = await unit.messages.find(parse_id(leaf_id) or "")
    if found is None or found.conversation_id != conversation.id:
        raise NotFound("There is no such message in this conversation.", field=("leafId",))
    return BranchTo(unit, found.id)
