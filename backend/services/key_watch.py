"""Notices that a key was revoked while a connection that rests on it is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.repositories.api_keys import unrevoked_keys
from backend.repositories.store import Store
from backend.tasks import stop

logger = logging.getLogger("conversa.keys")


class KeyWatch:
    """Looks every ``seconds``, with one statement for all connections, while there are any."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._ends: dict[str, list[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def held(self, key_id: str, end: Callable[[], None]) -> Iterator[None]:
        """While the block lasts: ``end`` is called once the key is revoked or gone."""
        ends = self._ends.setdefault(key_id, [])
        ends.append(end)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            ends.remove(end)
            if not ends:
                self._ends.pop(key_id, None)

    async def close(self) -> None:
        """Looks no more."""
        await stop(self._task)

    async def _run(self) -> None:
        while self._ends:
            await asyncio.sleep(self._seconds)
            try:
                await self._look()
            except Exception as error:
                logger.warning("revoked keys cannot be looked for: %s", type(error).__name__)

    async def _look(self) -> None:
        ids = list(self._ends)
        async with self._store.database.read() as connection:
            good = await unrevoked_keys(connection, ids)
        for key_id in ids:
            if key_id not in good:
                for end in tuple(self._ends.get(key_id, ())):
                    end()
