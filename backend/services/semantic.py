"""Semantic candidates of one search: what means about the same as the query."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Literal, NamedTuple

import anyio.to_thread

from backend.errors import EmbedderUnavailable as Unavailable
from backend.errors import NoEmbedder
from backend.lazy import Lazy
from backend.repositories.embeddings import StoredVector
from backend.repositories.store import ReadUnit, Store
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.retrieval.fusion import DEPTH
from backend.retrieval.ranking import Numbers
from backend.retrieval.vectors import RESCORED, Vector, VectorSet, from_bytes, similarities
from backend.services.embedders import QUERY_SECONDS
from backend.services.embedding_models import EmbeddingModels, Model
from backend.services.lexical import Candidate, LexicalSearch

if TYPE_CHECKING:
    import numpy as np
else:
    np = Lazy("numpy")

logger = logging.getLogger("conversa.search")

SearchMode = Literal["lexical", "semantic", "hybrid"]
LOADED = 5000
"""Vectors read at once."""

PLACED = 200
"""Of the nearest chunks, so many are looked up at once."""

MOST_NEAREST = 64_000
QUERIES = 256
"""Vectors of queries that are kept: pages of one search ask for the same."""

CACHE_BYTES = 256 * 2**20
"""Memory for the codes of all owners; those not searched for longest are read again."""


class Asked(NamedTuple):
    """A query as a vector, and the model whose vectors it can be compared with."""

    model: Model
    vector: Vector


class _Owned:
    """One owner's codes, and who is reading more of them."""

    def __init__(self, centre: Vector) -> None:
        self.codes = VectorSet(centre)
        self.reading = asyncio.Lock()


class SemanticService:
    """Finds by meaning, where there is an embedder."""

    def __init__(self, store: Store, models: EmbeddingModels) -> None:
        self._models = models
        self._queries: OrderedDict[tuple[int, str], Vector] = OrderedDict()
        self._owned: OrderedDict[tuple[int, int], _Owned] = OrderedDict()

    async def asked(self, mode: SearchMode, text: str) -> Asked | None:
        """What to compare with; None where a search goes by words alone, because it wants to or
        there is nothing else. Raises NoEmbedder and EmbedderUnavailable where meaning is all that
        is asked for."""
        if mode == "lexical":
            return None
        if not self._models.is_configured:
            if mode == "hybrid":
                return None
            raise NoEmbedder("Search by meaning needs an embedder, and none is configured.")
        try:
            return await self._asked(text)
        except (EmbedderUnavailable, EmbedderRejected, TimeoutError) as error:
            if mode == "hybrid":
                reason = str(error) or "no answer in time"
                logger.warning("a search goes by words alone: %s", reason)
                return None
            raise Unavailable(
                "The embedder cannot be asked now; search by words instead."
            ) from None

    async def candidates(
        self, unit: ReadUnit, search: LexicalSearch, asked: Asked, upto: int | None
    ) -> tuple[dict[str, Candidate], int]:
        """The messages nearest in meaning by id, in no order, as many as are ranked, and the id of
        the newest vector that was considered: ``upto``, or the newest there is."""
        codes = await self._fresh(unit, asked.model)
        upto = codes.last if upto is None else upto
        within, outside = await anyio.to_thread.run_sync(_scope, search)
        limit = RESCORED
        while True:
            nearest = partial(codes.nearest, asked.vector, limit, within)
            numbers = await anyio.to_thread.run_sync(partial(nearest, outside=outside, upto=upto))
            ranked = await self._compared(unit, asked, numbers)
            if len(ranked) < len(numbers):
                codes.drop(sorted(set(numbers).difference(number for _, number in ranked)))
            kept = await _placed(unit, search, ranked)
            if len(kept) >= DEPTH or len(numbers) < limit or limit >= MOST_NEAREST:
                return kept, upto
            limit *= 4

    async def _asked(self, text: str) -> Asked:
        model = await self._models.serving()
        if model is None:
            raise EmbedderUnavailable("there are no vectors yet")
        key = (model.id, text)
        vector = self._queries.get(key)
        if vector is None:
            async with asyncio.timeout(QUERY_SECONDS):
                vector = await model.opened.queries.embed_query(text)
            self._queries[key] = vector
            if len(self._queries) > QUERIES:
                self._queries.popitem(last=False)
        return Asked(model, vector)

    async def _fresh(self, unit: ReadUnit, model: Model) -> VectorSet:
        """The owner's codes, with those of the vectors that are new."""
        key = (unit.owner_id, model.id)
        owned = self._owned.get(key)
        if owned is None:
            owned = self._owned[key] = _Owned(model.centre)
        self._owned.move_to_end(key)
        async with owned.reading:
            full = True
            while full:
                rows = await unit.embeddings.after(model.id, owned.codes.last, LOADED)
                if rows:
                    await anyio.to_thread.run_sync(_add, owned.codes, model, rows)
                full = len(rows) == LOADED
        while sum(each.codes.size for each in self._owned.values()) > CACHE_BYTES:
            if len(self._owned) == 1:
                break
            self._owned.popitem(last=False)
        return owned.codes

    async def _compared(
        self, unit: ReadUnit, asked: Asked, numbers: Sequence[int]
    ) -> list[tuple[float, int]]:
        """Cosine and number of those that still are there, nearest first."""
        if not numbers:
            return []
        rows = await unit.embeddings.of(asked.model.id, numbers)
        return await anyio.to_thread.run_sync(_compare, asked, rows)


def _scope(search: LexicalSearch) -> tuple[Numbers | None, Numbers | None]:
    """The chunks that may be found, None for all, and those that may not."""
    within = search.within()
    return reduce(np.intersect1d, within) if within else None, search.outside()


def _add(codes: VectorSet, model: Model, rows: Sequence[StoredVector]) -> None:
    vectors = from_bytes([row.vector for row in rows], model.record.dimensions)
    codes.add([row.number for row in rows], vectors, [row.id for row in rows])


def _compare(asked: Asked, rows: Sequence[StoredVector]) -> list[tuple[float, int]]:
    vectors = from_bytes([row.vector for row in rows], asked.model.record.dimensions)
    cosines = similarities(asked.vector, vectors)
    numbers = [row.number for row in rows]
    return sorted(zip(cosines, numbers, strict=True), key=lambda each: (-each[0], each[1]))


async def _placed(
    unit: ReadUnit, search: LexicalSearch, ranked: Sequence[tuple[float, int]]
) -> dict[str, Candidate]:
    """The best messages of these chunks that are what is asked for, each with its best chunk."""
    kept: dict[str, Candidate] = {}
    for start in range(0, len(ranked), PLACED):
        cosines = {number: cosine for cosine, number in ranked[start : start + PLACED]}
        chunks = {chunk.number: chunk for chunk in await unit.search.chunks(list(cosines))}
        best: dict[str, Candidate] = {}
        for number, cosine in cosines.items():
            chunk = chunks.get(number)
            if chunk and number < search.snapshot.next_number and chunk.message_id not in kept:
                best.setdefault(chunk.message_id, Candidate(cosine, chunk))
        kept |= await search.kept(best)
        if len(kept) >= DEPTH:
            break
    return kept
