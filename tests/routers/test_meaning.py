"""A running application makes vectors by itself and finds by them, over REST and GraphQL."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from backend.config import Settings
from backend.services import embedders
from tests.support.apps import Json, ask, client_of, running_app
from tests.support.embedding_server import embedding_server

FIND = '{ search(query: "car", mode: %s) { mode nodes { semanticRank message { content } } } }'
PATIENCE = 60.0


async def embedded(client: httpx.AsyncClient) -> Json:
    """How it is once nothing waits for a vector."""
    async with asyncio.timeout(PATIENCE):
        while True:
            lag: Json = (await client.get("/healthz")).json()["embedding"]
            if lag["state"] == "ready" and not lag["waiting"]:
                return lag
            await asyncio.sleep(0.05)


async def test_what_is_written_is_found_by_its_meaning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedders, "QUERY_SECONDS", PATIENCE)
    with embedding_server() as endpoint:
        chosen = settings.model_copy(update=endpoint.settings())
        async with running_app(chosen) as app, client_of(app) as client:
            await embedded(client)
            chat = (await client.post("/api/chats", json={"title": "Cars"})).json()["id"]
            said = {"role": "user", "content": "my new automobile"}
            await client.post(f"/api/chats/{chat}/messages", json=said)
            lag = await embedded(client)
            by_rest = await client.get("/api/search", params={"query": "car", "mode": "semantic"})
            by_graphql = await ask(client, FIND % "HYBRID")
            endpoint.down = True
            down = await client.get("/api/search", params={"query": "boat", "mode": "semantic"})
    assert lag["model"].startswith("words/256/")
    [hit] = by_rest.json()["items"]
    assert (hit["message"]["content"], hit["semantic_rank"]) == ("my new automobile", 1)
    assert by_graphql["data"]["search"] == {
        "mode": "HYBRID",
        "nodes": [{"semanticRank": 1, "message": {"content": "my new automobile"}}],
    }
    assert (down.status_code, down.json()["code"]) == (503, "EMBEDDER_UNAVAILABLE")
