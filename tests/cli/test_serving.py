"""`python app.py`: starts, says where it is and where the data lies, answers, and ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from backend.cli.serving import listen
from backend.config import PREFIX, Settings
from backend.errors import ConfigurationError
from tests.cli.conftest import Command
from tests.support.databases import Databases
from tests.support.processes import ROOT

Process = subprocess.Popen[str]
GREETING = 5
PATIENCE = 50.0


@contextmanager
def running(folder: Path, url: str, *arguments: str) -> Iterator[Process]:
    """A server on a free port; ended with the block where it still runs."""
    environment = os.environ | {f"{PREFIX}DATABASE_URL": url, f"{PREFIX}PORT": "0"}
    with subprocess.Popen(
        [sys.executable, ROOT / "app.py", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def greeting(process: Process) -> dict[str, str]:
    """What it says as it starts, by the name of the line."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(GREETING)]
    assert lines[0].startswith("Conversa "), "".join(lines)
    return dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in lines[1:])


def test_addresses_that_are_told_answer(databases: Databases, tmp_path: Path) -> None:
    with running(tmp_path, databases.empty()) as process:
        answers_and_ends(process)


@pytest.mark.slow
def test_several_workers_answer(tmp_path: Path) -> None:
    with running(tmp_path, "sqlite:///chat.db", "serve", "--workers", "2") as process:
        answers_and_ends(process)


def answers_and_ends(process: Process) -> None:
    """The addresses it tells answer, and it ends when it is told to."""
    told = greeting(process)
    for name in ("GraphQL and playground", "REST documentation", "Health"):
        answer = httpx.get(told[name], headers={"accept": "text/html"}, timeout=PATIENCE)
        assert answer.status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0


def test_data_is_where_it_says(databases: Databases, tmp_path: Path) -> None:
    with running(tmp_path, "sqlite:///kept/here.db") as process:
        assert greeting(process)["Data"] == "sqlite:///kept/here.db"
        assert (tmp_path / "kept" / "here.db").exists()


def test_port_that_is_taken_is_one_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = command("serve", "--port", str(port))
    assert result.exit_code == 2
    assert result.stderr == f"{PREFIX}PORT: 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "x"), ("PORT", "70000"), ("LOG_LEVEL", "loud")]
)
def test_setting_that_is_wrong_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    result = command()
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{PREFIX}{name}: ")
    assert result.stderr.count("\n") == 1


def test_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match=f"{PREFIX}HOST: nowhere.invalid: "):
        listen(Settings(host="nowhere.invalid"))
