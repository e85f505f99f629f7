"""Lexical candidates of one search: from what is stored of the index to scored messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from backend.lazy import Lazy
from backend.repositories.search import FoundChunk, Runs
from backend.repositories.store import ReadUnit
from backend.retrieval.documents import in_conversation, is_scope, with_role
from backend.retrieval.fusion import DEPTH
from backend.retrieval.packs import of_term
from backend.retrieval.postings import Postings, decode, waiting, waiting_lengths
from backend.retrieval.queries import Query
from backend.retrieval.ranking import (
    SEEDS,
    Numbers,
    Scores,
    Statistics,
    holding_all,
    holding_any,
    rescore,
    seeds,
)

if TYPE_CHECKING:
    import numpy as np
else:
    np = Lazy("numpy")

MOST_SEEDS = 6400


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Where to search; what is left out asks for nothing. Times are those of messages.

    ``after`` and ``before`` leave out the moment itself; ``tags`` asks for all of them.
    """

    conversation_ids: tuple[str, ...] | None = None
    excluded_conversation_ids: tuple[str, ...] = ()
    roles: tuple[str, ...] | None = None
    after: datetime | None = None
    before: datetime | None = None
    tags: tuple[str, ...] = ()
    include_archived: bool = True

    @property
    def asks_conversations(self) -> bool:
        """Whether the conversations themselves have to be looked at."""
        return bool(self.tags) or not self.include_archived

    @property
    def narrows(self) -> bool:
        """Whether a message has to be looked at to know that it is asked for."""
        asked = (self.conversation_ids, self.roles, self.after, self.before)
        return bool(self.excluded_conversation_ids) or any(each is not None for each in asked)

    @property
    def scope_terms(self) -> list[str]:
        """The terms of the index that say where a chunk belongs."""
        named = (*(self.conversation_ids or ()), *self.excluded_conversation_ids)
        return [*map(in_conversation, named), *map(with_role, self.roles or ())]

    def admits(self, chunk: FoundChunk) -> bool:
        """Whether a message is where and when it was asked for, its conversation aside."""
        return not (
            (
                self.conversation_ids is not None
                and chunk.conversation_id not in self.conversation_ids
            )
            or chunk.conversation_id in self.excluded_conversation_ids
            or (self.roles is not None and chunk.role not in self.roles)
            or (self.after is not None and chunk.created_at <= self.after)
            or (self.before is not None and chunk.created_at >= self.before)
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What later pages of a search must see to rank as the first one did: only chunks below
    ``next_number``, and the index's sums as they were."""

    next_number: int
    chunks: int
    terms: int

    @property
    def statistics(self) -> Statistics:
        """The sums, as ranking takes them."""
        return Statistics(self.chunks, self.terms)


class Candidate(NamedTuple):
    """A message with its score, and the chunk of it that scored best."""

    score: float
    chunk: FoundChunk


class LexicalSearch:
    """One query over one owner's index, as it was at a moment."""

    def __init__(self, unit: ReadUnit, query: Query, chosen: SearchFilter) -> None:
        self._unit = unit
        self._query = query
        self._filter = chosen
        self._index: dict[str, Postings] = {}
        self._scope: dict[str, Postings] = {}
        self._ranked: dict[str, Postings] = {}
        self.snapshot = Snapshot(1, 0, 0)

    async def load(self, snapshot: Snapshot | None) -> None:
        """Reads the postings of what is asked for."""
        wanted = list(
            dict.fromkeys(
                [
                    *self._query.terms,
                    *(term for phrase in self._query.phrases for term in phrase.terms),
                    *self._filter.scope_terms,
                ]
            )
        )
        next_number, pending = await self._unit.search.state()
        runs = await self._unit.search.runs(wanted)
        self.snapshot = snapshot or _snapshot(next_number, pending, runs)
        found = await self._unit.compute(
            _postings, wanted, pending, runs, self.snapshot.next_number
        )
        for term, postings in found.items():
            (self._scope if is_scope(term) else self._index)[term] = postings
        self._ranked = {
            term: self._index[term] for term in self._query.terms if term in self._index
        }

    @property
    def _leaves_out(self) -> bool:
        """Whether a message that scores may not be what is asked for."""
        query, chosen = self._query, self._filter
        return bool(query.phrases or query.excluded or chosen.narrows or chosen.asks_conversations)

    @property
    def asks_messages(self) -> bool:
        """Whether more is to be known of a message than where it stands."""
        chosen = self._filter
        return bool(chosen.narrows or chosen.asks_conversations or self._query.days)

    async def candidates(self) -> dict[str, Candidate]:
        """The best messages by id, in no order: as many as are ranked, where there are as many."""
        limit = SEEDS
        while True:
            numbers = await self._unit.compute(self._seeds, limit)
            scored = await self._scored(numbers)
            kept = await self.kept(scored)
            enough = len(kept) >= min(DEPTH, len(scored))
            if enough or len(numbers) < limit or limit >= MOST_SEEDS:
                return kept
            limit *= 4

    def _seeds(self, limit: int) -> list[int]:
        best = seeds(
            self._ranked,
            self.snapshot.statistics,
            within=self.within(),
            outside=self.outside(),
            limit=limit,
        )
        numbers: list[int] = best.tolist()
        return numbers

    def within(self) -> list[Numbers]:
        """Chunks of which each list holds all that may be found."""
        within = [
            holding_all(self._index, phrase.terms) for phrase in self._query.phrases if phrase.terms
        ]
        if self._filter.conversation_ids is not None:
            named = map(in_conversation, self._filter.conversation_ids)
            within.append(holding_any(self._scope, named))
        if self._filter.roles is not None:
            within.append(holding_any(self._scope, map(with_role, self._filter.roles)))
        return within

    def outside(self) -> Numbers | None:
        """Chunks that may not be found."""
        excluded = self._filter.excluded_conversation_ids
        return holding_any(self._scope, map(in_conversation, excluded)) if excluded else None

    async def _scored(self, numbers: Sequence[int]) -> dict[str, Candidate]:
        """The messages of these chunks and those around them that score, if asked for there."""
        if not numbers:
            return {}
        found = await self._unit.search.around(numbers, whole=self.asks_messages)
        end = self.snapshot.next_number
        chunks = [chunk for chunk in found if chunk.number < end]
        scores = rescore(chunks, self._ranked, self.snapshot.statistics)
        enough = None if self._leaves_out else DEPTH
        return _best(chunks, scores, enough)

    async def kept(self, scored: Mapping[str, Candidate]) -> dict[str, Candidate]:
        """Those of the messages that are what the query and the filter ask for."""
        kept = dict(scored)
        if self._filter.narrows:
            kept = {e: found for e, found in scored.items() if self._filter.admits(found.chunk)}
        if self._filter.asks_conversations and kept:
            homes = {found.chunk.conversation_id for found in kept.values()}
            admitted = await self._unit.search.admitted(
                sorted(homes), self._filter.tags, archived=self._filter.include_archived
            )
            kept = {
                e: found for e, found in kept.items() if found.chunk.conversation_id in admitted
            }
        if self._query.phrases or self._query.excluded:
            said = await self._saying(kept)
            kept = {each: found for each, found in kept.items() if each in said}
        return kept

    async def _saying(self, ids: Collection[str]) -> set[str]:
        """Those of the messages that hold every phrase and nothing that is excluded."""
        if not ids:
            return set()
        rows = await self._unit.messages.list_by_ids(list(ids))
        return await self._unit.compute(
            lambda: {row.id for row in rows if self._query.admits(row.content)}
        )


def _best(chunks: Sequence[FoundChunk], scores: Scores, enough: int | None) -> dict[str, Candidate]:
    """The messages that score, with their best chunks, best first; of these as many as are enough,
    and those that are as good as the last."""
    best: dict[str, Candidate] = {}
    descending = np.argsort(-scores, kind="stable")
    worst = 0.0
    for at, score in zip(descending.tolist(), scores[descending].tolist(), strict=True):
        if score <= 0 or score < worst:
            break
        chunk = chunks[at]
        if chunk.message_id not in best:
            best[chunk.message_id] = Candidate(score, chunk)
            worst = score if len(best) == enough else worst
    return best


def _snapshot(next_number: int, pending: str, runs: Runs) -> Snapshot:
    chunks, length = waiting_lengths(pending)
    return Snapshot(next_number, runs.chunks + chunks, runs.terms + length)


def _postings(
    terms: Sequence[str], pending: str, runs: Runs, next_number: int
) -> dict[str, Postings]:
    fresh = waiting(pending, terms)
    found = {}
    for term in terms:
        rows = runs.by_term.get(term, ())
        held = [data for row in rows if (data := of_term(term, *row))]
        if held or term in fresh:
            # A chunk that is in a segment by now may also have been seen waiting.
            found[term] = decode([*held, fresh.get(term, b"")]).below(next_number)
    return found
