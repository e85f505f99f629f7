"""The command line in this process, over a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli.verbs import cli
from backend.config import PREFIX
from tests.support.databases import Databases

Command = Callable[..., Result]


@pytest.fixture
def command(databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a verb as `python app.py` would, on a database without tables."""
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", databases.empty())
    # Whatever the developer's own .env says.
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)

    return run
