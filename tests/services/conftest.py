"""Fixtures of the tests of services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.services import embedders, semantic
from tests.support.embedding_server import EmbeddingServer, embedding_server


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    """A server of embeddings, to which an automobile is a car. However long it takes to answer, a
    search waits for it."""
    for module in (embedders, semantic):
        monkeypatch.setattr(module, "QUERY_SECONDS", 60.0)
    with embedding_server() as server:
        yield server
