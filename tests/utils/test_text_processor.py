from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.utils.text_processor import make_title, nfc, normalise, title_key

# Hypothesis leaves surrogates out of its texts unless they are named.
any_text = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.just("\0")))


@given(any_text)
def test_normalised_text_can_be_stored(text: str) -> None:
    clean = normalise(text)
    assert "\0" not in clean
    assert clean.encode().decode() == clean


@given(any_text)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_text_that_can_be_stored_stays_as_it_was_sent(text: str) -> None:
    assert normalise(text) == text.replace("\0", "")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("\ud83d\ude00", "😀"),
        ("\ud83d\0\ude00", "😀"),
        ("a\ud800", "a\ufffd"),
        ("\udc00\ud800é", "\ufffd\ufffdé"),
        ("\ufeffa\r\nb\rc\u2028", "\ufeffa\r\nb\rc\u2028"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_only_what_cannot_be_stored_is_changed(sent: str, stored: str) -> None:
    assert normalise(sent) == stored


def test_nfc_composes() -> None:
    assert nfc("ac\u0327a\u0303o") == "ação"


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Ação É ÓTIMA", "acao e otima"),
        ("ac\u0327a\u0303o", "acao"),
        ("  a\t b\n\u00a0c ", "a b c"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ＡＢＣ１", "abc1"),
        ("İstanbul", "istanbul"),
        ("Ελλάδα", "ελλαδα"),
        ("ガギグ", "ガギグ"),
        ("한국어", "한국어"),
        ("हिन्दी", "हिन्दी"),
        ("", ""),
    ],
)
def test_title_keys(title: str, key: str) -> None:
    assert title_key(title) == key


@given(st.text(max_size=120))
def test_the_key_of_a_key_is_itself(title: str) -> None:
    assert title_key(title_key(title)) == title_key(title)


@given(st.text(max_size=120))
def test_case_and_composition_do_not_change_a_key(title: str) -> None:
    assert title_key(nfc(title)) == title_key(title)
    assert title_key(title.casefold()) == title_key(title)


@given(st.text(max_size=900))
def test_keys_have_a_greatest_length(title: str) -> None:
    assert len(title_key(title)) <= 300


@pytest.mark.parametrize("part", ["ção", "E ÓT", "otima"])
def test_the_key_of_a_part_is_in_the_key_of_the_whole(part: str) -> None:
    assert title_key(part) in title_key("A Ação é ótima")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello there", "Hello there"),
        ("\n\n  # Heading\nmore", "Heading"),
        ("> - **Bold** and `code`", "Bold and code"),
        ("1. First\n2. Second", "First"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("   \n\t\n", ""),
        ("-", "-"),
        ("What does __init__ do?", "What does __init__ do?"),
    ],
)
def test_titles_come_from_the_first_line_that_says_something(text: str, title: str) -> None:
    assert make_title(text) == title


def test_long_titles_end_at_a_word() -> None:
    assert make_title("word " * 40, limit=18) == "word word word…"
    assert make_title("x" * 100, limit=10) == "x" * 9 + "…"
    assert make_title("one two", limit=7) == "one two"


@given(st.text(max_size=300), st.integers(1, 100))
def test_titles_fit_on_one_line(text: str, limit: int) -> None:
    title = make_title(text, limit)
    assert len(title) <= limit
    assert len(title.splitlines()) <= 1


def test_a_title_needs_room() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make_title("text", limit=0)
