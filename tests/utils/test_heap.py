"""Freed memory goes back to the system, where the C library has a way."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from backend.utils.heap import give_back
from tests.support.servers import ROOT

# Blocks too small to be mapped one by one. The last one stays, so that the heap's end is not free.
PROGRAM = """
from pathlib import Path
from backend.utils.heap import give_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
blocks = [bytearray(50_000) for _ in range(1000)]
kept = blocks.pop()
blocks.clear()
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such way")
def test_what_was_freed_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 40_000_000


def test_it_does_no_harm_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert give_back() is False
