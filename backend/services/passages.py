"""Found messages with as much around them as makes them understood, fitted into a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from backend.repositories.chunks import STREAMING
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit
from backend.services.history import HistoryRow
from backend.utils.prompts import spoken
from backend.utils.recalled import cut_around, recalled_line, without_recalled
from backend.utils.tokens import count_tokens

HIT_CHARACTERS = 2000
NEIGHBOUR_CHARACTERS = 600
CALL_STEPS = 8
"""So far above a result its call is looked for: others made at the same time stand between."""


class Reason(NamedTuple):
    """Why a message was recalled: its rank among what was found, from 1, and its score, where the
    best found has 1; or the found message that it stands next to."""

    rank: int | None
    score: float | None
    lexical_rank: int | None
    semantic_rank: int | None
    neighbour_of: str | None


class Found(NamedTuple):
    """A message that is worth recalling; ``shown`` is the part of its text that was found."""

    message: MessageRecord
    shown: str
    reason: Reason


class Recalled(NamedTuple):
    """A message that is recalled: its text as it is quoted, the line that quotes it, its tokens."""

    message: MessageRecord
    text: str
    line: str
    token_count: int
    reason: Reason


@dataclass(slots=True)
class Passage:
    """A found message among its neighbours, in the order of their branch."""

    found: Found
    rows: list[HistoryRow]

    @property
    def is_whole(self) -> bool:
        """Whether the found message is in it; the rules may have taken it out."""
        return any(row.id == self.found.message.id for row in self.rows)

    def shortest(self) -> list[HistoryRow]:
        """The found message alone, with the call it answers where it is a result."""
        place = next(n for n, row in enumerate(self.rows) if row.id == self.found.message.id)
        start = place
        while start > 0 and orphans(self.rows[start : place + 1]):
            start -= 1
        return self.rows[start : place + 1]


def saying(row: MessageRecord) -> tuple[str, ...]:
    """What a message says and who says it; a fork says it with another id."""
    return (row.role, row.name or "", row.content, row.parts_json or "")


Admits = Callable[[MessageRecord], bool]


async def passages_of(unit: ReadUnit, found: Sequence[Found], admits: Admits) -> list[Passage]:
    """Each found message with the one before, the one after, and the calls that results answer;
    only what is still stored and is admitted."""
    ids = [each.message.id for each in found]
    above = [each.message.parent_id for each in found if each.message.parent_id]
    known = {row.id: row for row in await unit.messages.list_by_ids([*ids, *above])}
    below = {row.parent_id: row for row in await unit.passages.following(ids)}
    passages = []
    for each in found:
        home = each.message.id
        rows = (known.get(each.message.parent_id or ""), known.get(home), below.get(home))
        if known.get(home) is not None:
            chosen = [row for row in rows if row and (row.id == home or _is_said(row, admits))]
            passages.append(Passage(each, [HistoryRow(row) for row in chosen]))
    await _bring_calls(unit, passages, admits)
    for passage in passages:
        passage.rows = without_orphans(passage.rows)
    return passages


async def _bring_calls(unit: ReadUnit, passages: Sequence[Passage], admits: Admits) -> None:
    for _ in range(CALL_STEPS):
        wanted = [passage for passage in passages if orphans(passage.rows)]
        above = {p.rows[0].record.parent_id for p in wanted} - {None}
        if not above:
            return
        rows = await unit.messages.list_by_ids([each for each in above if each])
        known = {row.id: row for row in rows if admits(row)}
        for passage in wanted:
            parent = known.get(passage.rows[0].record.parent_id or "")
            if parent is not None:
                passage.rows.insert(0, HistoryRow(parent))


def _is_said(row: MessageRecord, admits: Admits) -> bool:
    return row.status != STREAMING and admits(row)


def orphans(rows: Iterable[HistoryRow]) -> set[str]:
    """The messages that hold results of calls that none before them makes."""
    called: set[str] = set()
    found = set()
    for row in rows:
        answers = row.role == "tool"
        for part in row.parts:
            if part["type"] == "tool_call":
                called.add(part["call_id"])
            elif part["type"] == "tool_result":
                answers = part["call_id"] not in called
                if answers:
                    break
        if answers:
            found.add(row.id)
    return found


def without_orphans(rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    """The messages without results whose call is not among them."""
    lost = orphans(rows)
    return [row for row in rows if row.id not in lost]


@dataclass
class Selection:
    """What is recalled within a number of tokens, best first."""

    titles: Mapping[str, str]
    room: int
    chosen: dict[str, Recalled] = field(default_factory=dict)

    def take(self, passage: Passage) -> bool:
        """Takes a passage, or at least its found message; whether there was room."""
        for rows in (passage.rows, passage.shortest()):
            made = [self._recalled(passage.found, row) for row in rows]
            new = [each for each in made if self._is_new(each)]
            tokens = sum(each.token_count for each in new)
            if tokens <= self.room + self._spent_before(new):
                self._put(new)
                return True
        return False

    def in_order(self) -> list[Recalled]:
        """By time, but never before what it answers, whatever the clocks of an import said."""
        times: dict[str, datetime] = {}
        for row in sorted(self.chosen.values(), key=_place):
            message = row.message
            said_before = times.get(message.parent_id or "", message.created_at)
            times[message.id] = max(message.created_at, said_before)
        return sorted(self.chosen.values(), key=lambda row: (times[row.message.id], *_place(row)))

    def drop(self, ids: Iterable[str]) -> None:
        """Takes messages out again, and with them the neighbours of what was found and the results
        of calls."""
        for each in ids:
            self._forget(each)
        kept = self.chosen
        for row in list(kept.values()):
            if row.reason.neighbour_of is not None and row.reason.neighbour_of not in kept:
                self._forget(row.message.id)
        for each in orphans(HistoryRow(row.message) for row in self.in_order()):
            self._forget(each)

    def _is_new(self, each: Recalled) -> bool:
        """A neighbour that is found itself is quoted as such, at its full length."""
        known = self.chosen.get(each.message.id)
        return known is None or (known.reason.rank is None and each.reason.rank is not None)

    def _spent_before(self, rows: Iterable[Recalled]) -> int:
        known = (self.chosen.get(row.message.id) for row in rows)
        return sum(row.token_count for row in known if row)

    def _put(self, rows: Iterable[Recalled]) -> None:
        for row in rows:
            self._forget(row.message.id)
            self.chosen[row.message.id] = row
            self.room -= row.token_count

    def _forget(self, message_id: str) -> None:
        gone = self.chosen.pop(message_id, None)
        self.room += gone.token_count if gone else 0

    def _recalled(self, found: Found, row: HistoryRow) -> Recalled:
        message = row.record
        is_hit = message.id == found.message.id
        reason = found.reason if is_hit else Reason(None, None, None, None, found.message.id)
        length = HIT_CHARACTERS if is_hit else NEIGHBOUR_CHARACTERS
        own = without_recalled(spoken(row)).strip()
        text = cut_around(own, found.shown if is_hit else "", length)
        line = recalled_line(
            conversation=self.titles.get(message.conversation_id, ""),
            said_at=message.created_at,
            role=message.role,
            name=message.name,
            text=text,
        )
        return Recalled(message, text, line, count_tokens(f"{line}\n"), reason)


def _place(row: Recalled) -> tuple[str, int, int]:
    message = row.message
    return (message.conversation_id, message.position, message.added_revision)
