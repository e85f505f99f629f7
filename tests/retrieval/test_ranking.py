"""Ranking: two stages against the formula written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.postings import Postings, decode, length_code, lengths, segment
from backend.retrieval.ranking import (
    COUNTED_TERMS,
    TURNS_AFTER,
    TURNS_BEFORE,
    Bm25,
    Statistics,
    Turn,
    counted,
    holding_all,
    holding_any,
    rarity,
    rescore,
    seeds,
)

FORMULA = Bm25()
TEXTS = st.lists(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6).map(" ".join),
    min_size=1,
    max_size=14,
)


def index_of(chunks: dict[int, str]) -> dict[str, Postings]:
    parts: dict[str, list[bytes]] = {}
    for run in segment(sorted(chunks.items())):
        parts.setdefault(run.term, []).append(run.data)
    return {term: decode(data) for term, data in parts.items()}


def statistics_of(chunks: dict[int, str]) -> Statistics:
    return Statistics(len(chunks), sum(len(text.split()) for text in chunks.values()))


def chain(texts: list[str]) -> tuple[dict[int, str], list[Turn]]:
    """A conversation without branches, one chunk a message, numbered from 1."""
    chunks = dict(enumerate(texts, 1))
    turns = [
        Turn(n, f"m{n}", 0, len(text.split()), f"m{n - 1}" if n > 1 else None, True)
        for n, text in chunks.items()
    ]
    return chunks, turns


def by_hand(texts: list[str], query: set[str]) -> list[float]:
    """The formula over a whole conversation, as the module's docstring has it."""
    words = [text.split() for text in texts]
    mean = sum(map(len, words)) / len(words)
    scores = []
    for i in range(len(words)):
        weights = {i: 1.0}
        weights |= {i - d: 0.1 * (5 - d) for d in range(1, 5) if i - d >= 0}
        weights |= {i + d: 0.1 * (3 - d) for d in range(1, 3) if i + d < len(words)}
        length = sum(len(words[j]) for j in weights)
        norm = 0.8 * (0.5 + 0.5 * length / (7 * mean))
        total = 0.0
        for term in query:
            holding = sum(term in w for w in words)
            frequency = sum(weight * words[j].count(term) for j, weight in weights.items())
            idf = math.log(1 + (len(words) - holding + 0.5) / (holding + 0.5))
            total += idf * frequency / (frequency + norm)
        scores.append(total)
    return scores


@given(TEXTS, st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_the_full_score_is_the_formula(texts: list[str], query: set[str]) -> None:
    chunks, turns = chain(texts)
    index = {term: p for term, p in index_of(chunks).items() if term in query}
    scores = rescore(turns, index, statistics_of(chunks))
    assert scores.tolist() == pytest.approx(by_hand(texts, query & set(index)), rel=1e-4)


@given(TEXTS, st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_seeds_are_the_best_by_their_own_words(texts: list[str], query: set[str]) -> None:
    chunks, _ = chain(texts)
    statistics = statistics_of(chunks)
    index = {term: p for term, p in index_of(chunks).items() if term in query}
    own = {}
    for number, text in chunks.items():
        length = float(lengths()[length_code(len(text.split()))])
        norm = 0.8 * (0.5 + 0.5 * length / statistics.mean_length)
        own[number] = sum(
            rarity(len(p), len(chunks)) * text.split().count(t) / (text.split().count(t) + norm)
            for t, p in index.items()
        )
    matching = sorted((n for n in own if own[n] > 0), key=lambda n: -own[n])
    found = seeds(index, statistics, limit=5).tolist()
    assert len(found) == len(set(found)) == min(5, len(matching))
    assert [own[n] for n in found] == pytest.approx([own[n] for n in matching[:5]], rel=1e-4)


def test_a_turn_is_found_by_the_question_before_it() -> None:
    chunks, turns = chain(["noise", "where is the harbour", "down by the river", "noise", "noise"])
    index = {"harbo": Postings(*map(np.array, ([2], [1.0], [4.0])))}
    scores = rescore(turns, index, statistics_of(chunks)).tolist()
    assert scores[1] > scores[2] > 0
    assert scores[2] > scores[3]


def test_the_branch_that_is_shown_goes_on() -> None:
    turns = [
        Turn(1, "a", 0, 3, None, True),
        Turn(2, "b-old", 0, 3, "a", False),
        Turn(3, "b", 0, 3, "a", True),
        Turn(4, "c", 0, 3, "b", True),
    ]
    index = {"x": Postings(*map(np.array, ([2], [1.0], [3.0])))}
    scores = rescore(turns, index, Statistics(4, 12)).tolist()
    assert scores[1] > 0
    assert scores[0] == scores[2] == scores[3] == 0


def test_the_chunks_of_a_long_message_follow_each_other() -> None:
    turns = [
        Turn(3, "b", 1, 3, "a", True),
        Turn(4, "c", 0, 3, "b", True),
        Turn(1, "a", 0, 3, None, True),
        Turn(2, "b", 0, 3, "a", True),
    ]
    index = {"x": Postings(*map(np.array, ([3], [1.0], [3.0])))}
    last_of_b, c, a, first_of_b = rescore(turns, index, Statistics(4, 12)).tolist()
    assert last_of_b > c > first_of_b > a > 0


def test_missing_neighbours_count_as_mean_and_a_beginning_as_nothing() -> None:
    statistics = Statistics(100, 1000)
    index = {"x": Postings(*map(np.array, ([1], [1.0], [10.0])))}
    cut = rescore([Turn(1, "m", 0, 10, "gone", True)], index, statistics)[0]
    first = rescore([Turn(1, "m", 0, 10, None, True)], index, statistics)[0]
    idf = rarity(1, 100)
    width = 1 + TURNS_BEFORE + TURNS_AFTER
    expected_cut = idf / (1 + 0.8 * (0.5 + 0.5 * (1 + TURNS_BEFORE) / width))
    assert cut == pytest.approx(expected_cut, rel=1e-5)
    assert first == pytest.approx(idf / (1 + 0.8 * (0.5 + 0.5 / width)), rel=1e-5)


def test_scopes_phrases_and_exclusions_narrow_the_seeds() -> None:
    chunks = {1: "x a", 2: "x b", 3: "x a b", 4: "a b", 5: "x a"}
    index = index_of(chunks)
    wanted = {"x": index["x"]}
    statistics = statistics_of(chunks)
    with_a = holding_any(index, ["a", "absent"])
    assert sorted(seeds(wanted, statistics, within=[with_a]).tolist()) == [1, 3, 5]
    both = holding_all(index, ["a", "b"])
    assert both.tolist() == [3, 4]
    assert seeds(wanted, statistics, within=[both]).tolist() == [3]
    outside = np.array([1], np.uint32)
    assert sorted(seeds(wanted, statistics, within=[with_a], outside=outside).tolist()) == [3, 5]
    assert not len(seeds(wanted, statistics, within=[holding_all(index, ["absent"])]))


def test_a_long_query_is_ranked_by_its_rarest_terms() -> None:
    chunks = {n: " ".join(f"t{i}" for i in range(n)) for n in range(1, 41)}
    kept = counted(index_of(chunks))
    assert set(kept) == {f"t{i}" for i in range(40 - COUNTED_TERMS, 40)}


def test_nothing_in_nothing_out() -> None:
    assert not len(seeds({}, Statistics(0, 0)))
    assert not len(rescore([], {}, Statistics(0, 0)))
    assert rescore([Turn(1, "m", 0, 1, None, True)], {}, Statistics(1, 1)).tolist() == [0]
