"""An embeddings endpoint, asked over a real socket."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest

from backend.retrieval.circuit import Circuit
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.retrieval.openai_endpoint import Endpoint, OpenAiEndpoint

Answer = tuple[int, dict[str, str], Any]
Respond = Callable[[int, dict[str, Any]], Answer]


def vector(text: str) -> list[float]:
    return [float(len(text)), 2.0, 0.0]


def embedded(body: dict[str, Any]) -> Answer:
    items = [{"index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
    return 200, {}, {"data": items[::-1]}


class Served:
    """A server that answers as it is told and remembers what it was asked."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Its address, on a port that the system chooses."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, self))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, served: Served, *args: Any) -> None:
        self._served = served
        super().__init__(*args)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._served.asked.append(json.loads(body))
        self._served.keys.append(self.headers["Authorization"])
        asked = self._served.asked
        status, headers, answer = self._served.respond(len(asked), asked[-1])
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


class Naps:
    """Sleeps that take no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def asking(
    respond: Respond, naps: Naps | None = None, circuit: Circuit | None = None, **changes: Any
) -> AsyncIterator[tuple[OpenAiEndpoint, Served]]:
    served = Served(respond)
    with served.listening() as url:
        async with httpx.AsyncClient() as client:
            endpoint = replace(Endpoint(f"{url}/v1/", "small", 3), **changes)
            yield OpenAiEndpoint(endpoint, client, circuit=circuit, sleep=naps or Naps()), served


async def test_passages_go_in_batches_and_come_back_in_order() -> None:
    async with asking(lambda _n, body: embedded(body), batch=2, passage_prefix="p: ") as (
        e,
        served,
    ):
        rows = await e.embed_passages(["a", "bbb", "cc"])
    expected = np.array([[4, 2, 0], [6, 2, 0], [5, 2, 0]]) / np.sqrt([[20], [40], [29]])
    assert np.allclose(rows, expected)
    assert [body["input"] for body in served.asked] == [["p: a", "p: bbb"], ["p: cc"]]
    assert served.asked[0]["model"] == "small"


async def test_a_query_has_its_prefix_a_key_and_no_empty_text() -> None:
    async with asking(
        lambda _n, body: embedded(body), query_prefix="q: ", api_key="sekret", characters=8
    ) as (e, served):
        assert np.linalg.norm(await e.embed_query("where is it")) == pytest.approx(1)
        assert (await e.embed_passages([""])).shape == (1, 3)
        assert (await e.embed_passages([])).shape == (0, 3)
    assert [body["input"] for body in served.asked] == [["q: where"], [" "]]
    assert served.keys[0] == "Bearer sekret"


async def test_a_passing_failure_is_tried_again_and_retry_after_is_kept() -> None:
    naps = Naps()

    def respond(asked: int, body: dict[str, Any]) -> Answer:
        if asked == 1:
            return 429, {"Retry-After": "3"}, {}
        return embedded(body) if asked == 3 else (503, {"Retry-After": "soon"}, {})

    async with asking(respond, naps) as (e, served):
        await e.embed_query("x")
    assert len(served.asked) == 3
    assert naps.seconds[0] == 3
    assert 0 <= naps.seconds[1] <= 2


async def test_after_the_last_attempt_it_is_unavailable_and_then_left_alone() -> None:
    circuit = Circuit(failures=3, seconds=60)
    async with asking(lambda *_: (503, {}, {}), circuit=circuit, attempts=3) as (e, served):
        with pytest.raises(EmbedderUnavailable, match="status 503"):
            await e.embed_query("x")
        with pytest.raises(EmbedderUnavailable, match="rests for"):
            await e.embed_query("x")
    assert len(served.asked) == 3


async def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        async with httpx.AsyncClient() as client:
            e = OpenAiEndpoint(Endpoint(url, "m", 3), client, sleep=Naps())
            with pytest.raises(EmbedderUnavailable, match="ConnectError"):
                await e.embed_query("x")


@pytest.mark.parametrize("status", [400, 413, 422, 500])
async def test_a_batch_that_is_refused_is_halved(status: int) -> None:
    def respond(_asked: int, body: dict[str, Any]) -> Answer:
        return embedded(body) if len(body["input"]) <= 2 else (status, {}, {})

    async with asking(respond) as (e, served):
        rows = await e.embed_passages(["a", "bb", "ccc", "dddd", "eeeee"])
    assert rows.shape == (5, 3)
    assert np.argsort(rows[:, 0]).tolist() == [0, 1, 2, 3, 4]
    assert max(len(body["input"]) for body in served.asked[1:]) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {}, {}), "status 401"),
        ((200, {}, {"data": []}), r"1 texts with \[\]"),
        ((200, {}, {"data": [{"index": 1, "embedding": [1, 2, 3]}]}), r"with \[1\]"),
        ((200, {}, {"data": [{"index": 0, "embedding": [1, 2]}]}), r"vectors of \(2,\)"),
        ((200, {}, {"data": [{"index": 0, "embedding": [1, None, 3]}]}), "vectors of"),
        ((200, {}, {"data": [{"index": 0, "embedding": ["x", 2, 3]}]}), "another form"),
        ((200, {}, {"vectors": []}), "another form"),
        ((200, {}, [1]), "another form"),
    ],
)
async def test_a_wrong_answer_is_refused_and_not_tried_again(answer: Answer, reason: str) -> None:
    async with asking(lambda *_: answer) as (e, served):
        with pytest.raises(EmbedderRejected, match=reason):
            await e.embed_query("x")
    assert len(served.asked) == 1


def test_what_makes_vectors_comparable_is_in_the_name_and_the_key_is_nowhere() -> None:
    plain = Endpoint("http://x/v1", "m", 3, api_key="sekret")
    names = {
        OpenAiEndpoint(e, httpx.AsyncClient()).model_id
        for e in (plain, replace(plain, model="n"), replace(plain, query_prefix="q: "))
    }
    assert len(names) == 3
    assert "sekret" not in repr(plain) + "".join(names)
