"""Room on the interpreter's stack of frames.

CPython (3.11 to at least 3.14) keeps frames in chunks of memory and gives a chunk back as soon as
its first frame returns. A call that is made again and again just where a chunk ends maps and unmaps
memory each time, and the same code runs several times slower for the depth it is called at:
https://github.com/python/cpython/issues/142183.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

Result = TypeVar("Result")

SLOTS = 66_000
"""Values that a frame claims to need: half a megabyte. Its chunk is the next power of two, and what
is left of it holds the frames of every call that follows."""


def with_room(function: Callable[..., Result], *args: Any, **given: Any) -> Result:
    """Calls a function so that whatever it calls stays within one chunk."""
    return cast("Result", _roomy(function, args, given))


def _call(function: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    return function(*args, **given)


_roomy = FunctionType(_call.__code__.replace(co_stacksize=SLOTS), {})
