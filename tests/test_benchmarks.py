"""The benchmarks run, with small numbers, and tell figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m benchmarks` does."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def told(*arguments: str) -> str:
    """What a run prints, which has to succeed."""
    done = ran(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_that_can_be_run_is_listed() -> None:
    scripts = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in path.read_text() and path.stem != "__main__"
    }
    listed = [line.split(maxsplit=1) for line in told("--list").splitlines()]
    assert {name for name, _ in listed if "." not in name} == scripts
    assert all(text.endswith(".") for _, text in listed)


def test_a_name_that_is_none_is_refused() -> None:
    done = ran("nothing")
    assert done.returncode == 1
    assert "There is no benchmark 'nothing'." in done.stderr
    assert "requests" in done.stdout


@pytest.mark.timeout(300)
def test_without_a_name_the_requests_are_measured() -> None:
    figures = told("--conversations", "3", "--messages", "4", "--seconds", "0.05")
    for name in ("inbox", "list", "thread", "append"):
        assert re.search(rf"^{name} .*\d", figures, re.MULTILINE), figures


@pytest.mark.timeout(300)
def test_imports_are_measured() -> None:
    figures = told("imports", "--messages", "400", "--by", "upload")
    assert re.findall(r"^(\w+): 400 messages in", figures, re.MULTILINE) == ["upload"]
    assert len(re.findall(r"reads meanwhile: p50", figures)) == 1


@pytest.mark.timeout(300)
def test_new_operations_are_measured() -> None:
    figures = told("operations", "--operations", "8", "--step", "4", "--samples", "1")
    assert re.findall(r"^ +(\d+) +\d+\.\d", figures, re.MULTILINE) == ["0", "4", "8"]
    assert len(re.findall(r"with compilation", figures)) == 2
