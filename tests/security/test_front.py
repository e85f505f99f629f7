"""Every request has an id, is for one of our names, and comes from an origin that may call."""

import logging
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message

from backend.config import Settings, load_settings
from backend.errors import ConfigurationError
from backend.ids import parse_id
from backend.security.front import RequestIdFilter, current_request_id, guard, own_names

ORIGIN = "https://chat.example"


def settings(**given: Any) -> Settings:
    return load_settings(**{"env_file": None, **given})


async def id_now(_: Request) -> JSONResponse:
    logging.getLogger("conversa.test").warning("working")
    return JSONResponse({"id": current_request_id()})


def client_of(**given: object) -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/id", id_now, methods=["GET", "POST"])])
    guard(app, settings(**given))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000")


async def test_every_request_has_an_id() -> None:
    async with client_of() as client:
        answers = [await client.get("/id") for _ in range(2)]
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert ids == [answer.json()["id"] for answer in answers]
        assert len(set(ids)) == 2
        assert all(parse_id(each) for each in ids)
        assert "x-request-id" in (await client.get("/nowhere")).headers
    assert current_request_id() == "-"


@pytest.mark.parametrize(
    ("given", "taken"),
    [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 65, False), ("é", False)],
)
async def test_an_id_from_outside(given: str, taken: bool) -> None:
    async with client_of() as client:
        answer = await client.get("/id", headers=[(b"x-request-id", given.encode())])
        assert (answer.headers["x-request-id"] == given) is taken


async def test_what_is_logged_carries_the_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    async with client_of() as client:
        answer = await client.get("/id")
    [record] = [each for each in caplog.records if each.name == "conversa.test"]
    assert record.__dict__["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "host", "status"),
    [
        ({}, "localhost:8000", 200),
        ({}, "LOCALHOST", 200),
        ({}, "127.0.0.1:1", 200),
        ({}, "[::1]:8000", 200),
        ({}, "evil.example:8000", 421),
        ({}, "", 421),
        ({"host": "127.0.0.2"}, "127.0.0.2", 200),
        ({"host": "::1"}, "evil.example", 421),
        ({"host": "0.0.0.0"}, "chat.example", 200),  # noqa: S104
        ({"allowed_hosts": "chat.example, other.example"}, "Chat.Example:443", 200),
        ({"allowed_hosts": "chat.example"}, "localhost", 421),
    ],
)
async def test_the_names_we_answer_to(given: dict[str, str], host: str, status: int) -> None:
    async with client_of(**given) as client:
        answer = await client.get("/id", headers={"host": host})
        assert answer.status_code == status
        assert "x-request-id" in answer.headers


def test_any_name_where_everybody_may_connect() -> None:
    assert own_names(settings(host="0.0.0.0")) is None  # noqa: S104
    assert own_names(settings(host="chat.internal")) is None


async def test_a_socket_under_another_name_is_closed() -> None:
    app = Starlette()
    guard(app, settings())
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"evil.example")]}
    await app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_hsts_in_production_alone() -> None:
    async with client_of() as client:
        assert "strict-transport-security" not in (await client.get("/id")).headers
    async with client_of(profile="production") as client:
        answer = await client.get("/id")
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
}


async def test_no_other_origin_is_let_in() -> None:
    async with client_of() as client:
        answer = await client.options("/id", headers={"origin": ORIGIN, **PREFLIGHT})
        assert "access-control-allow-origin" not in answer.headers
        answer = await client.get("/id", headers={"origin": ORIGIN})
        assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_origin_is_let_in() -> None:
    async with client_of(cors_origins=f"{ORIGIN.upper()}, http://localhost:3000") as client:
        for origin in (ORIGIN, "http://localhost:3000"):
            answer = await client.options("/id", headers={"origin": origin, **PREFLIGHT})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert "content-type" in answer.headers["access-control-allow-headers"].lower()
            assert "access-control-allow-credentials" not in answer.headers
        answer = await client.get("/id", headers={"origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example"):
            answer = await client.get("/id", headers={"origin": origin})
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origins", ["*", "chat.example", "https://chat.example/", "https://a.example https://b.example"]
)
def test_origins_that_are_none(origins: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^CONVERSA_CORS_ORIGINS: "):
        settings(cors_origins=origins)


async def test_an_error_leaves_no_id_behind() -> None:
    async def broken(_: Request) -> JSONResponse:
        raise RuntimeError

    app = Starlette(routes=[Route("/", broken)])
    guard(app, settings())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        with suppress(RuntimeError):
            await client.get("/")
    assert current_request_id() == "-"
