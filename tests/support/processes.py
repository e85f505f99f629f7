"""Python processes that tests start, talk to over pipes, and end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def python_module(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A running ``python -m name arguments``; killed at the end where it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    """The next line it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write_line(process: subprocess.Popen[str], text: str = "") -> None:
    """Sends it a line."""
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()
