"""Search over everything the viewer ever stored: ranked messages, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property, partial
from hashlib import blake2b
from typing import NamedTuple

from backend import limits
from backend.errors import Invalid
from backend.ids import parse_id
from backend.repositories.pages import Page, decode_cursor, encode_cursor, page_size
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit, Store
from backend.retrieval.fusion import Fused, fuse, with_days
from backend.retrieval.queries import Query, parse_query
from backend.retrieval.snippets import Snippet, snippet
from backend.security.viewer import Viewer
from backend.services.drafts import ROLES
from backend.services.lexical import Candidate, LexicalSearch, SearchFilter, Snapshot
from backend.services.semantic import Near, SearchMode, SemanticService
from backend.utils.text_processor import normalise

ORDER = "s"
SCOPED_CONVERSATIONS = 200
"""Conversations that one search may name."""


class _Seen(NamedTuple):
    """What the first page of a search saw, for the later ones: the index, and the newest vector,
    0 where it went by words alone."""

    snapshot: Snapshot
    vector: int


class _Place(NamedTuple):
    """Where a page ended: the rank of its last hit, from 1, and its message."""

    rank: int
    message_id: str
    seen: _Seen


class _Asked(NamedTuple):
    """What one search is for: as it was parsed, where, and what tells it from others."""

    query: Query
    chosen: SearchFilter
    digest: str


@dataclass(frozen=True)
class SearchHit:
    """A message that was found.

    ``score`` is comparable within one search alone; the ranks count from 1, None on a side the
    message was not found by. What costs more is made when it is asked for.
    """

    message: MessageRecord
    score: float
    lexical_rank: int | None
    semantic_rank: int | None
    _part: tuple[int, int]
    _place: _Place
    _search: _Asked

    @property
    def snippet(self) -> str:
        """The part of its text that shows best why it was found."""
        return self._shown.text

    @property
    def highlights(self) -> tuple[tuple[int, int], ...]:
        """Where words of the query stand in the snippet, in characters."""
        return self._shown.highlights

    @property
    def cursor(self) -> str:
        """Its place."""
        rank, message_id, seen = self._place
        sums = (*astuple(seen.snapshot), seen.vector)
        return encode_cursor(ORDER, rank, message_id, self._search.digest, *sums)

    @cached_property
    def _shown(self) -> Snippet:
        start, end = self._part
        return snippet(self.message.content[start:end], self._search.query.terms)


@dataclass
class HitPage(Page[SearchHit]):
    """A page of hits; ``mode`` is what they were found by: lexical where hybrid was asked for and
    no embedder could be."""

    mode: SearchMode = "lexical"


class SearchService:
    """Searches on behalf of a viewer."""

    def __init__(self, store: Store, semantic: SemanticService) -> None:
        self._store = store
        self._semantic = semantic

    async def search(
        self,
        viewer: Viewer,
        query: str,
        *,
        mode: SearchMode = "hybrid",
        chosen: SearchFilter | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> HitPage:
        """The hits for a query, best first, of at most a hundred that are ranked on each side.

        A later page ranks what was stored when the first one was asked for, so that nothing
        written in between repeats or hides a hit. Hybrid goes by words alone where no embedder can
        be asked. Raises Invalid; in the semantic mode NoEmbedder and EmbedderUnavailable.
        """
        size, _ = page_size(first, None, default=limits.CONVERSATIONS_DEFAULT)
        chosen = _checked(chosen or SearchFilter())
        asked = _Asked(parse_query(query), chosen, _digest(query, mode, chosen))
        place = None if after is None else _place(after, asked.digest)
        # Before a connection is held: another machine may be asked.
        meant = await self._semantic.meant(mode, asked.query.text)
        if asked.query.is_empty:
            mode = "lexical" if meant is None else mode
            return HitPage([], has_next=False, has_previous=place is not None, mode=mode)
        near = await self._semantic.near(viewer, meant, place.seen.vector if place else None)
        return await self._store.aside(
            viewer, partial(_found, asked=asked, near=near, mode=mode, place=place, size=size)
        )


async def _found(
    unit: ReadUnit,
    asked: _Asked,
    near: Near | None,
    mode: SearchMode,
    place: _Place | None,
    size: int,
) -> HitPage:
    """A page of the hits for what was asked; lexical where nothing can be near."""
    search = LexicalSearch(unit, asked.query, asked.chosen)
    await search.load(place.seen.snapshot if place else None)
    by_words = await search.candidates() if near is None or mode != "semantic" else {}
    by_meaning = await near.candidates(unit, search) if near is not None else {}
    ranked = _ranked(by_words, by_meaning, asked.query)
    start = _start(ranked, place)
    page = ranked[start : start + size]
    rows = await _messages(unit, [message_id for message_id, _ in page])
    upto = near.upto if near is not None else place.seen.vector if place else 0
    seen = _Seen(search.snapshot, upto)
    hits = [
        SearchHit(row, *fused, (chunk.start, chunk.end), _Place(rank, message_id, seen), asked)
        for rank, (message_id, fused) in enumerate(page, start + 1)
        # Without one, it was deleted while this was read.
        if (row := rows.get(message_id))
        and (chunk := (by_words.get(message_id) or by_meaning[message_id]).chunk)
    ]
    more = start + size < len(ranked)
    mode = "lexical" if near is None else mode
    return HitPage(hits, has_next=more, has_previous=start > 0, mode=mode)


def _checked(chosen: SearchFilter) -> SearchFilter:
    named = (chosen.conversation_ids or (), chosen.excluded_conversation_ids)
    if sum(map(len, named)) > SCOPED_CONVERSATIONS:
        raise Invalid(
            f"A search names at most {SCOPED_CONVERSATIONS} conversations.",
            field=("filter", "conversationIds"),
        )
    if not set(ROLES).issuperset(chosen.roles or ()):
        raise Invalid(f"A role is one of {', '.join(sorted(ROLES))}.", field=("filter", "roles"))
    if len(chosen.tags) > limits.TAGS:
        raise Invalid(f"At most {limits.TAGS} tags.", field=("filter", "tags"))
    within, without = (_known_ids(ids) for ids in named)
    return SearchFilter(
        within if chosen.conversation_ids is not None else None,
        without,
        chosen.roles,
        chosen.after,
        chosen.before,
        tuple(dict.fromkeys(normalise(tag).strip() for tag in chosen.tags)),
        chosen.include_archived,
    )


def _known_ids(ids: Sequence[str]) -> tuple[str, ...]:
    """Those that can be ids; what cannot names nothing that is stored."""
    return tuple(dict.fromkeys(known for each in ids if (known := parse_id(each))))


def _digest(query: str, mode: str, chosen: SearchFilter) -> str:
    """What a cursor belongs to: pages of one search are told from those of another."""
    said = repr((query, mode, chosen)).encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=6).hexdigest()


def _place(after: str, asked: str) -> _Place:
    try:
        rank, message_id, digest, next_number, chunks, terms, vector = decode_cursor(
            after, ORDER, int, str, str, int, int, int, int
        )
    except Invalid as error:
        raise Invalid(error.message, field=("after",)) from None
    if digest != asked:
        raise Invalid(
            "This cursor belongs to another search; begin anew without it.", field=("after",)
        )
    return _Place(rank, message_id, _Seen(Snapshot(next_number, chunks, terms), vector))


def _ranked(
    found: Mapping[str, Candidate], near: Mapping[str, Candidate], query: Query
) -> list[tuple[str, Fused]]:
    fused = fuse(_scores(found), _scores(near))
    if query.days:
        said = {each: (found.get(each) or near[each]).chunk.created_at.date() for each in fused}
        fused = with_days(fused, said, query.days)
    return sorted(fused.items(), key=lambda item: (-item[1].score, item[0]))


def _scores(side: Mapping[str, Candidate]) -> dict[str, float]:
    return {each: side[each].score for each in sorted(side)}


def _start(ranked: Sequence[tuple[str, Fused]], place: _Place | None) -> int:
    """Where the next page begins: behind the hit the last one ended with, or, where that is gone,
    where it stood."""
    if place is None:
        return 0
    ids = [message_id for message_id, _ in ranked]
    if place.message_id in ids:
        return ids.index(place.message_id) + 1
    return max(place.rank - 1, 0)


async def _messages(unit: ReadUnit, ids: Sequence[str]) -> dict[str, MessageRecord]:
    rows = await unit.messages.list_by_ids(ids) if ids else []
    return {row.id: row for row in rows}
