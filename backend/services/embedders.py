"""Embedders as settings and stored models name them.

What they need is loaded when one is opened: a server without an embedder has neither the memory nor
the packages to pay for.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from backend.config import ADDRESS, PREFIX, Settings
from backend.errors import ConfigurationError
from backend.lazy import Lazy
from backend.retrieval.centre import centre_of
from backend.retrieval.circuit import Circuit
from backend.retrieval.embedder import Embedder, EmbedderRejected
from backend.retrieval.model_folder import read_manifest
from backend.retrieval.vectors import Vector

if TYPE_CHECKING:
    import numpy as np
else:
    np = Lazy("numpy")

QUERY_SECONDS = 5.0
"""How long an endpoint may take for a query: somebody waits."""

NEEDED = ("onnxruntime", "sentencepiece")
INSTALL = "install them with `pip install -r requirements-models.txt`"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model is to be had: a folder or an address, with what an address has to be told."""

    place: str
    model: str = ""
    dimensions: int = 0
    query_prefix: str = ""
    passage_prefix: str = ""

    @property
    def is_address(self) -> bool:
        """Whether it is behind an API."""
        return ADDRESS.match(self.place) is not None

    def written(self) -> str:
        """As it is stored: without the key."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Opened:
    """An embedder for passages and one for queries, which gives up sooner; both are one model.

    ``centre`` is known of models in folders; ``client`` is what has to be closed.
    """

    passages: Embedder
    queries: Embedder
    centre: Vector | None = None
    client: Any = None

    @property
    def name(self) -> str:
        """The model's."""
        return self.passages.model_id

    async def find_centre(self) -> Vector:
        """The model's centre, which takes asking it where it is not known."""
        return await centre_of(self.passages) if self.centre is None else self.centre

    async def close(self) -> None:
        """Lets go of its connections."""
        if self.client is not None:
            await self.client.aclose()


def configured_source(settings: Settings) -> Source | None:
    """The embedder that is configured, if one is."""
    if not settings.embedder:
        return None
    if not ADDRESS.match(settings.embedder):
        return Source(str(Path(settings.embedder).expanduser().absolute()))
    return Source(
        settings.embedder,
        settings.embedder_model,
        settings.embedder_dimensions,
        settings.embedder_query_prefix,
        settings.embedder_passage_prefix,
    )


def read_source(written: str) -> Source:
    """A stored source."""
    return Source(**json.loads(written))


def check_embedder(settings: Settings) -> None:
    """Raises ConfigurationError where the configured embedder cannot be opened.

    Nothing is loaded and no endpoint is asked.
    """
    source = configured_source(settings)
    if source is None or source.is_address:
        return
    try:
        read_manifest(Path(source.place))
        _require(NEEDED)
    except EmbedderRejected as error:
        raise ConfigurationError(f"{PREFIX}EMBEDDER: {error}") from None


async def open_embedder(source: Source, settings: Settings) -> Opened:
    """Opens it, which takes a second for a folder. Raises EmbedderRejected."""
    if source.is_address:
        return _endpoint(source, settings)
    _require(NEEDED)
    module = import_module("backend.retrieval.onnx_e5")
    folder, threads = Path(source.place), settings.embedder_threads
    embedder = await asyncio.to_thread(module.OnnxE5, folder, threads=threads)
    centre = np.array(embedder.manifest.centre, np.float32)
    return Opened(embedder, embedder, centre)


def _endpoint(source: Source, settings: Settings) -> Opened:
    module, httpx = import_module("backend.retrieval.openai_endpoint"), import_module("httpx")
    patient = module.Endpoint(
        url=source.place,
        model=source.model,
        dimensions=source.dimensions,
        api_key=_key(source, settings),
        query_prefix=source.query_prefix,
        passage_prefix=source.passage_prefix,
    )
    hurried = module.Endpoint(
        **{**_fields(patient), "attempts": 1, "timeout": QUERY_SECONDS},
    )
    client, circuit = httpx.AsyncClient(), Circuit()
    return Opened(
        module.OpenAiEndpoint(patient, client, circuit=circuit),
        module.OpenAiEndpoint(hurried, client, circuit=circuit),
        client=client,
    )


def _fields(endpoint: Any) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in endpoint.__dataclass_fields__}


def _key(source: Source, settings: Settings) -> str | None:
    """The key is for the host that it was configured with, and for no other."""
    theirs, ours = urlsplit(source.place), urlsplit(settings.embedder)
    same = (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)
    return settings.embedder_key.get_secret_value() or None if same else None


def _require(packages: tuple[str, ...]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise EmbedderRejected(f"a model needs {' and '.join(missing)}: {INSTALL}")
