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
from backend.retrieval.vectors import RESCORED, Vector, VectorSet, from_bytes, ranked
from backend.security.viewer import Viewer
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

FEW = 200
"""Vectors looked for first: mostly there are only those that were just made."""

SOME = 20
"""So many are taken in faster than a thread is asked to."""

PLACED = 128
"""Of the nearest chunks, so many are looked up at once."""

MOST_NEAREST = 64_000
QUERIES = 256
"""Vectors of queries that are kept: pages of one search ask for the same."""

CACHE_BYTES = 256 * 2**20
"""Memory for the codes and vectors of all owners. Vectors that do not fit are fetched for each
search; codes are read again."""


class Meant(NamedTuple):
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
        self._store = store
        self._models = models
        self._queries: OrderedDict[tuple[int, str], Vector] = OrderedDict()
        self._owned: OrderedDict[tuple[int, int], _Owned] = OrderedDict()

    async def meant(self, mode: SearchMode, text: str) -> Meant | None:
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
            return await self._meant(text)
        except (EmbedderUnavailable, EmbedderRejected, TimeoutError) as error:
            if mode == "hybrid":
                reason = str(error) or "no answer in time"
                logger.warning("a search goes by words alone: %s", reason)
                return None
            raise Unavailable(
                "The embedder cannot be asked now; search by words instead."
            ) from None

    async def near(self, viewer: Viewer, meant: Meant | None, upto: int | None) -> Near | None:
        """What to look for the nearest in: the viewer's vectors, those up to one of which the id is
        given or all there are now; None where nothing is meant."""
        if meant is None:
            return None
        codes = await self._fresh(viewer, meant.model)
        return Near(meant, codes, codes.last if upto is None else upto)

    async def _meant(self, text: str) -> Meant:
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
        self._queries.move_to_end(key)
        return Meant(model, vector)

    async def _fresh(self, viewer: Viewer, model: Model) -> VectorSet:
        """The viewer's codes, with those of the vectors that are new."""
        key = (await self._store.find_owner(viewer), model.id)
        owned = self._owned.get(key)
        if owned is None:
            owned = self._owned[key] = _Owned(model.centre)
        self._owned.move_to_end(key)
        async with owned.reading:
            count = FEW
            while await self._read_more(viewer, model, owned.codes, count) == count:
                count = LOADED
        self._forget()
        return owned.codes

    async def _read_more(self, viewer: Viewer, model: Model, codes: VectorSet, count: int) -> int:
        async with self._store.read(viewer, long=count > FEW) as unit:
            rows = await unit.embeddings.after(model.id, codes.last, count)
        if len(rows) > SOME:
            await anyio.to_thread.run_sync(_add, codes, model, rows)
        elif rows:
            _add(codes, model, rows)
        return len(rows)

    def _forget(self) -> None:
        """Lets go of what is more than the memory for it: of whom nobody asks for longest first,
        and of the vectors before the codes."""
        used = sum(each.codes.size for each in self._owned.values())
        for owned in list(self._owned.values()):
            if used > CACHE_BYTES and owned.codes.is_whole:
                used -= owned.codes.size
                owned.codes.let_go()
                used += owned.codes.size
        while used > CACHE_BYTES and len(self._owned) > 1:
            used -= self._owned.popitem(last=False)[1].codes.size


class Near:
    """What means about the same as one query, among one owner's vectors."""

    def __init__(self, meant: Meant, codes: VectorSet, upto: int) -> None:
        self._meant = meant
        self._codes = codes
        self.upto = upto

    async def candidates(self, unit: ReadUnit, search: LexicalSearch) -> dict[str, Candidate]:
        """The messages nearest in meaning by id, in no order, as many as are ranked."""
        within, outside = await unit.compute(_scope, search)
        nearest = partial(self._codes.nearest, outside=outside, upto=self.upto)
        limit = RESCORED
        while True:
            found = await unit.compute(nearest, self._meant.vector, limit, within)
            numbers, vectors = found
            if vectors is None:
                numbers, vectors = await self._stored(unit, numbers)
            ordered = await unit.compute(ranked, self._meant.vector, numbers, vectors)
            kept, gone = await _placed(unit, search, ordered)
            gone |= set(found.numbers).difference(numbers)
            if gone:
                self._codes.drop(sorted(gone))
            if len(kept) >= DEPTH or len(found.numbers) < limit or limit >= MOST_NEAREST:
                return kept
            limit *= 4

    async def _stored(self, unit: ReadUnit, numbers: Sequence[int]) -> tuple[list[int], Vector]:
        """Those of the chunks that still are there, with their vectors."""
        model = self._meant.model
        rows = await unit.embeddings.of(model.id, numbers) if numbers else []
        vectors = from_bytes([row.vector for row in rows], model.record.dimensions)
        return [row.number for row in rows], vectors


def _scope(search: LexicalSearch) -> tuple[Numbers | None, Numbers | None]:
    """The chunks that may be found, None for all, and those that may not."""
    within = search.within()
    return reduce(np.intersect1d, within) if within else None, search.outside()


def _add(codes: VectorSet, model: Model, rows: Sequence[StoredVector]) -> None:
    vectors = from_bytes([row.vector for row in rows], model.record.dimensions)
    codes.add([row.number for row in rows], vectors, [row.id for row in rows])


async def _placed(
    unit: ReadUnit, search: LexicalSearch, ranked: Sequence[tuple[float, int]]
) -> tuple[dict[str, Candidate], set[int]]:
    """The best messages of these chunks that are what is asked for, each with its best chunk; and
    chunks that are gone."""
    kept: dict[str, Candidate] = {}
    gone: set[int] = set()
    for start in range(0, len(ranked), PLACED):
        cosines = {number: cosine for cosine, number in ranked[start : start + PLACED]}
        found = await unit.search.chunks(list(cosines), whole=search.asks_messages)
        chunks = {chunk.number: chunk for chunk in found}
        gone |= cosines.keys() - chunks.keys()
        best: dict[str, Candidate] = {}
        for number, cosine in cosines.items():
            chunk = chunks.get(number)
            if chunk and number < search.snapshot.next_number and chunk.message_id not in kept:
                best.setdefault(chunk.message_id, Candidate(cosine, chunk))
        kept |= await search.kept(best)
        if len(kept) >= DEPTH:
            break
    return kept, gone
