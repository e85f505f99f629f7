"""A tiny encoder: written in the file format of the real one, and computed by NumPy alone."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.retrieval.e5_weights import Floats, Weights

WIDTH, LAYERS, HEADS, INNER, POSITIONS = 64, 2, 2, 96, 512
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    *'▁ abcdefghijklmnopqrstuvwxyz:,."',
    "▁query",
    "▁passage",
]
SCORES = [0.0] * 4 + [-3.0 - 0.01 * i for i in range(len(PIECES) - 4)]


def write_tiny(path: Path, seed: int = 5) -> Path:
    """A file of random weights."""
    generator = np.random.default_rng(seed)
    text = "".join(PIECES).encode()
    offsets = np.cumsum([0] + [len(piece.encode()) for piece in PIECES]).astype("<u4")
    head = b"E5S1" + struct.pack("<I", 1)
    head += struct.pack("<7ifi", WIDTH, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text)) + offsets.tobytes()
    head += np.array(SCORES, "<f4").tobytes() + text + struct.pack("<iI", 0, 0)
    path.write_bytes(head + _with_directory(len(head), _tensors(generator)))
    return path


def _tensors(generator: np.random.Generator) -> dict[str, tuple[int, bytes]]:
    def floats(*shape: int, about: float = 0.0) -> tuple[int, bytes]:
        return 0, (generator.standard_normal(shape) * 0.1 + about).astype("<f4").tobytes()

    def blocks(rows: int, columns: int) -> tuple[int, bytes]:
        count = rows * columns // 32
        scales = generator.uniform(0.01, 0.04, count).astype("<f2").view(np.uint8).reshape(-1, 2)
        return 1, np.hstack([scales, generator.integers(0, 256, (count, 16), np.uint8)]).tobytes()

    found = {
        "emb.word": blocks(len(PIECES), WIDTH),
        "emb.pos": floats(POSITIONS, WIDTH),
        "emb.type": floats(2, WIDTH),
        "emb.ln.w": floats(WIDTH, about=1.0),
        "emb.ln.b": floats(WIDTH),
    }
    for layer in range(LAYERS):
        p = f"l{layer}."
        for name, rows, columns in [
            *((n, WIDTH, WIDTH) for n in ("q", "k", "v", "ao")),
            ("fi", INNER, WIDTH),
            ("fo", WIDTH, INNER),
        ]:
            found |= {f"{p}{name}.w": blocks(rows, columns), f"{p}{name}.b": floats(rows)}
        for name in ("aln", "oln"):
            found |= {f"{p}{name}.w": floats(WIDTH, about=1.0), f"{p}{name}.b": floats(WIDTH)}
    return found


def _with_directory(start: int, tensors: dict[str, tuple[int, bytes]]) -> bytes:
    size = 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, (kind, data) in tensors.items():
        at = start + size + len(body)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, len(data) // 4, at, len(data))
        body += data
    return directory + body


def mean_state(weights: Weights, tokens: list[int]) -> Floats:
    """The mean of the last hidden states, in float32 and without further quantisation."""
    x = weights.blocks("emb.word", len(PIECES), WIDTH).dense()[tokens]
    x = x + weights.floats("emb.pos", POSITIONS, WIDTH)[: len(tokens)]
    x = _norm(weights, "emb.ln", x + weights.floats("emb.type", 2, WIDTH)[0])
    for layer in range(LAYERS):
        p = f"l{layer}."
        q, k, v = (_linear(weights, p + n, x, WIDTH, WIDTH) for n in ("q", "k", "v"))
        seen = np.hstack([_attention(q[:, h], k[:, h], v[:, h]) for h in _heads()])
        x = _norm(weights, p + "aln", x + _linear(weights, p + "ao", seen, WIDTH, WIDTH))
        wide = _gelu(_linear(weights, p + "fi", x, INNER, WIDTH))
        x = _norm(weights, p + "oln", x + _linear(weights, p + "fo", wide, WIDTH, INNER))
    mean: Floats = x.mean(axis=0)
    return mean


def _heads() -> list[slice]:
    size = WIDTH // HEADS
    return [slice(h * size, (h + 1) * size) for h in range(HEADS)]


def _linear(weights: Weights, name: str, x: Floats, rows: int, columns: int) -> Floats:
    matrix = weights.blocks(name + ".w", rows, columns).dense()
    result: Floats = x @ matrix.T + weights.floats(name + ".b", rows)
    return result


def _attention(q: Floats, k: Floats, v: Floats) -> Floats:
    likeness = np.exp(q @ k.T / math.sqrt(q.shape[1]))
    result: Floats = likeness / likeness.sum(axis=1, keepdims=True) @ v
    return result


def _norm(weights: Weights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-12)
    result: Floats = scaled * weights.floats(name + ".w", WIDTH) + weights.floats(
        name + ".b", WIDTH
    )
    return result


def _gelu(x: NDArray[np.float32]) -> Floats:
    result: Floats = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return result
