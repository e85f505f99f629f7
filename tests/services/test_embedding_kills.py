"""A server that is killed over and over while it embeds leaves nothing out and nothing double."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.security.viewer import Viewer
from backend.services.embedding import BATCH
from tests.support.conversations import message_draft, stored_conversation
from tests.support.embedding import count_rows, embed_all, embedding_services, list_problems
from tests.support.embedding_server import EmbeddingServer
from tests.support.servers import Server

KILLS = int(os.environ.get("CONVERSA_TEST_KILLS", "1"))
MESSAGES = 100 * (KILLS + 2)
PATIENCE = 60.0


@pytest.mark.slow
@pytest.mark.timeout(240 + 20 * KILLS)
async def test_killed_while_it_embeds(
    settings: Settings, viewer: Viewer, endpoint: EmbeddingServer, tmp_path: Path
) -> None:
    texts = [f"number {n} of all" for n in range(MESSAGES)]
    async with embedding_services(settings, {}) as services:
        chat = await stored_conversation(services, viewer)
        for start in range(0, MESSAGES, 200):
            drafts = [message_draft(text) for text in texts[start : start + 200]]
            await services.messages.add(viewer, chat.id, drafts)
    server = Server(settings.database_url, tmp_path / "log", **_environment(endpoint.settings()))
    for kill in range(KILLS):
        # In the middle of a batch: the one in which so many are passed waits for its answer.
        endpoint.answer((kill + 1) * 80)
        await server.start()
        await _asked(endpoint, (kill + 1) * 80)
        server.kill()
    endpoint.answer(None)
    async with embedding_services(settings, endpoint.settings()) as services:
        embedded = await count_rows(services, "chunk_vectors")
        assert 0 < embedded < MESSAGES
        lag = await embed_all(services)
        assert (lag.waiting, lag.refused) == (0, 0)
        assert await count_rows(services, "chunk_vectors") == MESSAGES
        assert await list_problems(services) == []
    counts = [endpoint.said(text) for text in texts]
    assert min(counts) == 1
    # A batch whose answer was on its way, or not committed yet, is asked for again; no other is.
    assert sum(counts) - MESSAGES <= KILLS * BATCH


async def _asked(endpoint: EmbeddingServer, texts: int) -> None:
    """Returns once it was asked for more than so many."""
    async with asyncio.timeout(PATIENCE):
        while sum(endpoint.asked.values()) <= texts:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.005)


def _environment(values: dict[str, Any]) -> dict[str, str]:
    return {name.upper(): str(value) for name, value in values.items()}
