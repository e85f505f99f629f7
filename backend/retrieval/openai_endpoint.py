"""Any server that speaks OpenAI's ``POST /v1/embeddings``: OpenAI, llama.cpp, Ollama, vLLM, TEI.

Servers differ in what they leave to the client, so it is done here: prefixes, cutting texts that
are too long, batches, the length of vectors and their number.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from backend.retrieval.circuit import Circuit
from backend.retrieval.documents import PASSAGE_TEMPLATE
from backend.retrieval.embedder import EmbedderRejected, EmbedderUnavailable
from backend.retrieval.vectors import Vector, normalised

Sleep = Callable[[float], Awaitable[None]]

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 20.0
_jitter = random.SystemRandom()


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served and how it wants to be asked.

    ``url`` ends before ``/embeddings``. Models trained with prefixes name them; most have none.
    """

    url: str
    model: str
    dimensions: int
    api_key: str | None = field(default=None, repr=False)
    query_prefix: str = ""
    passage_prefix: str = ""
    batch: int = 32
    characters: int = 6000
    attempts: int = 4
    timeout: float = 30.0


class OpenAiEndpoint:
    """An ``Embedder``. The client is the caller's, who closes it."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: httpx.AsyncClient,
        *,
        circuit: Circuit | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._circuit = circuit or Circuit()
        self._sleep = sleep

    @property
    def model_id(self) -> str:
        prefixes = f"{self._endpoint.query_prefix}|{self._endpoint.passage_prefix}"
        return f"{self._endpoint.model}/{self.dimensions}/{prefixes}{PASSAGE_TEMPLATE}"

    @property
    def dimensions(self) -> int:
        return self._endpoint.dimensions

    async def embed_passages(self, texts: list[str]) -> Vector:
        prefixed = [self._prepared(self._endpoint.passage_prefix, text) for text in texts]
        size = self._endpoint.batch
        rows = [await self._batch(prefixed[i : i + size]) for i in range(0, len(texts), size)]
        return np.concatenate(rows) if rows else np.empty((0, self.dimensions), np.float32)

    async def embed_query(self, text: str) -> Vector:
        rows = await self._batch([self._prepared(self._endpoint.query_prefix, text)])
        first: Vector = rows[0]
        return first

    def _prepared(self, prefix: str, text: str) -> str:
        """Some servers refuse an empty text."""
        return (prefix + text)[: self._endpoint.characters] or " "

    async def _batch(self, texts: list[str]) -> Vector:
        """Halves a batch that is refused: several servers limit its tokens, each in its own way."""
        try:
            return self._vectors(await self._answer(texts), len(texts))
        except EmbedderRejected:
            if len(texts) == 1:
                raise
        half = len(texts) // 2
        return np.concatenate([await self._batch(texts[:half]), await self._batch(texts[half:])])

    async def _answer(self, texts: list[str]) -> httpx.Response:
        reason = ""
        for attempt in range(self._endpoint.attempts):
            if not self._circuit.enter():
                left = self._circuit.seconds_left
                raise EmbedderUnavailable(f"the embedding endpoint rests for {left:.0f} seconds")
            wait = _backoff(attempt)
            try:
                response = await self._post(texts)
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}"
            else:
                if response.status_code not in _TRANSIENT:
                    return self._accepted(response)
                if response.status_code == 500 and len(texts) > 1:
                    raise EmbedderRejected("the endpoint failed on a batch")
                reason = f"status {response.status_code}"
                wait = _asked_wait(response, wait)
            self._circuit.failed()
            if attempt + 1 < self._endpoint.attempts:
                await self._sleep(wait)
        raise EmbedderUnavailable(f"the embedding endpoint does not answer: {reason}")

    async def _post(self, texts: list[str]) -> httpx.Response:
        key = self._endpoint.api_key
        return await self._client.post(
            self._endpoint.url.rstrip("/") + "/embeddings",
            json={"model": self._endpoint.model, "input": texts, "encoding_format": "float"},
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self._endpoint.timeout,
        )

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        """The server works, whatever it says of this request."""
        self._circuit.succeeded()
        if response.status_code != 200:
            raise EmbedderRejected(f"the endpoint answers with status {response.status_code}")
        return response

    def _vectors(self, response: httpx.Response, count: int) -> Vector:
        try:
            items: list[dict[str, Any]] = response.json()["data"]
            ordered = sorted(items, key=lambda item: int(item["index"]))
            indexes = [int(item["index"]) for item in ordered]
            rows = np.array([item["embedding"] for item in ordered], np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise EmbedderRejected("the endpoint answers in another form") from error
        if indexes != list(range(count)):
            raise EmbedderRejected(f"the endpoint answers {count} texts with {indexes}")
        if rows.shape != (count, self.dimensions) or not np.isfinite(rows).all():
            raise EmbedderRejected(
                f"the endpoint answers with vectors of {rows.shape[1:]}, not of {self.dimensions}"
            )
        return normalised(rows)


def _backoff(attempt: int) -> float:
    """Exponential with full jitter (Brooker 2015): 0 to 1, 2, 4 … seconds."""
    return _jitter.uniform(0, min(_LONGEST_WAIT, 2.0**attempt))


def _asked_wait(response: httpx.Response, otherwise: float) -> float:
    """What the server asks for in ``Retry-After``, within reason."""
    try:
        asked = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return otherwise
    return min(max(asked, 0.0), _LONGEST_WAIT)
