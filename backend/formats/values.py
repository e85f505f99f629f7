"""Parsed JSON of unknown shape: loading it forgivingly, cleaning it, asking what it holds."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import ijson
import orjson

from backend.formats.errors import BadConversation

_LARGEST_INTEGER = 2**63 - 1
_NUL_ESCAPE = b"\\u0000"


def loads(raw: bytes) -> Any:
    """Parse one JSON value; what comes out is clean in the sense of `clean`.

    Well-formed JSON goes the fast way. Lone surrogates, NaN and raw control characters, which real
    exports hold, are let through by the standard library's parser; what nests deeper than both
    bear (a recursive tree of a long conversation does) is built by ijson, which keeps its stack on
    the heap. Raises ValueError with the parser's own words for anything else.
    """
    try:
        return loads_strictly(raw)
    except orjson.JSONDecodeError as error:
        return clean(_loads_slowly(raw, error))


def loads_strictly(raw: bytes) -> Any:
    """The fast way of `loads` alone. Raises orjson.JSONDecodeError, a ValueError."""
    value = orjson.loads(raw)
    return clean(value) if _NUL_ESCAPE in raw else value


def _loads_slowly(raw: bytes, reason: ValueError) -> Any:
    try:
        return json.loads(raw.decode("utf-8", "replace"), strict=False)
    except RecursionError:
        return _loads_deep(raw)
    except ValueError:
        raise reason from None


def _loads_deep(raw: bytes) -> Any:
    """Put together from ijson's events: its own builder takes quadratic time at such depths."""
    holders: list[Any] = [[]]
    key = ""
    try:
        for event, value in ijson.basic_parse(io.BytesIO(raw), use_float=True):
            if event == "map_key":
                key = value
            elif event in ("end_map", "end_array"):
                holders.pop()
            else:
                item = _EMPTY[event]() if event in _EMPTY else value
                _put(holders[-1], key, item)
                if event in _EMPTY:
                    holders.append(item)
    except (ijson.JSONError, ValueError) as error:
        raise ValueError(str(error)) from None
    return holders[0][0]


_EMPTY: dict[str, Callable[[], Any]] = {"start_map": dict, "start_array": list}


def _put(holder: Any, key: str, item: Any) -> None:
    if isinstance(holder, list):
        holder.append(item)
    else:
        holder[key] = item


def clean(value: Any) -> Any:
    """A copy in which every value can be stored as JSON anywhere, whatever its depth.

    NUL is removed (some databases refuse it), halves of surrogate pairs are joined or replaced by
    U+FFFD, NaN and the infinities become null, integers beyond 64 bits become text.
    """
    top = [value]
    pending: list[Any] = [top]
    while pending:
        holder = pending.pop()
        if isinstance(holder, list):
            for place, item in enumerate(holder):
                holder[place] = _cleaned(item, pending)
        else:
            entries = list(holder.items())
            holder.clear()
            for key, item in entries:
                holder[clean_text(str(key))] = _cleaned(item, pending)
    return top[0]


def _cleaned(item: Any, pending: list[Any]) -> Any:
    if isinstance(item, str):
        return clean_text(item)
    if isinstance(item, dict | list):
        copied = item.copy()
        pending.append(copied)
        return copied
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, int):
        return item if abs(item) <= _LARGEST_INTEGER else str(item)
    if isinstance(item, float):
        return item if math.isfinite(item) else None
    return str(item)


def clean_text(text: str) -> str:
    """The text without NUL and without lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def digest(value: Any) -> str:
    """A name for content that has none: the same for equal values, whatever the order of keys."""
    try:
        content = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise BadConversation("it has no id and nests too deeply to be given one") from None
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    """The value if it is text with something in it, else None."""
    return value if isinstance(value, str) and value else None


def as_id(value: Any) -> str | None:
    """An id as text: sources write them as text or as numbers."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_count(value: Any) -> int | None:
    """A number of tokens or bytes: whole and not negative, else None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_INTEGER else None


def has_content(value: Any) -> bool:
    """False for None, "", [] and {}; true for everything else, zero and false among it."""
    return bool(value) or isinstance(value, bool | int | float)


def extras(source: dict[str, Any], known: AbstractSet[str]) -> dict[str, Any]:
    """What an object says beyond the keys that have a place of their own."""
    return {key: item for key, item in source.items() if key not in known and (item or item == 0)}


def first_id(source: dict[str, Any], *keys: str) -> str | None:
    """The first of these keys that holds an id."""
    for key in keys:
        found = as_id(source.get(key))
        if found is not None:
            return found
    return None


def dumps(value: Any) -> bytes:
    """One line of JSON; times become ISO 8601. Also for what orjson alone refuses to write."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")
