"""A real server is told secrets wherever it takes anything, and its log has none of them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from backend.config import Settings
from backend.database.database import Database
from backend.ids import new_id
from backend.repositories.store import Store
from tests.support.apps import PEPPER, key_of, with_keys
from tests.support.servers import Server, running_servers

SECRET = "samovar7f3a"
TOKEN = "tok3n5ecret"
PATIENCE = 60


@pytest.fixture
async def key(settings: Settings) -> AsyncIterator[str]:
    """A key of an admin's in the server's database."""
    database = Database(with_keys(settings))
    yield await key_of(Store(database), "root", "admin")
    await database.close()


@pytest.fixture
async def server(settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that logs lines on one database, and objects on the other."""
    form = "json" if settings.database_url.startswith("postgres") else "plain"
    chosen = {"AUTH": "keys", "KEY_PEPPER": PEPPER, "LOG_LEVEL": "info", "LOG_FORMAT": form}
    async with running_servers(settings.database_url, tmp_path, 1, **chosen) as [server]:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_no_secret_is_logged(settings: Settings, server: Server, key: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as client:
        await tell_strangely(client)
        client.headers["Authorization"] = f"Bearer {key}"
        await tell_by_graphql(client)
        await tell_by_rest(client)
        await tell_by_socket(server, key)
        broken = await break_something(settings, client)
    server.stop()
    log = server.log_text()
    assert SECRET not in log
    assert TOKEN not in log
    assert key.rsplit("_", 1)[1] not in log
    assert PEPPER not in log
    tells_what_it_should(log, key.split("_")[1], broken)


async def tell_strangely(client: httpx.AsyncClient) -> None:
    """Secrets in credentials that are no good, and in places that are none."""
    for given in (f"Bearer {TOKEN}", f"Basic {TOKEN}", TOKEN, f"Bearer cvk_{'0' * 16}_{'5' * 64}"):
        headers = {"Authorization": given, "Cookie": TOKEN, "X-Conversa-Owner": TOKEN}
        await client.get(f"/api/chats/{SECRET}", params={"q": SECRET}, headers=headers)
        await client.post("/graphql", json={"query": f"{{ {SECRET} }}"}, headers=headers)
    await client.get(f"/{SECRET}", params={SECRET: SECRET}, headers={"User-Agent": TOKEN})
    await client.get(f"/static/{SECRET}", headers={"Host": SECRET, "X-Request-Id": f"{TOKEN} no"})


async def tell_by_graphql(client: httpx.AsyncClient) -> None:
    """Secrets in documents, variables, names that do not hold, and bodies that are no requests."""
    make = (
        "mutation Make($input: CreateConversationInput!) "
        "{ createConversation(input: $input) { conversation { id title } userErrors { message } } }"
    )
    said = [{"role": "USER", "content": SECRET}]
    chat = {"title": SECRET, "tags": [SECRET], "metadata": {SECRET: SECRET}, "messages": said}
    answer = await client.post("/graphql", json={"query": make, "variables": {"input": chat}})
    assert answer.json()["data"]["createConversation"]["conversation"]["title"] == SECRET
    for body in (
        {"query": f'{{ search(query: "{SECRET}") {{ nodes {{ snippet }} }} }}'},
        {"query": f'{{ node(id: "{SECRET}") {{ id }} }}'},
        {"query": f"query Q {{ {SECRET} }}"},
        {"query": f"{{ {SECRET}"},
        {"query": "query Q { viewer { name } }", "operationName": SECRET},
        {"query": make, "variables": {"input": {"title": 42, SECRET: SECRET}}},
        {"query": make, "variables": {"input": {"title": SECRET * 100}}},
        {"query": "{ viewer { name } }", "extensions": {SECRET: SECRET}},
    ):
        await client.post("/graphql", json=body)
        await client.get("/graphql", params={"query": str(body["query"])})
    for raw in (b"{" + SECRET.encode(), SECRET.encode() * 10, b"\xff" + SECRET.encode()):
        await client.post("/graphql", content=raw, headers={"Content-Type": "application/json"})
    acting = {"X-Conversa-Owner": "ana"}
    await client.post(
        "/graphql", json={"query": make, "variables": {"input": chat}}, headers=acting
    )


async def tell_by_rest(client: httpx.AsyncClient) -> None:
    """Secrets in paths, queries, bodies, headers and files."""
    made = await client.post("/api/chats", json={"title": SECRET, "messages": []})
    chat = f"/api/chats/{made.json()['id']}"
    message = await client.post(f"{chat}/messages", json={"role": "user", "content": SECRET})
    place = f"{chat}/messages/{message.json()['id']}"
    await client.put(f"{place}/feedback", json={"rating": 1, "comment": SECRET, "tags": [SECRET]})
    await client.get("/api/chats", params={"title_contains": SECRET, "tags": SECRET})
    await client.get("/api/search", params={"query": SECRET})
    await client.get("/api/chats", params={SECRET: SECRET, "after": SECRET})
    await client.get(f"/api/chats/{SECRET}/messages", headers={"If-None-Match": SECRET})
    await client.patch(chat, json={SECRET: SECRET}, headers={"If-Match": SECRET})
    for content in (b'[{"role": "user", "content": "' + SECRET.encode(), SECRET.encode()):
        file = {"file": (f"{SECRET}.json", content)}
        await client.post("/api/import", files=file)
        await client.post(
            "/api/import", content=content, headers={"Content-Type": "application/json"}
        )
    await client.get("/api/export")


async def tell_by_socket(server: Server, key: str) -> None:
    """Secrets in greetings, frames and operations."""
    protocol = [Subprotocol("graphql-transport-ws")]
    url = f"{server.socket_url}?{TOKEN}={SECRET}"
    async with connect(url, subprotocols=protocol, open_timeout=PATIENCE) as line:
        await line.send(
            json.dumps({"type": "connection_init", "payload": {"authorization": TOKEN}})
        )
        with pytest.raises(ConnectionClosed):
            await line.recv()
    async with connect(url, subprotocols=protocol, open_timeout=PATIENCE) as line:
        payload = {"authorization": f"Bearer {key}"}
        await line.send(json.dumps({"type": "connection_init", "payload": payload}))
        await line.recv()
        for frame in (SECRET, f'["{SECRET}"]', json.dumps({"type": SECRET})):
            await line.send(frame)
        for query in (f"{{ {SECRET} }}", f"{{ {SECRET}", "query Named { viewer { name } }"):
            sent = {"id": SECRET, "type": "subscribe", "payload": {"query": query}}
            await line.send(json.dumps(sent))
            while json.loads(await line.recv())["type"] == "next":
                pass


async def break_something(settings: Settings, client: httpx.AsyncClient) -> str:
    """Has the server fail with a secret in its hands; returns what it calls the failure."""
    made = await client.post("/api/chats", json={"id": new_id()})
    chat = f"/api/chats/{made.json()['id']}"
    message = await client.post(f"{chat}/messages", json={"role": "user", "content": SECRET})
    database = Database(settings)
    async with database.write() as connection:
        await connection.execute(text("DROP TABLE message_feedback"))
    await database.close()
    place = f"{chat}/messages/{message.json()['id']}/feedback"
    failed = await client.put(place, json={"rating": 1, "comment": SECRET, "tags": [SECRET]})
    assert failed.status_code == 500
    return str(failed.json()["id"])


def tells_what_it_should(log: str, key_id: str, broken: str) -> None:
    """That the log is silent of secrets because it knows to, not because it says nothing."""
    if log.lstrip().count('"logger"'):
        told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    else:
        told = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in log.splitlines()]
    assert_has(told, path="/graphql", status=200, operation="Make", key=key_id)
    assert_has(told, path="/graphql", status=401)
    assert_has(told, path="/api/chats/{chat_id}", method="PATCH", status=400)
    assert_has(told, path="-", status=401)
    assert_has(told, outcome="complete", operation="Named")
    assert_has(told, admin="root", owner="ana")
    assert f"unexpected error {broken}" in log
    assert "message_feedback" in log or "feedback.py" in log
    ids = [each["request_id"] for each in told if each.get("path")]
    assert len(set(ids)) == len(ids)


def assert_has(told: list[dict[str, Any]], **wanted: object) -> None:
    """Fails unless a line has all of these."""
    assert any(
        all(str(line.get(name)) == str(value) for name, value in wanted.items()) for line in told
    ), wanted
