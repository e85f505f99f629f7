"""Vectors: stored, cut to bits, and found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval import vectors as module
from backend.retrieval.vectors import (
    Vector,
    VectorSet,
    codes,
    from_bytes,
    normalised,
    ranked,
    smallest,
    to_bytes,
)


def clustered(count: int, dimensions: int, seed: int = 1) -> Vector:
    """Vectors that lean to one side and vary in few directions, as embeddings do."""
    shared = np.random.default_rng(0)
    lean = shared.standard_normal(dimensions) * 20
    directions = shared.standard_normal((12, dimensions))
    return normalised(np.random.default_rng(seed).standard_normal((count, 12)) @ directions + lean)


def nearest(index: VectorSet, *asked: Any, **limits: Any) -> list[int]:
    return index.nearest(*asked, **limits).numbers


def test_a_stored_vector_comes_back_as_float16() -> None:
    vectors = clustered(5, 24)
    stored = [to_bytes(vector) for vector in vectors]
    assert all(len(one) == 48 for one in stored)
    assert np.allclose(from_bytes(stored, 24), vectors, atol=1e-3)
    assert from_bytes([], 24).shape == (0, 24)
    with pytest.raises(ValueError, match="32 dimensions"):
        from_bytes(stored, 32)


def test_normalised_rows_have_length_one_and_zeros_stay() -> None:
    rows = normalised(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    assert rows.dtype == np.float32


def test_a_code_has_a_bit_a_dimension_in_whole_words() -> None:
    bits = codes(np.array([[1.0] * 70, [-1.0] * 70], np.float32), np.zeros(70, np.float32))
    assert bits.shape == (2, 2)
    assert np.bitwise_count(bits).sum(axis=0).tolist() == [70, 0]


def test_the_best_are_among_the_nearest_once_the_centre_is_off() -> None:
    vectors = clustered(4000, 128)
    queries = normalised(vectors[:20] + clustered(20, 128, seed=2) * 0.3)

    def found(centre: Vector) -> float:
        index = VectorSet(centre)
        index.add(range(1, 4001), vectors)
        hits = [
            len(set(nearest(index, q, 300)) & set((np.argsort(-(vectors @ q))[:10] + 1).tolist()))
            for q in queries
        ]
        return sum(hits) / 200

    assert found(vectors.mean(axis=0)) > 0.9
    assert found(np.zeros(128, np.float32)) < found(vectors.mean(axis=0))


def test_it_grows_and_can_be_narrowed() -> None:
    vectors = clustered(300, 64)
    centre = vectors.mean(axis=0)
    index = VectorSet(centre)
    index.add([], vectors[:0])
    for start in range(0, 300, 100):
        index.add(range(start + 1, start + 101), vectors[start : start + 100])
    assert len(index) == 300
    assert nearest(index, vectors[41], 3)[0] == 42
    within = np.array([7, 42, 200], np.uint32)
    assert nearest(index, vectors[41], 2, within)[0] == 42
    assert set(nearest(index, vectors[41], 9, within)) == {7, 42, 200}
    assert nearest(index, vectors[41], 9, np.empty(0, np.uint32)) == []
    assert set(nearest(index, vectors[41], 9, within, outside=within[:2])) == {200}
    assert 300 * (8 + 4 + 8 + 128) <= index.size <= 300 * (8 + 4 + 8 + 128) * 9 / 8
    index.let_go()
    assert not index.is_whole
    assert 300 * (8 + 4 + 8) <= index.size <= 300 * (8 + 4 + 8) * 9 / 8
    assert nearest(index, vectors[41], 3)[0] == 42
    assert index.nearest(vectors[41], 3).vectors is None
    index.add([301], vectors[41:42])
    assert set(nearest(index, vectors[41], 2)) == {42, 301}


@pytest.mark.parametrize("block", [7, 10, 4096])
def test_vectors_that_are_held_come_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    vectors = clustered(30, 64)
    index = VectorSet(vectors.mean(axis=0))
    for start in range(0, 30, 10):
        index.add(range(start + 1, start + 11), vectors[start : start + 10])
    index.drop(range(6, 16))
    found = index.nearest(vectors[4], 15)
    assert set(found.numbers) <= {*range(1, 6), *range(16, 31)}
    assert found.vectors is not None
    rows = [number - 1 for number in found.numbers]
    assert np.array_equal(found.vectors, from_bytes([to_bytes(v) for v in vectors[rows]], 64))


@given(st.lists(st.integers(0, 384), max_size=60), st.integers(1, 60))
def test_the_smallest_are_those_a_sort_puts_first(distances: list[int], limit: int) -> None:
    found = smallest(np.array(distances, np.uint16), limit).tolist()
    assert found == sorted(range(len(distances)), key=lambda i: (distances[i], i))[:limit]


def test_what_came_later_can_be_left_out_and_what_is_gone_be_dropped() -> None:
    vectors = clustered(40, 64)
    index = VectorSet(vectors.mean(axis=0))
    index.add(range(100, 120), vectors[:20], range(1, 40, 2))
    assert index.last == 39
    index.add(range(120, 140), vectors[20:], range(41, 80, 2))
    assert set(nearest(index, vectors[0], 99, upto=39)) == set(range(100, 120))
    index.drop([100, 139])
    assert set(nearest(index, vectors[0], 99)) == set(range(101, 139))
    assert set(nearest(index, vectors[0], 99, upto=39)) == set(range(101, 120))
    assert len(index) == 38
    found = index.nearest(vectors[0], 99)
    assert found.vectors is not None
    assert len(found.vectors) == 38


def test_what_is_gone_takes_no_place_among_the_nearest() -> None:
    vectors = clustered(40, 64)
    index = VectorSet(vectors.mean(axis=0))
    index.add(range(1, 41), vectors)
    index.drop(nearest(index, vectors[0], 3))
    assert len(index.nearest(vectors[0], 37).numbers) == 37


def test_room_of_what_is_gone_is_used_again() -> None:
    vectors = clustered(40, 64)
    index = VectorSet(vectors.mean(axis=0))
    index.add(range(1, 41), vectors)
    full = index.size
    index.drop(range(1, 31))
    assert len(index) == 10
    assert index.size < full / 3
    assert set(nearest(index, vectors[35], 99)) == set(range(31, 41))
    index.add([41], vectors[:1], [41])
    assert nearest(index, vectors[0], 1) == [41]


def test_an_empty_set_finds_nothing() -> None:
    assert VectorSet(np.zeros(8, np.float32)).nearest(np.ones(8, np.float32)).numbers == []


def test_ranked_by_cosine_and_then_by_number() -> None:
    vectors = clustered(3, 16)
    rows = np.concatenate([vectors, vectors[:1]])
    (best, first), (same, second), *others = ranked(vectors[0], [9, 5, 7, 2], rows)
    assert (first, second) == (2, 9)
    assert best == same == pytest.approx(1.0, abs=1e-5)
    assert [cosine for cosine, _ in others] == sorted((vectors[1:] @ vectors[0]).tolist())[::-1]
