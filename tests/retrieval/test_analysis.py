"""Text to terms."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.analysis import TERM_LENGTH, Span, asked, fold, spans, terms, words

AWKWARD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            list("aAbBzZ019_-#@/.:\\+ éÉãçßﬁİµﷺ東京タで한हिน\u0301\u0303\u200d\x00\n🎉👍🏽")
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("acao", "Ação!"),
        ("AÇÃO", "a acao"),
        ("ação", unicodedata.normalize("NFD", "ação")),
        ("running", "she RUNNER runs running"),
        ("correndo", "a correnteza? não: corremos"),
        ("strasse", "Hauptstraße Straße"),
        ("foo_bar", "call foo_bar() twice"),
        ("bar", "call foo_bar() twice"),
        ("#1234", "fixed in #1234."),
        ("1234", "fixed in #1234."),
        ("/usr/lib/python3", "see /usr/lib/python3 there"),
        ("python3", "see /usr/lib/python3 there"),
        ("https://example.com/a/b?x=1", "(https://example.com/a/b?x=1)"),
        ("example.com", "go to example.com now"),
        ("getHTTPResponse", "in getHTTPResponse()"),
        ("response", "in getHTTPResponse()"),
        ("ana@example.org", "write to ana@example.org"),
        ("c++", "I like C++, not Java"),
        ("東京", "東京タワー"),
        ("猫", "黒猫です"),
        ("हिन्दी", "मेरी हिन्दी भाषा"),
        ("Москва", "в МОСКВА"),
        ("🎉", "done 🎉"),
    ],
)
def test_what_is_asked_for_is_found(query: str, text: str) -> None:
    assert set(asked(query)) & set(terms(text))


@pytest.mark.parametrize(
    ("identifier", "other"),
    [
        ("foo_bar", "foo bar"),
        ("#1234", "1234"),
        ("v1.2.3", "v1 2 3"),
        ("C#", "c"),
        ("fooBar", "foo"),
    ],
)
def test_an_identifier_has_a_term_of_its_own(identifier: str, other: str) -> None:
    assert set(terms(identifier)) - set(terms(other))


def test_voiced_kana_and_vowel_signs_are_not_decoration() -> None:
    assert not set(asked("ガ")) & set(terms("カ"))
    assert terms("की") != terms("कु")


def test_compatibility_forms_are_the_same_word() -> None:
    assert terms("ﬁne ｆｕｌｌ") == terms("fine full")


def test_stop_words_are_left_out_of_what_is_asked() -> None:
    assert asked("What is the weather", frozenset({"what", "is", "the"})) == ["weath"]


def test_a_word_is_given_uncut_to_compare_phrases_with() -> None:
    assert words("Running, às 10:30 東京") == ["running", "as", "10", "30", "東", "京"]


@given(AWKWARD)
def test_terms_and_spans_are_the_same(text: str) -> None:
    assert Counter(terms(text)) == Counter(span.term for span in spans(text))


@given(AWKWARD)
def test_spans_lie_in_the_text_and_fold_to_their_term(text: str) -> None:
    for term, start, end in spans(text):
        assert 0 <= start < end <= len(text)
        assert term[:3] in "".join(fold(text[start:end]).split())


@given(AWKWARD)
def test_a_term_is_short_and_holds_no_space_or_control(text: str) -> None:
    for term in terms(text):
        assert 0 < len(term) <= TERM_LENGTH
        assert not any(c.isspace() or unicodedata.category(c) == "Cc" for c in term)


@given(AWKWARD)
def test_a_text_is_found_by_each_word_of_it(text: str) -> None:
    held = set(terms(text))
    assert set(asked(text)) <= held


@given(AWKWARD)
def test_case_and_accents_do_not_matter(text: str) -> None:
    plain = "".join(c for c in text if c.isascii())
    assert words(plain.upper()) == words(plain.lower())


def test_a_highlight_covers_the_marks_after_a_letter() -> None:
    text = unicodedata.normalize("NFD", "São João")
    assert [text[s.start : s.end] for s in spans(text)] == text.split()
    assert spans("ab") == [Span("ab", 0, 2)]


@pytest.mark.parametrize(
    "piece",
    ["a", "a_", "aB", "a-", "-", "#", "東", "a/", "A", "é", "_", "a+", "1", "ก", "\U0001f389"],
)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    # Quadratic work on a text of this length would run into the suite's time limit.
    assert len(terms(piece * 200_000)) <= 4 * len(piece) * 200_000
