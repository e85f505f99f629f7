"""Snippets and their highlights."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.analysis import asked, terms
from backend.retrieval.snippets import snippet
from tests.retrieval.test_analysis import AWKWARD


def shown(text: str, query: str, length: int = 60) -> tuple[str, list[str]]:
    found = snippet(text, asked(query), length)
    return found.text, [found.text[start:end] for start, end in found.highlights]


def test_a_short_text_is_shown_whole() -> None:
    assert shown("A ação foi rápida", "acao rapido") == ("A ação foi rápida", ["ação", "rápida"])
    assert snippet("", ["a"]) == ("", 0, ())


def test_the_window_with_most_different_terms_is_shown() -> None:
    text = (
        "cat cat cat. "
        + "filler words go on and on. " * 10
        + "The cat met a dog here. "
        + "x " * 99
    )
    window, highlights = shown(text, "cat dog")
    assert highlights == ["cat", "dog"]
    assert len(window) <= 60
    assert text.startswith(window, snippet(text, asked("cat dog"), 60).offset)
    assert not window[0].isspace()


def test_a_snippet_begins_and_ends_between_words() -> None:
    text = "lorem ipsum dolor " * 20 + "needle " + "sit amet consectetur " * 20
    window, highlights = shown(text, "needle", 80)
    assert highlights == ["needle"]
    assert set(window.split()) <= set(text.split())


def test_an_identifier_is_one_highlight() -> None:
    assert shown("see src/app.py now", "src/app.py") == ("see src/app.py now", ["src/app.py"])


def test_no_match_shows_the_beginning() -> None:
    window, highlights = shown("word " * 100, "absent")
    assert window.startswith("word word")
    assert highlights == []


@given(st.lists(AWKWARD, max_size=8).map(" ".join), AWKWARD, st.integers(41, 120))
def test_highlights_are_ranges_of_what_was_asked(text: str, query: str, length: int) -> None:
    wanted = asked(query)
    found = snippet(text, wanted, length)
    assert len(found.text) <= length
    assert text[found.offset : found.offset + len(found.text)] == found.text
    assert bool(found.text) == bool(text)
    ends = 0
    for start, end in found.highlights:
        assert ends <= start < end <= len(found.text)
        ends = end
    if len(text) <= length:
        assert bool(found.highlights) == bool(set(wanted) & set(terms(text)))
