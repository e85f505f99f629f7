"""Progress: a bar for a person, a line now and then for a log."""

from __future__ import annotations

import io
import sys

import pytest

from backend.cli import progress
from backend.cli.progress import steps


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with steps() as shown:
        shown.begin("chats [1].json")
        shown.show(50, 100, "7 conversations")
        shown.line("a [bold]failure[/bold]")
    told = screen.getvalue()
    assert "chats [1].json" in told
    assert "50%" in told
    assert "7 conversations" in told
    assert "a [bold]failure[/bold]\n" in told


def test_lines_elsewhere_are_few(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with steps() as shown:
        shown.begin("chats.json")
        for second in range(12):
            now[0] = second
            shown.show(second, 20, f"{second} conversations")
        shown.line("a failure")
    assert capsys.readouterr().err.splitlines() == [
        "chats.json: 25 %, 5 conversations",
        "chats.json: 50 %, 10 conversations",
        "a failure",
    ]


def test_lines_without_a_total_say_how_much(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with steps() as shown:
        shown.begin("pipe")
        shown.show(3, None, "3 conversations")
    assert capsys.readouterr().err == "pipe: 3 conversations\n"
