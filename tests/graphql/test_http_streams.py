"""Subscriptions over HTTP, from a real server over a real socket, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.security.viewer import Viewer
from tests.graphql.edge_support import (
    PROBE,
    codes,
    connection,
    edge_app,
    fresh_probe,
    posted,
    served,
)

EVENTS = "text/event-stream"
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
TICKS = {"query": "subscription($upto: Int!) { ticks(upto: $upto) { number } }"}
SILENCE = {"query": "subscription { silence }"}
PATIENCE = 60


@pytest.fixture(autouse=True)
def _probe() -> None:
    fresh_probe()


@asynccontextmanager
async def clients(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
    ):
        yield client


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with clients(edge_app(tmp_path)) as client:
        yield client


def ticks(upto: int) -> dict[str, Any]:
    return {**TICKS, "variables": {"upto": upto}}


def event(number: int) -> str:
    return f"event: next\nid: c{number}\ndata: {tick(number)}\n\n"


def tick(number: int) -> str:
    return f'{{"data":{{"ticks":{{"number":{number}}}}}}}'


COMPLETE = "event: complete\ndata:\n\n"


@pytest.mark.parametrize(
    "accept", [EVENTS, "text/event-stream, multipart/mixed", f"application/json, {EVENTS}"]
)
async def test_an_event_stream(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.post("/graphql", json=ticks(2), headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text == ":\n\n" + event(1) + event(2) + COMPLETE


async def test_it_goes_on_after_the_last_event_seen(client: httpx.AsyncClient) -> None:
    headers = {"accept": EVENTS, "last-event-id": "c2"}
    answer = await client.post("/graphql", json=ticks(3), headers=headers)
    assert answer.text == ":\n\n" + event(3) + COMPLETE
    assert PROBE.asked_after == ["c2"]


async def test_an_event_source_subscribes_by_get(client: httpx.AsyncClient) -> None:
    params = {"query": TICKS["query"], "variables": '{"upto": 1}'}
    headers = {"accept": EVENTS, "cache-control": "no-cache", "sec-fetch-site": "same-origin"}
    answer = await client.get("/graphql", params=params, headers=headers)
    assert answer.text == ":\n\n" + event(1) + COMPLETE
    stranger = {**headers, "sec-fetch-site": "cross-site"}
    assert (await client.get("/graphql", params=params, headers=stranger)).status_code == 403
    assert PROBE.asked_after == [None]


async def test_head_of_a_stream_listens_to_nothing(client: httpx.AsyncClient) -> None:
    params = {"query": TICKS["query"], "variables": '{"upto": 1}'}
    answer = await client.head("/graphql", params=params, headers={"accept": EVENTS})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert PROBE.asked_after == []


PART = "\r\ncontent-type: application/json\r\n\r\n%s\r\n--graphql"


async def test_parts(client: httpx.AsyncClient) -> None:
    accept = MULTIPART + ",application/graphql-response+json,application/json;q=0.9"
    answer = await client.post("/graphql", json=ticks(2), headers={"accept": accept})
    assert answer.headers["content-type"] == MULTIPART
    parts = [PART % f'{{"payload":{tick(number)}}}' for number in (1, 2)]
    assert answer.text == "\r\n--graphql" + "".join(parts) + "--\r\n"


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/json", "application/graphql-response+json", "multipart/mixed", "text/*"],
)
async def test_a_subscription_needs_a_stream(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.post("/graphql", json=ticks(1), headers={"accept": accept})
    assert answer.status_code == 406
    assert codes(answer) == ["NOT_ACCEPTABLE"]
    assert PROBE.asked_after == []


async def test_a_query_as_events(client: httpx.AsyncClient) -> None:
    headers = {"accept": EVENTS}
    answer = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    data = '{"data":{"hello":"hello world"}}'
    assert answer.text == f"event: next\ndata: {data}\n\n{COMPLETE}"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { refused }", "NOT_FOUND"),
    ],
)
async def test_a_failure_before_the_first_event(
    client: httpx.AsyncClient, query: str, code: str
) -> None:
    answer = await client.post("/graphql", json={"query": query}, headers={"accept": EVENTS})
    assert answer.status_code == 200
    assert code in answer.text
    assert answer.text.endswith(COMPLETE)
    assert answer.text.count("event: next") == 1


async def test_variables_that_do_not_fit(client: httpx.AsyncClient) -> None:
    body = {**TICKS, "variables": {"upto": "many"}}
    for accept, end in ((EVENTS, COMPLETE), (MULTIPART, "--\r\n")):
        answer = await client.post("/graphql", json=body, headers={"accept": accept})
        assert "errors" in answer.text
        assert answer.text.endswith(end)


async def test_a_stream_that_breaks(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"query": "subscription { breaks }"}
    answer = await client.post("/graphql", json=body, headers={"accept": EVENTS})
    assert answer.text.startswith(':\n\nevent: next\ndata: {"data":{"breaks":"once"}}\n\n')
    assert answer.text.endswith(COMPLETE)
    assert "INTERNAL" in answer.text
    assert "cellar" not in answer.text
    assert "cellar" in caplog.text


@pytest.mark.parametrize(
    ("accept", "beat"),
    [(EVENTS, b":\n\n"), (MULTIPART, b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql")],
)
async def test_a_silent_stream_shows_that_it_lives(
    tmp_path: Path, accept: str, beat: bytes
) -> None:
    async with (
        clients(edge_app(tmp_path, keep_alive=0.02)) as client,
        client.stream("POST", "/graphql", json=SILENCE, headers={"accept": accept}) as answer,
    ):
        seen = b""
        async for piece in answer.aiter_raw():
            seen += piece
            if seen.count(beat) >= 3:
                PROBE.release.set()
    assert b'{"data":{"silence":"at last"}}' in seen
    assert PROBE.ended.is_set()


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_a_client_that_hangs_up_ends_its_subscription(
    client: httpx.AsyncClient, accept: str
) -> None:
    headers = {"accept": accept}
    async with client.stream("POST", "/graphql", json=SILENCE, headers=headers) as answer:
        assert answer.status_code == 200
        await asyncio.wait_for(PROBE.begun.wait(), PATIENCE)
        assert not PROBE.ended.is_set()
    await asyncio.wait_for(PROBE.ended.wait(), PATIENCE)


async def test_a_client_that_takes_nothing_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    request = posted(b'{"query":"subscription { flood }"}', accept=EVENTS)
    async with (
        served(edge_app(tmp_path, request_timeout=0.3)) as port,
        connection(port, request),
    ):
        await asyncio.wait_for(PROBE.ended.wait(), PATIENCE)
    assert "a client took nothing for 0.3 s" in caplog.text


@pytest.mark.parametrize(("accept", "end"), [(EVENTS, b":\n\n"), (MULTIPART, b"--graphql--\r\n")])
async def test_a_stream_ends_when_its_time_is_over(tmp_path: Path, accept: str, end: bytes) -> None:
    async with clients(edge_app(tmp_path, stream_seconds=0.05)) as client:
        answer = await client.post("/graphql", json=SILENCE, headers={"accept": accept})
    assert answer.content.endswith(end)
    assert (b"STREAM_EXPIRED" in answer.content) == (accept == MULTIPART)
    assert PROBE.ended.is_set()


async def test_a_stream_ends_with_the_proof_of_who_listens(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.05)
    app = edge_app(tmp_path, Viewer("ana", "Ana", expires_at=soon))
    async with clients(app) as client:
        answer = await client.post("/graphql", json=SILENCE, headers={"accept": EVENTS})
        assert answer.text == ":\n\n"
        name = await client.post("/graphql", json={"query": "{ owner }"})
        assert name.json() == {"data": {"owner": "ana"}}
