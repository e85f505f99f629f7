"""Fixtures of the tests of services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.embedding_server import EmbeddingServer, embedding_server


@pytest.fixture
def endpoint() -> Iterator[EmbeddingServer]:
    """A server of embeddings, to which an automobile is a car."""
    with embedding_server() as server:
        yield server
