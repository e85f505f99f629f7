"""`python -m tests.fuzz.schemas CASES`: schemathesis on both schemas of a real server.

CASES is a number for each operation. The server has a new SQLite file and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.servers import Server

ROOT = Path(__file__).parents[2]
SCHEMAS = (
    ("/graphql", "tests/fuzz/schemathesis.toml", "tests.fuzz.schemathesis_hooks"),
    ("/openapi.json", "tests/routers/schemathesis.toml", ""),
)


def run(address: str, config: str, hooks: str, cases: str) -> int:
    """The tool's own verdict on one schema."""
    tool = str(Path(sys.executable).with_name("schemathesis"))
    command = [tool, "--config-file", config, "run", address, "-n", cases]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": hooks, "PYTHONPATH": str(ROOT)}
    if not hooks:
        del environment["SCHEMATHESIS_HOOKS"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(cases: str) -> int:
    """1 where one of them fails, or the server logged an error."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = {"SYNCHRONOUS": "normal", "LOG_LEVEL": "error"}
        server = Server(f"sqlite:///{place / 'chats.db'}", place / "log", **settings)
        asyncio.run(server.start())
        try:
            failed = [
                path
                for path, config, hooks in SCHEMAS
                if run(f"{server.url}{path}", config, hooks, cases)
            ]
        finally:
            server.stop()
        log = server.log_text()
    print(log or "The server logged no error.", "Failed:", failed or "nothing")  # noqa: T201
    return int(bool(failed or log.strip()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
