"""Embedders as they are configured, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import Settings, load_settings
from backend.errors import ConfigurationError
from backend.services.embedders import (
    Source,
    check_embedder,
    configured_source,
    open_embedder,
    read_source,
)
from tests.support.embedding_server import embedding_server


def chosen(**values: object) -> Settings:
    """Settings, whatever the developer's own .env says."""
    return load_settings(env_file=None, **values)


def test_nothing_is_configured_by_default() -> None:
    assert configured_source(chosen()) is None
    check_embedder(chosen())


def test_a_source_is_stored_without_its_key() -> None:
    address = {"embedder": "https://host/v1", "embedder_model": "m", "embedder_dimensions": 8}
    source = configured_source(chosen(**address, embedder_key="secret-key"))
    assert source is not None
    assert "secret-key" not in source.written()
    assert read_source(source.written()) == source == Source("https://host/v1", "m", 8)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"embedder": "https://host/v1"}, "CONVERSA_EMBEDDER_MODEL"),
        (
            {"embedder": "https://host/v1", "embedder_model": "m"},
            "CONVERSA_EMBEDDER_DIMENSIONS",
        ),
        (
            {
                "embedder": "http://host/v1",
                "embedder_model": "m",
                "embedder_dimensions": 8,
                "embedder_key": "k",
            },
            "over https",
        ),
    ],
)
def test_an_address_without_what_it_needs_is_refused(values: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        chosen(**values)


def test_a_folder_without_a_model_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"CONVERSA_EMBEDDER: .* holds no model"):
        check_embedder(chosen(embedder=str(tmp_path)))


async def test_a_key_is_told_to_the_host_it_was_configured_with_alone() -> None:
    with embedding_server() as ours, embedding_server() as theirs:
        settings = chosen(**ours.settings(embedder_key="secret-key"))
        for server in (ours, theirs):
            opened = await open_embedder(Source(server.url, "words", 256), settings)
            await opened.queries.embed_query("car")
            await opened.close()
        assert ours.keys == {"Bearer secret-key"}
        assert theirs.keys == {None}
