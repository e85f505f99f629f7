"""A task that makes vectors as long as the server runs, and tells how far it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from backend.errors import EmbedderUnavailable as Unavailable
from backend.repositories.embedding_queue import Waiting
from backend.repositories.store import WriteUnit
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.services.embedding import EmbeddingWork
from backend.services.embedding_models import EmbeddingModels
from backend.tasks import stop

logger = logging.getLogger("conversa.embedding")

GATHERED = 0.2
"""Seconds between what wakes the task and its look at the queue: the write is to be committed, and
what comes one after the other costs less together."""

IDLE_SECONDS = 2.0
"""Between looks for what other processes queued."""

SWEEP_SECONDS = 30.0
LONGEST_PAUSE = 60.0

State = Literal["starting", "ready", "changing", "unavailable", "refused"]


class EmbeddingLag(NamedTuple):
    """How far vectors are behind: of which model, chunks that wait, those that it refused.

    ``state`` is starting until all that is stored is queued, changing while another model serves,
    unavailable or refused while the model cannot be asked or answers nothing of use.
    """

    model: str | None
    state: State
    waiting: int
    refused: int


class EmbeddingKeeper:
    """Works off the queue: in the background of a server, or to its end for a command."""

    def __init__(self, work: EmbeddingWork, models: EmbeddingModels) -> None:
        self._work = work
        self.models = models
        self._task: asyncio.Task[None] | None = None
        self._model: tuple[int, str] | None = None
        self._next_sweep = 0.0
        self._cleared = False
        self._state: State = "starting"
        self.wake = asyncio.Event()

    async def queue(self, unit: WriteUnit, first: int, count: int) -> None:
        """Queues new chunks in the write that stores them."""
        await unit.embeddings.ask(first, count)
        self.wake.set()

    def start(self) -> None:
        """Begins, where an embedder is configured."""
        if self.models.is_configured:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends."""
        await stop(self._task)
        await self.models.close()

    async def lag(self) -> EmbeddingLag | None:
        """How far it is; None where no embedder is configured."""
        return await self._lag() if self.models.is_configured else None

    async def _lag(self) -> EmbeddingLag:
        if self._model is None:
            return EmbeddingLag(None, self._state, 0, 0)
        model_id, name = self._model
        waiting = (await self._work.waiting()).get(model_id, Waiting(0, 0))
        return EmbeddingLag(name, self._state, waiting.chunks - waiting.refused, waiting.refused)

    async def finish(self, told: Callable[[int, int], None]) -> EmbeddingLag:
        """Works until nothing waits, together with whoever else does; ``told`` is given how many
        chunks are done and how many there are. Raises EmbedderUnavailable of ``backend.errors``."""
        done = 0
        while True:
            try:
                done += (taken := await self._round())
            except (EmbedderUnavailable, EmbedderRejected) as error:
                raise Unavailable(f"The embedder cannot be used: {error}.") from None
            lag = await self._lag()
            told(done, done + lag.waiting)
            if not taken and not lag.waiting and lag.state == "ready":
                return lag
            if not taken:
                await asyncio.sleep(0.2)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                taken = await self._round()
                failures = 0
            except Exception as error:
                failures += 1
                self._note(error, failures)
                await asyncio.sleep(min(2.0**failures, LONGEST_PAUSE))
                continue
            if not taken:
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self.wake.wait()
                self.wake.clear()
                await asyncio.sleep(GATHERED)

    async def _round(self) -> int:
        """Embeds a batch for each model; how many chunks that was."""
        models = await self._work.current()
        target = models[0]
        self._model = (target.id, target.record.name)
        if not self._cleared:
            self._cleared = True
            await self._work.clear()
        if time.monotonic() >= self._next_sweep:
            for model in models:
                await self._work.sweep(model)
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
        taken = 0
        for model in models:
            taken += await self._work.step(model)
        if not taken and await self._work.switch(target):
            await self._work.clear()
            self._state = "ready"
        else:
            self._state = "ready" if target.record.serving else "changing"
        return taken

    def _note(self, error: Exception, failures: int) -> None:
        self._state = "refused" if isinstance(error, EmbedderRejected) else "unavailable"
        known = isinstance(error, EmbedderRejected | EmbedderUnavailable)
        if failures == 1 or not known:
            reason = str(error) if known else type(error).__name__
            logger.warning("messages get no vectors for now: %s", reason)
