"""Two rankings as one."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.dates import Days
from backend.retrieval.fusion import DAY_BONUS, Fused, fuse, with_days

SCORES = st.dictionaries(st.integers(0, 30), st.floats(0.0, 50.0), max_size=20)


def test_each_side_is_normalised_and_weighed() -> None:
    fused = fuse({"a": 12.0, "b": 6.0, "c": 2.0}, {"b": 0.9, "d": 0.8}, weight=0.6)
    assert {key: hit[1:] for key, hit in fused.items()} == {
        "a": (1, None),
        "b": (2, 1),
        "c": (3, None),
        "d": (None, 2),
    }
    scores = {key: hit.score for key, hit in fused.items()}
    assert scores == pytest.approx({"a": 0.6, "b": 0.6 * 0.4 + 0.4, "c": 0.0, "d": 0.0})


def test_one_side_alone_stands_for_itself() -> None:
    assert fuse({"a": 3.0, "b": 1.0}) == {"a": Fused(1.0, 1, None), "b": Fused(0.0, 2, None)}
    assert fuse({}, {"a": 0.9}) == {"a": Fused(1.0, None, 1)}
    assert fuse({}, {}) == {}


def test_only_the_best_of_a_side_count() -> None:
    fused = fuse({n: float(n) for n in range(200)}, depth=100)
    assert sorted(fused) == list(range(100, 200))


def test_what_was_said_on_a_named_day_comes_first() -> None:
    day = date(2024, 3, 5)
    fused = fuse({"a": 3.0, "b": 2.0, "c": 1.0})
    said = {"a": date(2024, 1, 1), "b": date(2024, 3, 7), "c": date(2024, 3, 5)}
    lifted = with_days(fused, said, [Days(day, day), Days(day, day)])
    assert lifted["b"].score == pytest.approx(fused["b"].score + DAY_BONUS)
    assert lifted["c"].score == pytest.approx(DAY_BONUS)
    assert lifted["a"] == fused["a"]
    assert with_days(fused, said, []) == fused


@given(SCORES, SCORES)
def test_scores_lie_between_0_and_1_and_ranks_count_from_1(
    lexical: dict[int, float], semantic: dict[int, float]
) -> None:
    fused = fuse(lexical, semantic)
    assert set(fused) == set(lexical) | set(semantic)
    assert all(0 <= hit.score <= 1 + 1e-9 for hit in fused.values())
    ranks = sorted(hit.lexical_rank for hit in fused.values() if hit.lexical_rank)
    assert ranks == list(range(1, len(lexical) + 1))
    better = sorted(lexical, key=lambda key: -lexical[key])
    assert [fused[key].lexical_rank for key in better] == ranks
