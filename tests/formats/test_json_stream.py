"""Items out of a stream: whole, broken off, broken, too large; in chunks of any size."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.formats import json_stream, window
from backend.formats.json_stream import Item, frame
from backend.formats.window import Window


class Dripping(io.BytesIO):
    """A stream that gives a few bytes at a time, as sockets and archives may."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


class Failing(io.BytesIO):
    """A stream that breaks off."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if not found:
            raise OSError("the disk is gone")
        return found


def items(content: bytes, most: int = 1 << 20) -> list[Item]:
    return list(frame(Window(Dripping(content, most))).items)


def values(content: bytes, most: int = 1 << 20) -> list[Any]:
    found = items(content, most)
    assert [item.error for item in found if item.error] == []
    return [item.value for item in found]


OBJECTS = [
    {"title": 'a "quoted\\" ] one', "n": [1, [2, {"x": "}"}]]},
    {"title": "b", "n": []},
    {"title": None, "n": {"title": "x", "n": {}}},
    {"title": "d", "n": [{"title": "inner", "n": 1}, {"title": "inner", "n": 2}]},
    {"n": 1, "title": "other order"},
    {},
    {"title": "f", "n": "last"},
]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
def test_a_list_in_chunks_of_any_size(most: int, option: int) -> None:
    content = orjson.dumps(OBJECTS * 3, option=option)
    assert values(content, most) == OBJECTS * 3
    assert values(b"\xef\xbb\xbf \n" + content + b"\n", most) == OBJECTS * 3


@pytest.mark.parametrize("most", [1, 5, 1 << 20])
def test_lines_in_chunks_of_any_size(most: int) -> None:
    lines = b"\r\n\n".join(map(orjson.dumps, OBJECTS))
    found = list(frame(Window(Dripping(lines, most))).items)
    assert [item.value for item in found] == OBJECTS
    assert [item.place for item in found][:3] == ["line 1", "line 3", "line 5"]


def test_how_items_are_held() -> None:
    def layout(content: bytes) -> str:
        return frame(Window(io.BytesIO(content))).layout

    assert layout(b'[{"a":1}]') == "list"
    assert layout(b'[{"a":1}]\n \n') == "list"
    assert layout(b'[{"a":1}]\n[{"b":1}]') == "lines"
    assert layout(b'{"a":1}') == "value"
    assert layout(b'{\n"a":1}\n') == "value"
    assert layout(b'{"a":1}\n{"b":1}') == "lines"
    assert layout(b"# no JSON\n{}\n") == "lines"
    assert layout(b'{"version": 4, "n": null, "history": [ {"name": 1}]}') == "list"
    assert layout(b'{"version": 4, "history": [{"role": 1}]}') == "value"
    assert layout(b'{"x": {}, "history": [1]}') == "value"


def test_one_value_and_then_lines() -> None:
    found = items(b'{\n"a": 1\n}\n{"b": 2}\n\n[3]')
    assert [(item.value, item.place) for item in found] == [
        ({"a": 1}, "byte 0"),
        ({"b": 2}, "line 4"),
        ([3], "line 6"),
    ]


def test_a_broken_first_line_is_one_failure() -> None:
    found = items(b'{"a": [1, {"b\n{"c": 2}\n{"d": 3}')
    assert [item.value for item in found] == [None, {"c": 2}, {"d": 3}]
    assert found[0].place == "line 1"


def test_an_element_that_is_no_json_is_passed_over() -> None:
    found = items(b'[{"a": 1}, {"a": nope}, {"a": 3}, [1,], "x", tru, {"a": 4}]')
    assert [item.value for item in found] == [
        {"a": 1}, None, {"a": 3}, None, "x", None, {"a": 4},
    ]  # fmt: skip
    assert [item.place for item in found if item.error] == ["byte 11", "byte 34", "byte 45"]


CONTENT = orjson.dumps([{"id": n, "text": f"[{n}] \\ {{"} for n in range(20)])


@pytest.mark.parametrize("cut", range(1, len(CONTENT)))
def test_a_list_cut_anywhere(cut: int) -> None:
    whole = orjson.loads(CONTENT)
    found = items(CONTENT[:cut])
    good = [item.value for item in found if item.error is None]
    assert good == whole[: len(good)]
    assert [item for item in found if item.error] == found[-1:]
    assert CONTENT[:cut].count(b"},") <= len(good) + 1


def test_where_it_breaks() -> None:
    def last(content: bytes) -> tuple[str, str]:
        item = items(content)[-1]
        return item.place, (item.error or "").split(":")[0]

    assert last(b'[{"a": 1}, {"b') == ("byte 11", "the file ends in the middle of it")
    assert last(b'[{"a": 1}, ') == ("byte 11", "the file ends inside its list")
    assert last(b'[{"a": 1} {"b": 2}]') == ("byte 10", "expected ',' or ']' here")
    assert last(b'[{"a": 1}] x') == ("byte 11", "there is more behind the end of the list")
    assert last(b'{"history": [{"a": 1}]') == ("byte 22", "the file ends before its last '}'")
    assert last(b'{"history": [{"a": 1}], "x": 1}')[1] == ""
    assert last(b'{"a": {"b": 1}') == ("byte 0", "the file ends in the middle of it")


def test_a_stream_that_breaks_off() -> None:
    for content in (b'[{"a": 1}', b'[{"a": 1}, {"b', b'{"a": 1}\n{"a": 2}\n', b'[{"a": 1}]'):
        found = list(frame(Window(Failing(content))).items)
        assert found[0].value == {"a": 1}
        assert found[-1].error is not None
        assert "the disk is gone" in found[-1].error


def test_what_is_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MAX_VALUE", 1000)
    monkeypatch.setattr(window, "CHUNK", 128)
    monkeypatch.setattr("backend.formats.json_stream._Ends._NEAR", 500)
    large = {"a": [["x" * 50] * 3] * 30}
    for content in (
        orjson.dumps([{"a": 1}, large, {"a": 2}, large, {"a": 3}]),
        b"\n".join(map(orjson.dumps, [{"a": 1}, large, {"a": 2}, large, {"a": 3}])),
    ):
        found = items(content, 64)
        assert [item.value for item in found] == [{"a": 1}, None, {"a": 2}, None, {"a": 3}]
        assert {item.error for item in found if item.error} == {"it is larger than 0 MiB"}


def test_a_text_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MAX_VALUE", 1000)
    opened = Window(Dripping(b'[{"a": 1}, {"b": "' + b"x" * 100_000, 64))
    found = list(frame(opened).items)
    assert found[0].value == {"a": 1}
    assert found[1].error is not None
    assert found[1].error.startswith("a text in it has no end")


def test_nesting_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MAX_DEPTH", 100)
    found = items(b'[{"a": 1}, ' + b"[" * 99 + b"]" * 99 + b', {"a": 2}, ' + b"[" * 1000)
    assert [item.error is None for item in found] == [True, True, True, False]
    assert found[3].error is not None
    assert found[3].error.startswith("it nests more than a million levels deep")


def test_positions_grow_to_the_end() -> None:
    content = orjson.dumps(OBJECTS * 20)
    opened = Window(Dripping(content, 50))
    positions = [opened.position for _ in frame(opened).items]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(positions)
    assert opened.position == len(content)


TEXTS = st.text(
    st.sampled_from('\\"') | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=8,
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
KEYS = st.sampled_from(["id", "a", "b", 'q"', "[", "}"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def elements(content: bytes, most: int, step: int) -> list[Item]:
    """The elements of a list of which no more is known ahead than the stream gives at a time."""
    opened = Window(Dripping(content, most))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "_STEP", step)
        patch.setattr(window, "CHUNK", 8)
        opened.peek()
        return list(json_stream._elements(opened))


@given(st.lists(VALUES, max_size=8), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_any_list_comes_out_as_it_is(
    whole: list[Any], most: int, step: int, indented: bool
) -> None:
    content = orjson.dumps(whole, option=orjson.OPT_INDENT_2 if indented else 0)
    found = elements(content, most, step)
    assert [item.error for item in found if item.error] == []
    assert [item.value for item in found] == whole


BRACKETS = st.text(st.sampled_from('[]{}",:\\ a1\n'), max_size=60).map(str.encode)


@given(st.binary(max_size=100) | BRACKETS, st.integers(1, 40), st.integers(1, 40))
def test_any_bytes_end(content: bytes, most: int, step: int) -> None:
    found = elements(b"[" + content, most, step)
    assert [item.place for item in found] == [
        item.place for item in elements(b"[" + content, 999, 999)
    ]
