"""Which of all that was ever said is worth bringing back now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from backend.errors import Invalid
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit
from backend.retrieval.analysis import asked
from backend.retrieval.fusion import DEPTH
from backend.retrieval.queries import QUERY_CHARACTERS, parse_query
from backend.retrieval.snippets import matching
from backend.retrieval.stopwords import STOP_WORDS
from backend.security.viewer import Viewer
from backend.services.history import Branch, HistoryRow
from backend.services.lexical import SearchFilter
from backend.services.passages import Found, Reason, Selection, passages_of, saying
from backend.services.search import SearchHit, SearchService
from backend.utils.recalled import without_recalled

RecallScope = Literal["all", "conversation", "others"]
LeftOutReason = Literal["recent", "branch", "duplicate", "floor", "limit", "call", "room"]
INSTRUCTIONS = ("system", "developer")
MOST_RECALLED = 50
"""Messages that one window may recall, their neighbours aside."""

DEFAULT_FLOOR = 0.3
HALF_LIFE_DAYS = 30.0
"""How old what was said is when it counts half by its recency."""

# In a message these are no orders to a search: quotation marks and dashes before words.
_SYNTAX = re.compile(r'"|(?<!\S)-+')


@dataclass(frozen=True, slots=True)
class Recall:
    """What is asked for. ``count`` messages at most, each with its neighbours; none for 0.

    ``query`` is as for a search; without one the last user message is looked for. ``floor`` is the
    share of the best score below which nothing is recalled, ``recency`` the share of the order that
    newness decides. ``alternatives``: also messages that are on no branch that is shown.
    """

    count: int = 0
    query: str | None = None
    scope: RecallScope = "all"
    floor: float = DEFAULT_FLOOR
    recency: float = 0.0
    alternatives: bool = False

    def check(self) -> None:
        """Raises Invalid."""
        if not 0 <= self.count <= MOST_RECALLED:
            raise Invalid(f"From 0 to {MOST_RECALLED} messages can be recalled.", field=("recall",))
        for name, share in (("recallFloor", self.floor), ("recencyWeight", self.recency)):
            if not 0 <= share <= 1:
                raise Invalid(f"{name} is a number from 0 to 1.", field=(name,))


class LeftOut(NamedTuple):
    """A message that was found and is not recalled, and why."""

    message_id: str
    conversation_id: str
    reason: LeftOutReason
    score: float


@dataclass(frozen=True, slots=True)
class Setting:
    """The window as it is without what is recalled: what of it stays in any case, the message that
    is answered, and how many tokens are free."""

    conversation_id: str
    branch: Branch
    recent: Sequence[HistoryRow]
    question: MessageRecord | None
    room: int

    @property
    def ids(self) -> set[str]:
        """The messages that a model sees already: the question too, if a caller sends it."""
        asked = {self.question.id} if self.question else set()
        return asked.union(row.id for row in self.recent)

    @property
    def texts(self) -> set[tuple[str, ...]]:
        """What the window says already."""
        return {saying(row.record) for row in self.recent}

    def admits(self, row: MessageRecord, *, alternatives: bool) -> bool:
        """Whether a message is one that is shown, or discarded ones are asked for."""
        if alternatives:
            return True
        here = row.conversation_id == self.conversation_id
        return self.branch.holds(row) if here else row.active


@dataclass
class Recollection:
    """What was looked for, what of it is recalled, and what is not."""

    query: str | None = None
    selection: Selection = field(default_factory=lambda: Selection({}, 0))
    left_out: list[LeftOut] = field(default_factory=list)


class Recaller:
    """Finds and chooses; writes nothing, so nothing recalled is ever stored again."""

    def __init__(self, search: SearchService) -> None:
        self._search = search

    async def hits(
        self, viewer: Viewer, recall: Recall, conversation_id: str, question: MessageRecord | None
    ) -> tuple[str | None, list[SearchHit]]:
        """What is looked for, None for nothing worth it, and what a search finds, best first."""
        query = recall.query if recall.query is not None else _query_of(question)
        if not query or not query.strip():
            return None, []
        chosen = SearchFilter(
            conversation_ids=(conversation_id,) if recall.scope == "conversation" else None,
            excluded_conversation_ids=(conversation_id,) if recall.scope == "others" else (),
        )
        page = await self._search.search(viewer, query, mode="hybrid", chosen=chosen, first=DEPTH)
        return query, list(page.rows)

    async def choose(
        self,
        unit: ReadUnit,
        recall: Recall,
        setting: Setting,
        query: str | None,
        hits: Sequence[SearchHit],
    ) -> Recollection:
        """The best of the hits that are worth it, with their neighbours, within the room."""
        await setting.branch.prepare()
        ranked = _ranked(hits, recall, query)
        found, left_out = _sorted_out(ranked, recall, setting)
        recent, texts = setting.ids, setting.texts

        def admits(row: MessageRecord) -> bool:
            known = row.id in recent or saying(row) in texts or row.role in INSTRUCTIONS
            return not known and setting.admits(row, alternatives=recall.alternatives)

        passages = await passages_of(unit, found, admits)
        homes = {row.record.conversation_id for each in passages for row in each.rows}
        titles = await unit.conversations.list_by_ids(sorted(homes)) if homes else []
        selection = Selection({each.id: each.title for each in titles}, setting.room)
        for passage in passages:
            if not passage.is_whole:
                left_out.append(left(passage.found, "call"))
            elif not selection.take(passage):
                left_out.append(left(passage.found, "room"))
        return Recollection(query, selection, left_out)


def _query_of(question: MessageRecord | None) -> str | None:
    """The last user message as a query; None where it says nothing that could be found."""
    if question is None:
        return None
    text = _SYNTAX.sub(" ", without_recalled(question.content))[:QUERY_CHARACTERS]
    return text if asked(text, STOP_WORDS) else None


class _Ranked(NamedTuple):
    hit: SearchHit
    relevance: float
    score: float


def _ranked(hits: Sequence[SearchHit], recall: Recall, query: str | None) -> list[_Ranked]:
    """The hits by relevance, where the best has 1, and by recency as far as that is asked for."""
    if not hits:
        return []
    best = max(hit.score for hit in hits) or 1.0
    covered = _coverage(hits, query or "")
    newest = max(hit.message.created_at for hit in hits)
    ranked = []
    for hit, share in zip(hits, covered, strict=True):
        relevance = max(hit.score / best, share)
        recency = 0.5 ** (_days(newest, hit.message.created_at) / HALF_LIFE_DAYS)
        score = (1 - recall.recency) * hit.score / best + recall.recency * recency
        ranked.append(_Ranked(hit, relevance, score))
    return sorted(ranked, key=lambda each: -each.score)


def _coverage(hits: Sequence[SearchHit], query: str) -> list[float]:
    """How many of the query's words each message says, the best of them being 1.

    Scores are stretched between the best and the last hit. Where there are only a few hits the
    last of them may be as good as the first, and this tells.
    """
    if len(hits) >= DEPTH:
        return [0.0] * len(hits)
    terms = parse_query(query).terms
    counts = [len({s.term for s in matching(hit.message.content, terms)}) for hit in hits]
    best = max(counts) or 1
    return [count / best for count in counts]


def _days(newest: datetime, said: datetime) -> float:
    return (newest - said).total_seconds() / 86_400


def _sorted_out(
    ranked: Sequence[_Ranked], recall: Recall, setting: Setting
) -> tuple[list[Found], list[LeftOut]]:
    recent, texts = setting.ids, setting.texts
    found: list[Found] = []
    left_out: list[LeftOut] = []
    for rank, each in enumerate(ranked, 1):
        message = each.hit.message
        if message.role in INSTRUCTIONS:
            continue
        reason = _why_not(message, each, recall, setting, recent, texts)
        if reason is None and len(found) >= recall.count:
            reason = "limit"
        if reason is not None:
            left_out.append(LeftOut(message.id, message.conversation_id, reason, each.score))
            continue
        texts.add(saying(message))
        ranks = (each.hit.lexical_rank, each.hit.semantic_rank)
        found.append(Found(message, each.hit.snippet, Reason(rank, each.score, *ranks, None)))
    return found, left_out


def _why_not(
    message: MessageRecord,
    each: _Ranked,
    recall: Recall,
    setting: Setting,
    recent: set[str],
    texts: set[tuple[str, ...]],
) -> LeftOutReason | None:
    if message.id in recent:
        return "recent"
    if not setting.admits(message, alternatives=recall.alternatives):
        return "branch"
    if saying(message) in texts:
        return "duplicate"
    return "floor" if each.relevance < recall.floor else None


def left(found: Found, reason: LeftOutReason) -> LeftOut:
    """What was worth it and could not be."""
    message = found.message
    return LeftOut(message.id, message.conversation_id, reason, found.reason.score or 0.0)
