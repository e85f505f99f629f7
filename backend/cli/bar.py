"""Progress as a bar on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """A bar that is drawn over itself; see `Steps`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, text="")

    def begin(self, name: str) -> None:
        """Empties the bar for a new piece of work."""
        self._progress.reset(self._task, description=name, total=None, text="")

    def show(self, done: int, total: int | None, text: str) -> None:
        """Draws how far it has come."""
        self._progress.update(self._task, completed=done, total=total, text=text)

    def line(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bar() -> Iterator[Bar]:
    """A bar on the standard error stream, gone when the work is done."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)
