"""How far a long command has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol

from backend.cli.running import say

SECONDS = 5.0
"""Between two lines where there is no terminal."""


class Steps(Protocol):
    """Shows progress; everything goes to the standard error stream."""

    def begin(self, name: str) -> None:
        """A new piece of work begins."""

    def show(self, done: int, total: int | None, text: str) -> None:
        """It has come as far as ``done`` of ``total``; ``text`` says what is done in words."""

    def line(self, text: str) -> None:
        """A line of its own, which stays."""


class Lines:
    """Lines, for a log file or a pipe."""

    def __init__(self) -> None:
        self._name = ""
        self._told = time.monotonic()

    def begin(self, name: str) -> None:
        """Starts the clock for a new piece of work."""
        self._name = name
        self._told = time.monotonic()

    def show(self, done: int, total: int | None, text: str) -> None:
        """A line, where the last one was some seconds ago."""
        if time.monotonic() - self._told < SECONDS:
            return
        self._told = time.monotonic()
        share = f"{100 * done // total} %, " if total else ""
        say(f"{self._name}: {share}{text}")

    def line(self, text: str) -> None:
        """A line at once."""
        say(text)


@contextmanager
def steps() -> Iterator[Steps]:
    """A bar where a person is watching, else lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    # The one module that is loaded when it is needed: what draws the bar takes 30 ms to load, and
    # serving, which has to start at once, never shows one.
    with import_module("backend.cli.bar").bar() as bar:
        yield bar
