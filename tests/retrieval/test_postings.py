"""The inverted index as bytes."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.postings import (
    MAX_NUMBER,
    POSTING_BYTES,
    RUN_LENGTH,
    Postings,
    Run,
    decode,
    length_code,
    lengths,
    merge,
    segment,
    terms_of,
    waiting,
    waiting_lengths,
    without,
    word_count,
)
from tests.support.servers import ROOT

WORDS = st.sampled_from(["a", "b", "cc", "東京", "foo_bar", "\x01c:1", "é"])
CHUNKS = st.dictionaries(
    st.one_of(st.integers(1, 50), st.integers(1, MAX_NUMBER)),
    st.lists(WORDS, max_size=12).map(" ".join),
    max_size=30,
)


def as_counts(index: dict[str, Postings]) -> dict[str, dict[int, int]]:
    return {
        term: dict(zip(p.numbers.tolist(), p.frequencies.astype(int).tolist(), strict=True))
        for term, p in index.items()
        if len(p)
    }


def expected(chunks: dict[int, str]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for number in sorted(chunks):
        for term, count in Counter(chunks[number].split()).items():
            found.setdefault(term, {})[number] = count
    return found


def loaded(runs: list[Run]) -> dict[str, Postings]:
    data: dict[str, list[bytes]] = {}
    for run in runs:
        data.setdefault(run.term, []).append(run.data)
    return {term: decode(parts) for term, parts in data.items()}


def lines(chunks: dict[int, str]) -> str:
    return "\n".join(f"{number} {terms}" for number, terms in chunks.items())


def built(chunks: dict[int, str]) -> list[Run]:
    return list(segment(sorted(chunks.items())))


@given(CHUNKS)
def test_a_segment_gives_back_what_went_in(chunks: dict[int, str]) -> None:
    assert as_counts(loaded(built(chunks))) == expected(chunks)


@given(CHUNKS)
def test_waiting_chunks_are_searched_as_a_segment_is(chunks: dict[int, str]) -> None:
    terms = ["a", "cc", "foo_bar", "\x01c:1", "absent"]
    whole = loaded(built(chunks))
    found = waiting(lines(chunks), terms)
    assert set(found) == set(whole) & set(terms)
    for term, run in found.items():
        postings = decode([run])
        assert np.array_equal(postings.numbers, whole[term].numbers)
        assert np.array_equal(postings.frequencies, whole[term].frequencies)
        assert np.array_equal(postings.lengths, whole[term].lengths)


@given(CHUNKS, st.integers(1, 4))
def test_merged_segments_are_the_segment_of_all(chunks: dict[int, str], parts: int) -> None:
    pieces = [{n: t for n, t in chunks.items() if n % parts == i} for i in range(parts)]
    merged = list(merge(run for piece in pieces for run in built(piece)))
    assert merged == built(chunks)


@given(CHUNKS, st.integers(1, 4))
def test_so_are_those_that_follow_each_other(chunks: dict[int, str], parts: int) -> None:
    numbers = sorted(chunks)
    size = max(1, math.ceil(len(numbers) / parts))
    pieces = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    runs = [run for piece in pieces for run in built({n: chunks[n] for n in piece})]
    assert list(merge(reversed(runs))) == built(chunks)


def test_what_is_merged_in_order_takes_no_numpy() -> None:
    program = (
        "import sys; from backend.retrieval.postings import merge, segment\n"
        "old, new = segment([(1, 'a b'), (2, 'b')]), segment([(3, 'a c')])\n"
        "print(len(list(merge([*old, *new]))), 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["3", "False"]


@given(CHUNKS, st.data())
def test_deleted_chunks_leave_nothing(chunks: dict[int, str], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(chunks)))) if chunks else set()
    affected = terms_of({number: chunks[number] for number in gone})
    left = []
    for run in built(chunks):
        remaining = without(run.data, affected.get(run.term, ()))
        if remaining:
            left.append(run._replace(data=remaining))
    kept = {number: text for number, text in chunks.items() if number not in gone}
    assert as_counts(loaded(left)) == expected(kept)


def test_rows_stay_small_and_know_their_first_number() -> None:
    runs = built(dict.fromkeys(range(1, 1001), "the"))
    assert [len(run.data) // POSTING_BYTES for run in runs] == [RUN_LENGTH] * 3 + [40]
    assert [run.first_number for run in runs] == [1, 321, 641, 961]


def test_a_frequency_is_capped_and_scope_terms_are_no_words() -> None:
    chunks = {7: " ".join(["x"] * 300 + ["\x01c:1", "\x01r:user"])}
    postings = loaded(built(chunks))["x"]
    assert postings.frequencies.tolist() == [255]
    assert word_count(chunks[7]) == 300
    assert postings.lengths[0] == pytest.approx(300, rel=0.03)


@given(st.integers(0, 60_000))
def test_lengths_are_kept_to_two_percent(length: int) -> None:
    assert lengths()[length_code(length)] == pytest.approx(length, rel=0.025, abs=0.03)


@given(CHUNKS)
def test_waiting_chunks_are_counted_with_their_lengths(chunks: dict[int, str]) -> None:
    chunks = {number: f"{terms} \x01r:user".strip() for number, terms in chunks.items()}
    lengths = sum(word_count(terms) for terms in chunks.values())
    assert waiting_lengths(lines(chunks)) == (len(chunks), lengths)


def test_numbers_and_parts_of_terms_are_no_terms() -> None:
    text = lines({12: "13 1 aa", 13: "a 12 a b"})
    found = waiting(text, ["12", "13", "1", "a", "aa", "aaa"])
    held = {term: decode([run]).numbers.tolist() for term, run in found.items()}
    assert held == {"12": [13], "13": [12], "1": [12], "a": [13], "aa": [12]}
    assert decode([found["a"]]).frequencies.tolist() == [2]


def test_a_chunk_seen_twice_counts_once() -> None:
    older = [run.data for run in built({1: "a", 2: "a a"})]
    newer = waiting("2 a a a\n3 a", ["a"])["a"]
    both = decode([*older, newer])
    assert both.numbers.tolist() == [1, 2, 3]
    assert both.frequencies.tolist() == [1, 2, 1]
    assert len(decode([])) == 0


def test_runs_come_in_any_order_and_are_cut_at_a_number() -> None:
    runs = [run.data for run in built(dict.fromkeys(range(1, 1001), "the"))]
    postings = decode([*runs[2:], *runs[:2]])
    assert postings.numbers.tolist() == list(range(1, 1001))
    assert postings.below(1001) is postings
    assert postings.below(7).numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(postings.below(7).lengths) == len(postings.below(7).frequencies) == 6
    assert len(postings.below(1)) == 0
