from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.utils.splitting import Unit
from backend.utils.text_processor import Chunk, count_tokens, join_chunks, split_text

FRAGMENTS = [
    "One", "two ", "três. ", "Four! ", "five?\n", "\n", "\n\n", "\r\n", " \n \n", "    ", "\t",
    "```", "```python\n", "\n```\n", "~~~~\n", "`code` ", "x = 1\n", "日本語。", "文、",
    "「はい。」", "e\u0301", "\u0301",
    "👩‍👩‍👧", "👍🏽", "\u200d", "🇧🇷", "नमस्ते", "-" * 9, "a" * 17, "… ", '." ', ")",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join),
)
LEAST: dict[Unit, int] = {"characters": 1, "tokens": 4}


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int, int, Unit]:
    unit: Unit = draw(st.sampled_from(["characters", "tokens"]))
    limit = draw(st.integers(LEAST[unit], 40))
    return limit, draw(st.integers(0, limit // 2)), unit


def size(text: str, unit: Unit) -> int:
    return len(text) if unit == "characters" else count_tokens(text)


@given(texts, bounds())
def test_pieces_join_to_the_text(text: str, bound: tuple[int, int, Unit]) -> None:
    limit, overlap, unit = bound
    assert join_chunks(split_text(text, limit, overlap, unit)) == text


@given(texts, bounds())
def test_no_piece_is_over_its_limit(text: str, bound: tuple[int, int, Unit]) -> None:
    limit, overlap, unit = bound
    for chunk in split_text(text, limit, overlap, unit):
        assert 0 < size(chunk.text, unit) <= limit


@given(texts, bounds())
def test_places_are_exact(text: str, bound: tuple[int, int, Unit]) -> None:
    limit, overlap, unit = bound
    for chunk in split_text(text, limit, overlap, unit):
        assert text[chunk.start : chunk.end] == chunk.text


@given(texts, bounds())
def test_pieces_repeat_at_most_the_overlap_and_each_adds_text(
    text: str, bound: tuple[int, int, Unit]
) -> None:
    limit, overlap, unit = bound
    for before, after in pairwise(split_text(text, limit, overlap, unit)):
        assert before.start < after.start <= before.end < after.end
        assert size(text[after.start : before.end], unit) <= overlap


@given(st.lists(st.sampled_from(["one", "eleven", "a", "word"]), min_size=1).map(" ".join))
def test_words_that_fit_are_never_cut(text: str) -> None:
    chunks = split_text(text, limit=12, overlap=6)
    assert all(chunk.end == len(text) or chunk.text.endswith(" ") for chunk in chunks)
    assert all(chunk.start == 0 or text[chunk.start - 1] == " " for chunk in chunks)


def test_pieces_are_not_much_smaller_than_they_may_be() -> None:
    text = "A sentence of some length, as people write them. " * 400
    chunks = split_text(text, limit=500)
    assert len(chunks) <= 2 * len(text) / 500


def test_a_paragraph_ends_a_piece_before_a_line_a_sentence_and_a_word() -> None:
    for text, first in [
        ("aaa bbb\n\nccc. ddd\neee fff", "aaa bbb\n\n"),
        ("aaa bbb\nccc. ddd eee fff", "aaa bbb\n"),
        ("aaa bbb. ccc ddd eee fff", "aaa bbb. "),
        ("aaa bbb ccc ddd eee fff", "aaa bbb ccc "),
        ("aaabbbcccdddeeefff", "aaabbbcccddd"),
    ]:
        assert split_text(text, limit=12)[0].text == first


@pytest.mark.parametrize("mark", ["```", "````", "~~~"])
def test_a_code_block_stays_whole_where_it_fits(mark: str) -> None:
    code = f"{mark}python\na = 1\n\n\nb = 2. c\n{mark}\n"
    text = "Some words before it.\nAnd more.\n" + code + "Then some words after it."
    assert code in [chunk.text for chunk in split_text(text, limit=len(code) + 2)]
    assert code in [
        chunk.text for chunk in split_text(text, limit=count_tokens(code), unit="tokens")
    ]


def test_a_code_block_that_does_not_fit_is_cut_between_lines() -> None:
    lines = "".join(f"line {number} of code. It goes on\n" for number in range(40))
    chunks = split_text(f"```\n{lines}```\n", limit=200)
    assert len(chunks) > 1
    assert all(chunk.text.endswith("\n") for chunk in chunks)


def test_a_visible_character_is_not_cut_where_it_fits() -> None:
    family, thumb, accented = "👩\u200d👩\u200d👧", "👍🏽", "e\u0301"
    for character in (family, thumb, accented, "\r\n"):
        chunks = split_text(character * 9, limit=2 * len(character) + 1)
        assert all(len(chunk.text) % len(character) == 0 for chunk in chunks)


def test_no_text_has_no_pieces() -> None:
    assert split_text("", limit=1) == []
    assert join_chunks([]) == ""


def test_text_that_fits_is_one_piece() -> None:
    assert split_text("Hello.\n\nWorld", limit=13) == [Chunk(0, 13, "Hello.\n\nWorld")]


@pytest.mark.parametrize(
    ("limit", "overlap", "unit"),
    [(0, 0, "characters"), (3, 0, "tokens"), (10, 6, "characters"), (10, -1, "tokens")],
)
def test_bounds_that_cannot_be_kept_are_refused(limit: int, overlap: int, unit: Unit) -> None:
    with pytest.raises(ValueError, match="limit must be at least"):
        split_text("text", limit, overlap, unit)


@pytest.mark.parametrize("unit", ["characters", "tokens"])
@pytest.mark.parametrize("text", ["a", " ", "\n", "`", ".)", "\u0301", "👩\u200d"])
def test_text_without_a_place_to_cut_is_still_split(text: str, unit: Unit) -> None:
    long = text * (64 * 1024 // len(text))
    chunks = split_text(long, limit=300, overlap=30, unit=unit)
    assert join_chunks(chunks) == long
    assert max(size(chunk.text, unit) for chunk in chunks) <= 300
