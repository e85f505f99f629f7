"""What a person types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.queries import QUERY_TERMS, free_text, parse_query


def test_stop_words_are_dropped_in_both_languages() -> None:
    assert parse_query("What is the capital of Portugal?").terms == ("capit", "portu")
    assert parse_query("Qual é a capital do Brasil?").terms == ("capit", "brasi")


def test_a_query_of_stop_words_alone_looks_for_them() -> None:
    assert parse_query("who are you").terms == ("who", "are", "you")


def test_a_phrase_has_to_be_there_word_by_word() -> None:
    query = parse_query('"To be or NOT" question')
    assert query.admits("He asked: to be, or not?")
    assert not query.admits("not to be or")
    assert query.phrases[0].terms == ("to", "be", "or", "not")
    assert query.terms == ("quest",)


def test_a_phrase_ignores_accents_and_scripts_without_spaces_have_them_too() -> None:
    assert parse_query('"ação rápida"').admits("uma Acao Rapida!")
    assert parse_query('"京タ"').admits("東京タワー")
    assert not parse_query('"東タ"').admits("東京タワー")


def test_exclusions_are_whole_words_and_are_not_ranked() -> None:
    query = parse_query('cats -dog -"big fish"')
    assert query.terms == ("cats",)
    assert query.text == "cats"
    assert query.admits("cats and dogs and a big red fish")
    assert not query.admits("cats, one Dog")
    assert not query.admits("a BIG FISH, cats")


def test_a_hyphen_inside_a_word_excludes_nothing() -> None:
    assert not parse_query("well-known e-mail").excluded


@pytest.mark.parametrize(
    "nothing", ["", " ", "?!", '""', "-", "--", "\x00", "-word", '-"a phrase"']
)
def test_nothing_to_look_for(nothing: str) -> None:
    assert parse_query(nothing).is_empty


@pytest.mark.parametrize(
    "hostile",
    [
        "AND OR NOT",
        "NEAR(a b, 5)",
        'content:"x" *',
        "a* ^b {c} (d",
        "'; DROP TABLE messages; --",
        '"unclosed',
        "a\x00b",
        "%_\\",
        "🎉",
    ],
)
def test_operators_of_other_engines_are_words(hostile: str) -> None:
    assert parse_query(hostile).terms
    assert "\x00" not in parse_query(hostile).text


def test_a_megabyte_is_cut() -> None:
    query = parse_query(" ".join(f"word{i}" for i in range(150_000)))
    assert len(query.terms) == QUERY_TERMS
    assert len(query.text) <= 10_000


def test_a_message_used_as_a_query_has_no_syntax() -> None:
    query = free_text('it is -5 degrees, "cold"')
    assert not query.phrases
    assert not query.excluded
    assert "5" in query.terms


@given(st.text(max_size=200))
def test_any_text_is_a_query(text: str) -> None:
    query = parse_query(text)
    assert query.is_empty == (not query.terms)
    for phrase in query.phrases:
        assert phrase.is_in(phrase.text)
