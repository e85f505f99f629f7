"""Making vectors of what is stored: after its commit, in batches, off the queue in the database.

Several processes may work at once. Each takes chunks under a lease that it keeps renewing; the
lease of one that was killed ends within seconds, and others take its chunks. So every chunk gets a
vector, and one vector; a text is given to the model twice only where a process ended between asking
for a batch and storing it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from backend.repositories.embedding_models import lock_model
from backend.repositories.embedding_queue import (
    Place,
    Waiting,
    anything_due,
    count_waiting,
    forget_places,
    lease,
    postpone,
    renew,
)
from backend.repositories.embeddings import ChunkText, EmbeddingRepository, NewVector
from backend.repositories.search_owners import list_indexes
from backend.repositories.store import Store
from backend.retrieval.documents import passage
from backend.retrieval.embedder import EmbedderRejected
from backend.retrieval.vectors import to_bytes
from backend.services.embedding_models import EmbeddingModels, Model
from backend.tasks import stop
from backend.utils.recalled import without_recalled

logger = logging.getLogger("conversa.embedding")

BATCH = 32
"""Chunks leased, embedded and committed at once: what a killed process loses at most."""

LEASE = timedelta(seconds=15)
RENEWED = 5.0
"""Seconds between renewals of a lease."""

FIRST_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(days=1)
"""How long a chunk that the model refused waits for its next turn."""

SWEPT = 5000
"""Chunks looked at in one statement."""

FORGOTTEN = 1000
PROBE = passage("Is anybody there?", speaker=None, role="user")


class _Text(NamedTuple):
    """A leased chunk with the text the model is given."""

    place: Place
    text: str
    hash: bytes


def passage_of(chunk: ChunkText) -> str:
    """A chunk as models are given it, without what was recalled for its message."""
    own = without_recalled(chunk.quoting)[chunk.start : chunk.end] if chunk.quoting else chunk.text
    return passage(own, speaker=chunk.name, role=chunk.role)


def text_hash(text: str) -> bytes:
    """What a vector knows its text by."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class EmbeddingWork:
    """Works on the chunks of all owners."""

    def __init__(self, store: Store, models: EmbeddingModels) -> None:
        self._store = store
        self._database = store.database
        self._models = models
        self._swept: dict[tuple[int, int], int] = {}

    async def current(self) -> list[Model]:
        """The models that chunks get vectors of: the configured one, and the one that serves until
        that is done. Raises EmbedderUnavailable and EmbedderRejected."""
        target = await self._models.target()
        serving = await self._models.serving()
        return [target, serving] if serving and serving.id != target.id else [target]

    async def sweep(self, model: Model) -> int:
        """Queues what was stored without being queued, before the model was known or by a process
        that did not know of it; how much that was."""
        async with self._database.read(long=True) as connection:
            indexes = await list_indexes(connection)
        found = 0
        for index in indexes:
            key = (index.owner_id, model.id)
            first = self._swept.get(key, 1)
            for start in range(first, index.next_number, SWEPT):
                end = min(start + SWEPT, index.next_number)
                found += await self._queue_missing(index.owner_id, model.id, start, end)
            self._swept[key] = index.next_number
        return found

    async def step(self, model: Model) -> int:
        """Embeds a batch; how many chunks it was. Raises EmbedderUnavailable where the model cannot
        be asked, and EmbedderRejected where it refuses everything; both give the batch back."""
        now = datetime.now(UTC)
        async with self._database.read() as connection:
            if not await anything_due(connection, model.id, now):
                return 0
        held = _Lease(self._store, model.id)
        async with self._database.write(short=True) as connection:
            places = await lease(connection, model.id, now, held.until, BATCH)
        async with held.kept():
            await self._embed(model, places)
        return len(places)

    async def switch(self, target: Model) -> bool:
        """Lets the configured model serve if every chunk has its vector; whether it does now."""
        if target.record.serving:
            return False
        waiting = (await self.waiting()).get(target.id, Waiting(0, 0))
        if waiting.chunks > waiting.refused or await self.sweep(target):
            return False
        await self._models.switch(target.record)
        return True

    async def waiting(self) -> dict[int, Waiting]:
        """How many chunks wait for each model."""
        async with self._database.read(long=True) as connection:
            return await count_waiting(connection)

    async def clear(self) -> None:
        """Deletes the vectors that nobody needs any more, and what waits for such, bit by bit."""
        for record in await self._models.unwanted():
            for owner_id in await self._owners():
                while await self._any(owner_id, record.id):
                    async with self._database.write() as connection:
                        repository = EmbeddingRepository(connection, owner_id)
                        await repository.forget(record.id, FORGOTTEN)
            while await self._forget_places(record.id):
                pass

    async def _queue_missing(self, owner_id: int, model_id: int, start: int, end: int) -> int:
        async with self._database.read(long=True) as connection:
            repository = EmbeddingRepository(connection, owner_id)
            missing = await repository.missing(model_id, start, end)
        if missing:
            async with self._database.write() as connection:
                await EmbeddingRepository(connection, owner_id).ask_missing(model_id, start, end)
        return missing

    async def _embed(self, model: Model, places: Sequence[Place]) -> None:
        texts = await self._texts(places)
        known = await self._known(model.id, texts)
        new = {each.hash: each.text for each in texts if (each.place[0], each.hash) not in known}
        made, refused = await self._vectors(model, new)
        found = defaultdict(list)
        for place, _, key in texts:
            vector = known.get((place.owner_id, key)) or made.get(key)
            if vector is not None:
                found[place.owner_id].append(NewVector(place.number, key, vector))
        async with self._database.write(short=True) as connection:
            await lock_model(connection, model.id)
            for owner_id, vectors in sorted(found.items()):
                await EmbeddingRepository(connection, owner_id).store(model.id, vectors)
            for place, _, key in texts:
                if key in refused:
                    pause = min(FIRST_PAUSE * 2 ** min(place.attempts, 10), LONGEST_PAUSE)
                    await postpone(connection, model.id, place, datetime.now(UTC) + pause)

    async def _texts(self, places: Sequence[Place]) -> list[_Text]:
        """What the chunks say; those deleted meanwhile say nothing."""
        by_owner: dict[int, dict[int, Place]] = defaultdict(dict)
        for place in places:
            by_owner[place.owner_id][place.number] = place
        texts = []
        async with self._database.read(long=True) as connection:
            for owner_id, chosen in by_owner.items():
                for chunk in await EmbeddingRepository(connection, owner_id).texts(list(chosen)):
                    text = passage_of(chunk)
                    texts.append(_Text(chosen[chunk.number], text, text_hash(text)))
        return texts

    async def _known(self, model_id: int, texts: Sequence[_Text]) -> dict[tuple[int, bytes], bytes]:
        """The vectors that an owner's equal texts have already, by owner and hash."""
        hashes = defaultdict(set)
        for text in texts:
            hashes[text.place.owner_id].add(text.hash)
        known = {}
        async with self._database.read(long=True) as connection:
            for owner_id, wanted in hashes.items():
                repository = EmbeddingRepository(connection, owner_id)
                for key, vector in (await repository.known(model_id, list(wanted))).items():
                    known[owner_id, key] = vector
        return known

    async def _vectors(
        self, model: Model, texts: dict[bytes, str]
    ) -> tuple[dict[bytes, bytes], set[bytes]]:
        """Vectors by hash, and the texts that the model refuses though it answers to others."""
        embedder = model.opened.passages
        if not texts:
            return {}, set()
        try:
            rows = await embedder.embed_passages(list(texts.values()))
            return dict(zip(texts, map(to_bytes, rows), strict=True)), set()
        except EmbedderRejected:
            await embedder.embed_passages([PROBE])
        made, refused = {}, set()
        for key, text in texts.items():
            try:
                made[key] = to_bytes((await embedder.embed_passages([text]))[0])
            except EmbedderRejected as error:
                logger.warning("a chunk gets no vector for now: %s", error)
                refused.add(key)
        return made, refused

    async def _any(self, owner_id: int, model_id: int) -> bool:
        async with self._database.read(long=True) as connection:
            return bool(await EmbeddingRepository(connection, owner_id).after(model_id, 0, 1))

    async def _forget_places(self, model_id: int) -> int:
        if model_id not in await self.waiting():
            return 0
        async with self._database.write() as connection:
            return await forget_places(connection, model_id, FORGOTTEN)

    async def _owners(self) -> list[int]:
        async with self._database.read(long=True) as connection:
            return [index.owner_id for index in await list_indexes(connection)]


class _Lease:
    """A batch that is ours until a moment that keeps moving."""

    def __init__(self, store: Store, model_id: int) -> None:
        self._database = store.database
        self._model_id = model_id
        self.until = datetime.now(UTC) + LEASE

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """A time in which it does not end; if that ends badly, the batch is anybody's."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        except BaseException:
            await stop(renewing)
            await self._move(datetime.now(UTC))
            raise
        await stop(renewing)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            try:
                await self._move(datetime.now(UTC) + LEASE)
            except Exception as error:
                logger.warning("a lease is not renewed: %s", type(error).__name__)

    async def _move(self, until: datetime) -> None:
        async with self._database.write(short=True) as connection:
            await renew(connection, self._model_id, self.until, until)
        self.until = until
