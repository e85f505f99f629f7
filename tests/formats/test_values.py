"""Loading JSON that is not quite JSON, and cleaning what databases refuse."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.formats.errors import BadConversation
from backend.formats.values import clean, clean_text, digest, dumps, loads


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'"a\\u0000b"', "ab"),
        (b'{"a\\u0000": ["\\u0000"]}', {"a": [""]}),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"\\ud83d"', "\ufffd"),
        (b'["\\udc00x", NaN, Infinity, 1e999]', ["\ufffdx", None, None, None]),
        (b'"line\nbreak\x00"', "line\nbreak"),
        (b'"\xff"', "\ufffd"),
        (b"123456789012345678901234567890", 1.2345678901234568e29),
    ],
)
def test_forgiving_and_clean(raw: bytes, value: Any) -> None:
    assert loads(raw) == value


@pytest.mark.parametrize("raw", [b"", b"{", b"{not json}", b"[1,]", b"'a'"])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(raw)


def test_nesting_beyond_every_parser() -> None:
    depth = 20_000
    value = loads(b'{"a":[' * depth + b"1" + b"]}" * depth)
    levels = 0
    while isinstance(value, dict):
        value = value["a"][0]
        levels += 1
    assert (levels, value) == (depth, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_clean_values_can_always_be_written(value: Any) -> None:
    cleaned = clean(value)
    assert b"\\u0000" not in orjson.dumps(cleaned).replace(b"\\\\", b"")
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_clean_text_is_left_alone(text: str) -> None:
    assert clean_text(text) == text


def test_cleaning_copies() -> None:
    value = {"a": ["\0"]}
    assert clean(value) == {"a": [""]}
    assert value == {"a": ["\0"]}


def test_a_digest_is_of_the_content_and_not_of_its_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest([])) == 32


def test_what_cannot_be_written_has_no_digest() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(BadConversation, match="too deeply"):
        digest(deep)


def test_large_integers_can_be_dumped() -> None:
    assert dumps({"a": 10**30}) == b'{"a": 1000000000000000000000000000000}'
