"""Cursors and page sizes: nothing a client sends does more than get an error."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.repositories.pages import (
    Window,
    cut,
    decode_cursor,
    encode_cursor,
    page_size,
)

INT64 = st.integers(min_value=0, max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


def forged(order: str, key: Any) -> str:
    """A cursor of the right form with any key."""
    raw = f"1{order}".encode() + orjson.dumps(key)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(number=INT64, text=TEXT)
def test_cursor_gives_back_its_key(number: int, text: str) -> None:
    cursor = encode_cursor("m", number, text)
    assert decode_cursor(cursor, "m", int, str) == (number, text)


@given(number=INT64, text=TEXT)
def test_cursor_can_stand_in_an_address(number: int, text: str) -> None:
    cursor = encode_cursor("m", number, text)
    assert cursor.isascii()
    assert not set(cursor) & set("+/= &?#%")


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
@example("")
@example("MW1bXQ")
@example("MW0=====")
@example("=" * 40)
@example("\ud800" * 8)
@example("A" * 5000)
def test_any_text_is_a_key_or_is_refused(cursor: str) -> None:
    try:
        key = decode_cursor(cursor, "m", int)
    except Invalid:
        return
    assert encode_cursor("m", *key)


@given(st.binary(max_size=60))
def test_any_bytes_behind_the_right_start_are_a_key_or_are_refused(raw: bytes) -> None:
    cursor = base64.urlsafe_b64encode(b"1m" + raw).decode().rstrip("=")
    try:
        (number,) = decode_cursor(cursor, "m", int)
    except Invalid:
        return
    assert 0 <= number < 2**63


@pytest.mark.parametrize(
    "key",
    [
        [],
        [1, 2],
        ["1"],
        [True],
        [None],
        [1.0],
        [-1],
        [2**63],
        {"0": 1},
        1,
        [[1]],
    ],
)
def test_key_of_another_shape_is_refused(key: Any) -> None:
    with pytest.raises(Invalid):
        decode_cursor(forged("m", key), "m", int)


def test_text_no_database_would_take_is_refused() -> None:
    with pytest.raises(Invalid):
        decode_cursor(forged("t", ["a\0b"]), "t", str)


def test_cursor_of_another_order_says_what_to_do() -> None:
    with pytest.raises(Invalid, match="same order"):
        decode_cursor(encode_cursor("t", 1), "m", int)


def test_cursor_of_another_version_is_refused() -> None:
    with pytest.raises(Invalid):
        decode_cursor(base64.urlsafe_b64encode(b"2m[1]").decode(), "m", int)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, (50, False)),
        (0, None, (0, False)),
        (200, None, (200, False)),
        (None, 1, (1, True)),
        (None, 200, (200, True)),
    ],
)
def test_page_size(first: int | None, last: int | None, expected: tuple[int, bool]) -> None:
    assert page_size(first, last, default=50) == expected


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [(1, 1, "first"), (-1, None, "first"), (201, None, "first"), (None, -1, "last")],
)
def test_page_size_that_makes_no_sense_names_the_argument(
    first: int | None, last: int | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        page_size(first, last, default=50)
    assert refused.value.field == (field,)


@given(
    total=st.integers(0, 20),
    size=st.integers(0, 8),
    backward=st.booleans(),
    more_behind=st.booleans(),
)
def test_page_knows_what_lies_on_either_side(
    total: int, size: int, backward: bool, more_behind: bool
) -> None:
    rows = list(range(total))[::-1] if backward else list(range(total))
    page = cut(rows[: size + 1], Window(size, backward), more_behind=more_behind)
    assert page.rows == sorted(rows[:size])
    ahead, behind = (
        (page.has_previous, page.has_next) if backward else (page.has_next, page.has_previous)
    )
    assert ahead == (total > size)
    assert behind == more_behind
