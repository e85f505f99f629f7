"""Work that takes too long, and work that nobody waits for: on a real server over real sockets."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from backend.graphql.http.refusals import Refused
from backend.graphql.http.watching import to_the_end
from tests.graphql.edge_support import (
    JSON,
    PROBE,
    client_of,
    codes,
    connection,
    edge_app,
    fresh_probe,
    posted,
    served,
)

SLOW = {"query": "{ slow }"}
WRITE = {"query": 'mutation { write(text: "kept") }'}
PATIENCE = 60


@pytest.fixture(autouse=True)
def _probe() -> None:
    fresh_probe()


@pytest.mark.parametrize("body", [SLOW, WRITE])
@pytest.mark.parametrize("accept", [JSON, "application/graphql-response+json"])
async def test_what_takes_too_long_is_ended(
    tmp_path: Path, body: dict[str, str], accept: str
) -> None:
    async with client_of(edge_app(tmp_path, request_timeout=0.1)) as client:
        answer = await client.post("/graphql", json=body, headers={"accept": accept})
        assert answer.status_code == 504
        assert codes(answer) == ["TIMEOUT"]
        assert PROBE.cancelled
        assert PROBE.written == []
        quick = await client.post("/graphql", json={"query": "{ hello }"})
        assert quick.status_code == 200


async def test_a_body_that_does_not_come(tmp_path: Path) -> None:
    async with (
        served(edge_app(tmp_path, request_timeout=0.1)) as port,
        connection(port, posted(b"{", length=100)) as (reader, _),
    ):
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TIMEOUT" in answer


async def hang_up(port: int, body: dict[str, str]) -> None:
    """Sends a request and closes the connection once it is being worked on."""
    async with connection(port, posted(json.dumps(body).encode())):
        await asyncio.wait_for(PROBE.begun.wait(), PATIENCE)


async def test_a_query_nobody_waits_for_is_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(edge_app(tmp_path)) as port:
        await hang_up(port, SLOW)
        await asyncio.wait_for(PROBE.ended.wait(), PATIENCE)
        assert PROBE.cancelled
    assert caplog.text == ""


async def test_a_mutation_nobody_waits_for_is_finished(tmp_path: Path) -> None:
    async with served(edge_app(tmp_path)) as port:
        await hang_up(port, WRITE)
        await asyncio.sleep(0.1)  # time enough to notice, twice over
        PROBE.release.set()
        await asyncio.wait_for(PROBE.ended.wait(), PATIENCE)
    assert PROBE.written == ["kept"]
    assert not PROBE.cancelled


async def test_a_mutation_outlives_the_task_that_asked_for_it() -> None:
    done: list[str] = []

    async def write() -> None:
        await PROBE.release.wait()
        done.append("written")
        PROBE.ended.set()

    asking = asyncio.create_task(to_the_end(write(), PATIENCE))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    PROBE.release.set()
    await asyncio.wait_for(PROBE.ended.wait(), PATIENCE)
    assert done == ["written"]


async def test_an_undoing_is_waited_for() -> None:
    undone = False

    async def write() -> None:
        nonlocal undone
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            undone = True

    with pytest.raises(Refused):
        await to_the_end(write(), 0.01)
    assert undone


async def test_many_requests_leave_nothing_behind(tmp_path: Path) -> None:
    before = len(asyncio.all_tasks())
    async with client_of(edge_app(tmp_path)) as client:
        PROBE.release.set()
        answers: list[httpx.Response] = await asyncio.gather(
            *(client.post("/graphql", json=body) for body in (SLOW, WRITE) * 20)
        )
    assert {answer.status_code for answer in answers} == {200}
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
