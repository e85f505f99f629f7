"""Where the vectors of a model lie on average: what ``VectorSet`` takes off before it cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.lazy import Lazy
from backend.retrieval.documents import passage
from backend.retrieval.embedder import Embedder, ordinary_sentences
from backend.retrieval.vectors import Vector

if TYPE_CHECKING:
    import numpy as np
else:
    np = Lazy("numpy")


async def centre_of(embedder: Embedder) -> Vector:
    """The mean of a few dozen ordinary sentences; costs a second, so it is kept with the model."""
    texts = [passage(text, speaker=name, role="user") for name, text in ordinary_sentences()]
    vectors = await embedder.embed_passages(texts)
    centre: Vector = vectors.mean(axis=0, dtype=np.float32)
    return centre
