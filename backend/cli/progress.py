"""How far a long command has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

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


class Bar:
    """A bar that is drawn over itself."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, text="")

    def begin(self, name: str) -> None:
        self._progress.reset(self._task, description=name, total=None, text="")

    def show(self, done: int, total: int | None, text: str) -> None:
        self._progress.update(self._task, completed=done, total=total, text=text)

    def line(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Lines:
    """Lines, for a log file or a pipe."""

    def __init__(self) -> None:
        self._name = ""
        self._told = time.monotonic()

    def begin(self, name: str) -> None:
        self._name = name
        self._told = time.monotonic()

    def show(self, done: int, total: int | None, text: str) -> None:
        if time.monotonic() - self._told < SECONDS:
            return
        self._told = time.monotonic()
        share = f"{100 * done // total} %, " if total else ""
        say(f"{self._name}: {share}{text}")

    def line(self, text: str) -> None:
        say(text)


@contextmanager
def steps() -> Iterator[Steps]:
    """A bar where a person is watching, else lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)
