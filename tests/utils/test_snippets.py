from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.utils.text_processor import TextRange, find_terms, snippet

words = st.lists(
    st.sampled_from(
        ["one", "two", "três", "日本", "\n", "\t", "  ", "longer-word", "👩‍👧", "x" * 50]
    ),
    max_size=60,
).map(" ".join)
texts = st.one_of(st.text(max_size=300), words)
ranges = st.lists(st.tuples(st.integers(-5, 320), st.integers(-5, 320)), max_size=8)


@given(texts, ranges, st.integers(16, 120))
def test_a_snippet_fits_and_its_ranges_are_in_it(
    text: str, found: list[tuple[int, int]], length: int
) -> None:
    extract = snippet(text, found, length)
    assert len(extract.text) <= length
    assert all(0 <= start < end <= len(extract.text) for start, end in extract.ranges)
    assert all(before.end < after.start for before, after in pairwise(extract.ranges))


@given(texts, st.integers(0, 299), st.integers(1, 10), st.integers(16, 120))
def test_what_was_found_is_shown_and_highlighted(
    text: str, start: int, size: int, length: int
) -> None:
    found = text[start : start + size]
    extract = snippet(text, [(start, start + size)], length)
    shown = "".join(extract.text[low:high] for low, high in extract.ranges)
    assert len(shown) == len(found)
    assert shown.split() == found.split()


@given(texts, st.integers(16, 120))
def test_a_snippet_is_a_part_of_the_text_on_one_line(text: str, length: int) -> None:
    extract = snippet(text, length=length).text
    assert len(extract.splitlines()) <= 1
    if len(text) > length:
        assert extract.endswith("…")
        extract = extract[:-1]
    else:
        assert len(extract) == len(text)
    assert all(a == b or (a == " " and b.isspace()) for a, b in zip(extract, text, strict=False))


def test_a_snippet_stands_where_most_was_found() -> None:
    text = "alpha " + "filler " * 50 + "beta gamma " + "filler " * 50
    places = [place for word in ("alpha", "beta", "gamma") for place in find_terms(text, [word])]
    extract = snippet(text, places, length=40)
    assert [extract.text[start:end] for start, end in extract.ranges] == ["beta", "gamma"]
    assert extract.text.startswith("…filler")
    assert extract.text.endswith("filler…")


def test_ranges_that_touch_become_one() -> None:
    assert snippet("abcdef", [(2, 4), (0, 2), (3, 5), (9, 12)]).ranges == [TextRange(0, 5)]


def test_terms_are_found_without_case_and_accents_at_the_start_of_words() -> None:
    text = "AÇÃO, reação; a\u0301gua e Straße"
    found = [text[start:end] for start, end in find_terms(text, ["acao", "ÁGUA", "strasse"])]
    assert found == ["AÇÃO", "a\u0301gua", "Straße"]


def test_the_longest_of_terms_that_start_alike_is_found() -> None:
    assert find_terms("foo_bar", ["foo", "foo_bar"]) == [TextRange(0, 7)]


def test_signs_are_found_as_they_are() -> None:
    assert find_terms("see #1234 and (a+b)*", ["#1234", "(a+b)*"]) == [
        TextRange(4, 9),
        TextRange(14, 20),
    ]


def test_no_term_is_found_nowhere() -> None:
    assert find_terms("text", []) == []
    assert find_terms("text", ["", "\u0301"]) == []


@given(texts, st.lists(st.text(max_size=5), max_size=4))
def test_places_of_terms_are_in_the_text(text: str, terms: list[str]) -> None:
    found = find_terms(text, terms)
    assert all(0 <= start < end <= len(text) for start, end in found)


def test_a_length_that_shows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        snippet("text", length=15)
