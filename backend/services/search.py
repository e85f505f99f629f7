"""Search over everything the viewer ever stored: ranked messages, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import NamedTuple

import anyio.to_thread

from backend import limits
from backend.errors import Invalid
from backend.ids import parse_id
from backend.repositories.pages import Page, decode_cursor, encode_cursor, page_size
from backend.repositories.records import MessageRecord
from backend.repositories.store import ReadUnit, Store
from backend.retrieval.fusion import Fused, fuse, with_days
from backend.retrieval.queries import Query, parse_query
from backend.retrieval.snippets import snippet
from backend.security.viewer import Viewer
from backend.services.drafts import ROLES
from backend.services.lexical import Candidate, LexicalSearch, SearchFilter, Snapshot
from backend.services.semantic import Asked, SearchMode, SemanticService
from backend.utils.text_processor import normalise

ORDER = "s"
SCOPED_CONVERSATIONS = 200
"""Conversations that one search may name."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that was found.

    ``highlights`` are ranges of ``snippet`` in characters; ``score`` is comparable within one
    search alone; the ranks count from 1, None on a side the message was not found by.
    """

    message: MessageRecord
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    score: float
    lexical_rank: int | None
    semantic_rank: int | None
    cursor: str


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
        digest = _digest(query, mode, chosen)
        place = None if after is None else _place(after, digest)
        parsed = parse_query(query)
        # Before a connection is held: another machine may be asked.
        asked = await self._semantic.asked(mode, parsed.text)
        mode = "lexical" if asked is None else mode
        if parsed.is_empty:
            return HitPage([], has_next=False, has_previous=place is not None, mode=mode)
        async with self._store.read(viewer, long=True) as unit:
            search = LexicalSearch(unit, parsed, chosen)
            await search.load(place.seen.snapshot if place else None)
            found = await search.candidates() if mode != "semantic" else {}
            near, vector = await self._near(unit, search, asked, place)
            ranked = _ranked(found, near, parsed)
            start = _start(ranked, place)
            page = ranked[start : start + size]
            rows = await _messages(unit, [message_id for message_id, _ in page])
        seen = _Seen(search.snapshot, vector)
        hits = await anyio.to_thread.run_sync(
            _hits, parsed, {**near, **found}, page, rows, start, seen, digest
        )
        more = start + size < len(ranked)
        return HitPage(hits, has_next=more, has_previous=start > 0, mode=mode)

    async def _near(
        self, unit: ReadUnit, search: LexicalSearch, asked: Asked | None, place: _Place | None
    ) -> tuple[dict[str, Candidate], int]:
        """What is near in meaning, and the newest vector that was looked at."""
        if asked is None:
            return {}, place.seen.vector if place else 0
        upto = place.seen.vector if place else None
        return await self._semantic.candidates(unit, search, asked, upto)


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


def _hits(
    query: Query,
    found: Mapping[str, Candidate],
    page: Sequence[tuple[str, Fused]],
    rows: Mapping[str, MessageRecord],
    start: int,
    seen: _Seen,
    asked: str,
) -> list[SearchHit]:
    sums = (*astuple(seen.snapshot), seen.vector)
    hits = []
    for rank, (message_id, fused) in enumerate(page, start + 1):
        message = rows.get(message_id)
        if message is None:
            continue  # It was deleted while this was read.
        chunk = found[message_id].chunk
        shown = snippet(message.content[chunk.start : chunk.end], query.terms)
        cursor = encode_cursor(ORDER, rank, message_id, asked, *sums)
        hits.append(
            SearchHit(
                message,
                shown.text,
                shown.highlights,
                fused.score,
                fused.lexical_rank,
                fused.semantic_rank,
                cursor,
            )
        )
    return hits
