"""Calls cost the same at every depth, once there is room."""

from __future__ import annotations

import resource
from collections.abc import Callable
from types import FunctionType

import pytest

from backend.utils.frames import with_room

CALLS = 200
# Where it can be told, of this thread alone: others may map memory meanwhile.
WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


def _leaf() -> int:
    return 1


def _faults(depth: int, leaf: Callable[[], object]) -> int:
    """Pages the kernel had to supply while a function was called often, so many frames down."""
    if depth:
        return _faults(depth - 1, leaf)
    before = resource.getrusage(WHO).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(WHO).ru_minflt - before


def _worst() -> int:
    """The most at any depth, for frames of several sizes."""
    codes = [_leaf.__code__.replace(co_stacksize=size) for size in (1, 5, 20, 60, 200)]
    leaves = [FunctionType(code, {}) for code in codes]
    return max(_faults(depth, leaf) for leaf in leaves for depth in range(500))


def test_without_room_each_call_maps_memory_somewhere() -> None:
    # Where this fails, the interpreter has learned better and the module is of no more use.
    assert _worst() >= CALLS


def test_with_room_none_does() -> None:
    assert with_room(_worst) < CALLS / 4


def test_arguments_and_results_pass_through() -> None:
    assert with_room(divmod, 7, 2) == (3, 1)
    assert with_room(dict, a=1) == {"a": 1}


def test_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 1, 0)
