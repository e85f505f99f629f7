"""Who is asking, on sockets and event streams: as they open, and for as long as they stay open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from backend.config import Settings
from backend.graphql import socket_keeper, sockets
from backend.graphql.socket_keeper import SocketTimes
from backend.repositories.store import Store
from backend.services import authentication
from backend.services.keys import KeyService
from tests.support.apps import key_of, served_app, with_keys

PATIENCE = 60
WHO = "query Who { viewer { ownerId } }"
MAKE = 'mutation Make { createConversation(input: {title: "Tea"}) { conversation { id } } }'
LIST = "subscription { conversationChanged { conversation { title } } }"

Json = dict[str, Any]


class Served:
    """A running application, its address, and keys for it."""

    def __init__(self, app: Starlette, address: str) -> None:
        self.address = address
        self.store: Store = app.state.services.store

    @asynccontextmanager
    async def line(self, origin: str | None = None, **headers: str) -> AsyncIterator[Line]:
        """An open socket on which nothing was said yet."""
        async with connect(
            f"ws://{self.address}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            origin=Origin(origin) if origin is not None else None,
            additional_headers=headers,
            open_timeout=PATIENCE,
        ) as connection:
            yield Line(connection)


class Line:
    """A socket of graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, **message: object) -> None:
        await self._connection.send(orjson.dumps(message).decode())

    async def receive(self) -> Json:
        async with asyncio.timeout(PATIENCE):
            message: Json = orjson.loads(await self._connection.recv())
        return message

    async def greet(self, payload: object = None) -> None:
        await self.send(type="connection_init", payload=payload)
        assert await self.receive() == {"type": "connection_ack"}

    async def ask(self, query: str) -> Json:
        await self.send(id="1", type="subscribe", payload={"query": query})
        answer = await self.receive()
        if answer["type"] == "next":
            assert (await self.receive())["type"] == "complete"
        return answer

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self._connection.recv()
            except ConnectionClosed:
                return self._connection.close_code, self._connection.close_reason


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow a run is, no socket is pinged or closed for being slow."""
    times = SocketTimes(initialise=600, ping=600, silent=600)
    monkeypatch.setattr(socket_keeper, "SocketTimes", lambda: times)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked keys are looked for often."""
    monkeypatch.setattr(authentication, "PROOF_SECONDS", 0.1)


@pytest.fixture
async def served(settings: Settings, quick: None) -> AsyncIterator[Served]:
    """An application that asks for keys."""
    async with served_app(with_keys(settings)) as (app, address):
        yield Served(app, address)


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_the_first_message_says_who_it_is(served: Served, name: str) -> None:
    key = await key_of(served.store, "ana")
    async with served.line() as line:
        await line.greet({name: f"Bearer {key}"})
        answer = await line.ask(WHO)
    assert answer["payload"]["data"] == {"viewer": {"ownerId": "ana"}}


async def test_the_handshake_may_say_it(served: Served) -> None:
    key = await key_of(served.store, "ana")
    async with served.line(Authorization=f"Bearer {key}") as line:
        await line.greet()
        assert (await line.ask(WHO))["payload"]["data"] == {"viewer": {"ownerId": "ana"}}


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"authorization": "Bearer nonsense"}, {"authorization": 42}, "Bearer x", []],
)
async def test_who_is_not_known_is_turned_away(served: Served, payload: object) -> None:
    async with served.line() as line:
        await line.send(type="connection_init", payload=payload)
        code, reason = await line.closed()
    assert code == 4403
    assert reason
    assert "nonsense" not in reason


async def test_nothing_is_answered_before_the_greeting(served: Served) -> None:
    key = await key_of(served.store, "ana")
    async with served.line(Authorization=f"Bearer {key}") as line:
        await line.send(id="1", type="subscribe", payload={"query": WHO})
        assert (await line.closed())[0] == 4401


async def test_who_may_read_may_not_write_and_the_socket_stays(served: Served) -> None:
    key = await key_of(served.store, "ana", "read")
    async with served.line() as line:
        await line.greet({"authorization": f"Bearer {key}"})
        refused = await line.ask(MAKE)
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == (
            "error",
            "FORBIDDEN",
        )
        assert (await line.ask(WHO))["type"] == "next"


async def test_an_admin_acts_for_an_owner(served: Served) -> None:
    key = await key_of(served.store, "root", "admin")
    async with served.line() as line:
        await line.greet({"authorization": f"Bearer {key}", "x-conversa-owner": "ana"})
        assert (await line.ask(WHO))["payload"]["data"] == {"viewer": {"ownerId": "ana"}}


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_another_site_gets_no_socket(settings: Settings, origin: str) -> None:
    async with served_app(settings) as (app, address):
        with pytest.raises(InvalidStatus) as refusal:
            async with Served(app, address).line(origin):
                pass
    assert refusal.value.response.status_code == 403


async def test_our_own_pages_and_listed_ones_get_one(settings: Settings) -> None:
    listed = settings.model_copy(update={"cors_origins": ("https://chat.example",)})
    async with served_app(listed) as (app, address):
        for origin in (None, f"http://{address}", "https://chat.example"):
            async with Served(app, address).line(origin) as line:
                await line.greet()


async def test_a_socket_ends_when_its_key_is_revoked(served: Served) -> None:
    made = await KeyService(served.store).create("ana", "phone", ["read"])
    other = await key_of(served.store, "ana")
    async with served.line() as line, served.line() as kept:
        await line.greet({"authorization": f"Bearer {made.reveal()}"})
        await kept.greet({"authorization": f"Bearer {other}"})
        await line.send(id="1", type="subscribe", payload={"query": LIST})
        await KeyService(served.store).revoke(made.id)
        assert await line.closed() == (4403, "The API key was revoked")
        assert (await kept.ask(WHO))["type"] == "next"


class Later(datetime):
    """The clock of two hours later."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(hours=2)


async def test_a_socket_ends_when_its_key_expires(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = KeyService(served.store)
    made = await service.create("ana", "short", ["read"], timedelta(hours=1))
    async with served.line() as line:
        await line.greet({"authorization": f"Bearer {made.reveal()}"})
        assert (await line.ask(WHO))["type"] == "next"
        monkeypatch.setattr(sockets, "datetime", Later)
        assert await line.closed() == (4403, "The key or token has expired")


async def test_a_stream_ends_when_its_key_is_revoked(served: Served) -> None:
    made = await KeyService(served.store).create("ana", "phone", ["read"])
    headers = {"Authorization": f"Bearer {made.reveal()}", "Accept": "text/event-stream"}
    url = f"http://{served.address}/graphql"
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("POST", url, json={"query": LIST}, headers=headers) as stream,
    ):
        assert stream.status_code == 200
        pieces = stream.aiter_text()
        assert (await anext(pieces)).startswith(":")
        await KeyService(served.store).revoke(made.id)
        rest = "".join([piece async for piece in pieces])
    assert "complete" not in rest


async def test_an_owner_holds_so_many_connections_open_and_no_more(settings: Settings) -> None:
    few = with_keys(settings, connections_per_owner=1)
    async with served_app(few) as (app, address):
        served = Served(app, address)
        key = {"authorization": f"Bearer {await key_of(served.store, 'ana')}"}
        bruno = {"authorization": f"Bearer {await key_of(served.store, 'bruno')}"}
        async with served.line() as first, served.line() as second, served.line() as other:
            await first.greet(key)
            await second.send(type="connection_init", payload=key)
            assert await second.closed() == (1013, "At most 1 open connections for one owner.")
            await other.greet(bruno)
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                headers = {**key, "Accept": "text/event-stream"}
                url = f"http://{address}/graphql"
                refused = await client.post(url, json={"query": LIST}, headers=headers)
            assert refused.status_code == 429
        async with served.line() as again:
            await again.greet(key)


async def test_an_address_holds_so_many_connections_open_and_no_more(settings: Settings) -> None:
    few = settings.model_copy(update={"connections_per_address": 1})
    async with served_app(few) as (app, address):
        served = Served(app, address)
        async with served.line() as first:
            await first.greet()
            with pytest.raises(InvalidStatus) as refusal:
                async with served.line():
                    pass
        assert refusal.value.response.status_code == 429


async def test_operations_on_a_socket_cost_as_much_as_anywhere(settings: Settings) -> None:
    tight = with_keys(settings, rate_owner_points=9, rate_owner_refill=0.01)
    async with served_app(tight) as (app, address):
        served = Served(app, address)
        async with served.line() as line:
            await line.greet({"authorization": f"Bearer {await key_of(served.store, 'ana')}"})
            answers = [await line.ask(WHO) for _ in range(6)]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert answers[0]["type"] == "next"
    assert refused
    assert {each["payload"][0]["extensions"]["code"] for each in refused} == {"RATE_LIMITED"}


async def test_an_operation_takes_no_longer_than_it_may(settings: Settings) -> None:
    brief = settings.model_copy(update={"request_timeout": 1e-9})
    async with served_app(brief) as (app, address), Served(app, address).line() as line:
        await line.greet()
        answer = await line.ask(MAKE)
    assert answer["payload"][0]["extensions"]["code"] == "TIMEOUT"
