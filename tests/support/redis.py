"""A real Redis server for a test, which it may kill and start again."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.support.servers import port_for

START_SECONDS = 60.0


class RedisServer:
    """A server without memory of its own on a free port."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = port_for(self)
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", str(folder),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        with Redis(port=self.port) as client:
            while time.monotonic() < end:
                with suppress(RedisError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A running server; where none is installed the test is skipped, which on CI is a failure."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(program, folder)
    server.start()
    yield server
    server.kill()
