"""Real clients from npm, run by node against a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import Server

CLIENTS = Path(__file__).parent
PATIENCE = 240
"""Seconds for one run of node."""

Serve = Callable[..., str]
RunNode = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers, each with a new database, and returns the address of their GraphQL."""
    running: list[Server] = []

    def start(**settings: str) -> str:
        named = {name.upper(): value for name, value in settings.items()}
        place = tmp_path / str(len(running))
        server = Server(f"sqlite:///{place}.db", place.with_suffix(".log"), **named)
        running.append(server)
        asyncio.run(server.start())
        return f"{server.url}/graphql"

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def run_node() -> RunNode:
    """Runs a script of this folder and returns what it prints, which is JSON."""

    def run(script: str, *arguments: str) -> Any:
        done = subprocess.run(
            ["node", script, *arguments],
            cwd=CLIENTS,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
