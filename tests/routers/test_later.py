"""REST within the whole application: made when it is first asked for, once, and as a whole."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import Counter
from types import FrameType

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from app import create_app
from backend.config import Settings
from backend.routers import later, rest
from backend.routers.later import Later
from backend.services.container import Services
from tests.support.apps import URL, ask, client_of, running_app
from tests.support.following import PATIENCE

COMPLETES = "get_dependant"
"""The framework's function that looks at the parameters of a route."""

ASKED = "{ conversations(first: 1) { edges { node { id } } } }"


def behind(services: Services, make: later.Make) -> httpx.AsyncClient:
    """A client of an application that has nothing but what is made later."""
    app = Starlette()
    later.install(app, services, make)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=URL)


async def test_graphql_is_answered_without_rest_and_rest_with_it(settings: Settings) -> None:
    async with running_app(settings) as app, client_of(app) as client:
        waiting = app.router.default
        assert isinstance(waiting, Later)
        assert (await ask(client, ASKED))["data"]
        assert (await client.get("/static/nothing")).status_code == 404
        assert not waiting.is_made()
        assert (await client.get("/healthz")).json()["status"] == "ok"
        assert (await client.head("/healthz")).content == b""
        assert not waiting.is_made()
        assert (await client.get("/api/chats")).status_code == 200
        assert waiting.is_made()
        assert (await client.get("/healthz")).json()["status"] == "ok"


async def test_every_address_of_rest_is_made(settings: Settings) -> None:
    made = create_app(settings).router.default
    assert isinstance(made, Later)
    application = made.made()
    assert isinstance(application, FastAPI)
    document = application.openapi()
    declared = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert declared == {
        (route.path, method)
        for router in rest.ROUTERS
        for route in router.routes
        if route.include_in_schema
        for method in route.methods
    }


async def test_it_is_made_once_and_others_are_answered_meanwhile(services: Services) -> None:
    begun, finish = threading.Event(), threading.Event()
    times = 0

    def make() -> ASGIApp:
        nonlocal times
        times += 1
        begun.set()
        finish.wait(PATIENCE)
        return PlainTextResponse("made")

    async with behind(services, make) as client:
        asked = [asyncio.create_task(client.get(f"/{number}")) for number in range(3)]
        # The loop goes on while a thread makes it.
        await asyncio.wait_for(asyncio.to_thread(begun.wait), PATIENCE)
        assert not any(each.done() for each in asked)
        finish.set()
        assert [answer.text for answer in await asyncio.gather(*asked)] == ["made"] * 3
    assert times == 1


async def test_others_have_the_interpreter_soon_while_it_is_made(services: Services) -> None:
    usual, seen = sys.getswitchinterval(), []

    def make() -> ASGIApp:
        seen.append(sys.getswitchinterval())
        if len(seen) == 1:
            raise RuntimeError("a module is missing")
        return PlainTextResponse("made")

    async with behind(services, make) as client:
        for status in (500, 200):
            assert (await client.get("/api/chats")).status_code == status
            assert sys.getswitchinterval() == usual
    assert seen == pytest.approx([later.SWITCH_SECONDS] * 2)
    assert usual > later.SWITCH_SECONDS


async def test_the_event_loop_completes_no_route(settings: Settings) -> None:
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[frame.f_code.co_name] += 1

    async with running_app(settings) as app, client_of(app) as client:
        waiting = app.router.default
        assert isinstance(waiting, Later)
        sys.setprofile(note)
        try:
            waiting.made()
            made = calls[COMPLETES]
            assert (await client.get("/api/chats")).status_code == 200
        finally:
            sys.setprofile(None)
    assert calls[COMPLETES] == made > 0


async def test_what_goes_wrong_in_making_it_is_logged_and_tried_again(
    services: Services,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = [RuntimeError("a module is missing")]

    def make() -> ASGIApp:
        if failures:
            raise failures.pop()
        return PlainTextResponse("made")

    async with behind(services, make) as client:
        with caplog.at_level(logging.ERROR):
            assert (await client.get("/api/chats")).status_code == 500
        assert (await client.get("/api/chats")).text == "made"


@pytest.mark.parametrize("path", ["/static/nothing", "/api/nothing", "/nothing"])
async def test_an_address_that_is_none_has_a_problem_document(
    settings: Settings, path: str
) -> None:
    async with running_app(settings) as app, client_of(app) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        answer = await client.post("/static/index.html")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
