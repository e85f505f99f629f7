"""Which models there are, which of them searches go by, and the embedders that ask them.

The configured model is the one that everything shall have vectors of. Until it has, the one before
goes on serving, from where it was had when it was configured.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from backend.lazy import Lazy
from backend.repositories.embedding_models import (
    ModelRecord,
    insert_model,
    list_models,
    update_model,
)
from backend.repositories.store import Store
from backend.retrieval.embedder import EmbedderRejected
from backend.retrieval.vectors import Vector
from backend.services.embedders import (
    Opened,
    Source,
    configured_source,
    open_embedder,
    read_source,
)

if TYPE_CHECKING:
    import numpy as np
else:
    np = Lazy("numpy")

logger = logging.getLogger("conversa.embedding")

REFUSED_SECONDS = 30.0
"""How long a model that cannot be opened is left alone."""


class Model(NamedTuple):
    """A stored model with what asks it."""

    record: ModelRecord
    opened: Opened

    @property
    def id(self) -> int:
        """Its number in the database."""
        return self.record.id

    @property
    def centre(self) -> Vector:
        """Where its vectors lie."""
        return np.frombuffer(self.record.centre, "<f4").astype(np.float32)


class EmbeddingModels:
    """Opens each model once; knows which is configured and which serves."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._settings = store.database.settings
        self._source = configured_source(self._settings)
        self._opened: dict[Source, Opened] = {}
        self._refused: dict[Source, tuple[float, str]] = {}
        self._lock = asyncio.Lock()

    @property
    def is_configured(self) -> bool:
        """Whether there is to be an embedder at all."""
        return self._source is not None

    async def close(self) -> None:
        """Lets go of all of them."""
        for opened in self._opened.values():
            await opened.close()
        self._opened.clear()

    async def target(self) -> Model:
        """The configured model, which is stored where it was not.

        Raises EmbedderUnavailable and EmbedderRejected, as what it asks of the model does.
        """
        if self._source is None:
            raise EmbedderRejected("no embedder is configured")
        opened = await self._open(self._source)
        records = await self._records()
        record = next((each for each in records if each.name == opened.name), None)
        if record is None or not record.wanted or not any(each.serving for each in records):
            await self._register(opened, self._source, records)
            records = await self._records()
            record = next(each for each in records if each.name == opened.name)
        if record.dimensions != opened.passages.dimensions:
            raise EmbedderRejected(f"{record.name} had {record.dimensions} dimensions before")
        return Model(record, opened)

    async def serving(self) -> Model | None:
        """The model that searches go by; None where there is none yet, or it is not to be had."""
        if self._source is None:
            return None
        record = next((each for each in await self._records() if each.serving), None)
        if record is None:
            return None
        for source in dict.fromkeys((self._source, read_source(record.source))):
            try:
                opened = await self._open(source)
            except EmbedderRejected:
                continue
            if opened.name == record.name:
                return Model(record, opened)
        return None

    async def unwanted(self) -> list[ModelRecord]:
        """Models whose vectors nobody needs any more."""
        return [each for each in await self._records() if not each.wanted]

    async def switch(self, model: ModelRecord) -> None:
        """Makes searches go by this model, and drops the others."""
        async with self._database.write() as connection:
            for each in await list_models(connection):
                chosen = each.id == model.id
                if (each.serving, each.wanted) != (chosen, chosen):
                    await update_model(connection, each.id, serving=chosen, wanted=chosen)
        logger.info("searches go by %s now", model.name)

    async def _register(self, opened: Opened, source: Source, records: list[ModelRecord]) -> None:
        """Stores the model as wanted; it serves at once where no other can."""
        others = await self.serving() is not None
        centre = (await opened.find_centre()).astype("<f4").tobytes()
        size = opened.passages.dimensions
        new = ModelRecord(0, opened.name, size, source.written(), centre, False, True)
        async with self._database.write() as connection:
            await insert_model(connection, new)
            for each in await list_models(connection):
                chosen = each.name == opened.name
                serving = each.serving if others else chosen
                values = {"serving": serving, "wanted": chosen or serving}
                if (each.serving, each.wanted) != (serving, values["wanted"]):
                    await update_model(connection, each.id, **values)
                if chosen and each.source != new.source:
                    await update_model(connection, each.id, source=new.source)

    async def _records(self) -> list[ModelRecord]:
        async with self._database.read() as connection:
            return await list_models(connection)

    async def _open(self, source: Source) -> Opened:
        async with self._lock:
            if (opened := self._opened.get(source)) is not None:
                return opened
            until, reason = self._refused.get(source, (0.0, ""))
            if time.monotonic() < until:
                raise EmbedderRejected(reason)
            try:
                opened = await open_embedder(source, self._settings)
            except EmbedderRejected as error:
                self._refused[source] = (time.monotonic() + REFUSED_SECONDS, str(error))
                raise
            self._opened[source] = opened
            return opened
