"""A server of embeddings on a socket of its own, with a model small enough to be understood.

A text's vector counts its words, each in a dimension that a hash chooses; some words mean the same
to it. It remembers what it was asked, so that a test can tell whether anything was asked twice.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MEANINGS = {"automobile": "car", "physician": "doctor", "feline": "cat"}
Settings = dict[str, Any]


class EmbeddingServer(ThreadingHTTPServer):
    """``asked`` counts the texts of answered and unanswered requests, ``keys`` are what they were
    authorised by; how it answers can be set. Once it was asked for more than ``most`` texts it lets
    those who ask wait, until it may answer more of them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.requests = 0
        self.keys: set[str | None] = set()
        self.dimensions = 256
        self.down = False
        self.refused = ""
        self.counting = threading.Condition()
        self._most: int | None = None

    @property
    def url(self) -> str:
        """What is configured."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def settings(self, model: str = "words", **more: Any) -> Settings:
        """Settings of a server that asks it for vectors."""
        return {
            "embedder": self.url,
            "embedder_model": model,
            "embedder_dimensions": 256,
            **more,
        }

    def answer(self, most: int | None) -> None:
        """How many texts it answers from the beginning; None for all."""
        with self.counting:
            self._most = most
            self.counting.notify_all()

    def may_answer(self) -> bool:
        """Whether those who ask have an answer now."""
        return self._most is None or self.asked.total() <= self._most

    def said(self, text: str) -> int:
        """How often it was given a passage that says this."""
        return sum(count for each, count in self.asked.items() if f'"{text}"' in each)

    def vector(self, text: str, model: str) -> list[float]:
        """Of two models no vectors are alike."""
        found = [0.0] * self.dimensions
        for word in re.findall(r"\w+", text.lower()):
            key = f"{model} {MEANINGS.get(word, word)}".encode()
            found[int.from_bytes(blake2b(key, digest_size=4).digest()) % self.dimensions] += 1
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EmbeddingServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = asked["input"]
        with self.server.counting:
            self.server.requests += 1
            self.server.keys.add(self.headers["Authorization"])
            self.server.asked.update(texts)
            self.server.counting.wait_for(self.server.may_answer)
        if self.server.down:
            self._answer(503, {})
        elif self.server.refused and any(self.server.refused in each for each in texts):
            self._answer(400, {})
        else:
            vectors = [self.server.vector(each, asked["model"]) for each in texts]
            data = [{"index": i, "embedding": each} for i, each in enumerate(vectors)]
            self._answer(200, {"data": data})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def handle(self) -> None:
        """Who asks may be killed while he waits."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    """A running one."""
    with EmbeddingServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
