"""Copying SQLite's log into the database beside whoever writes.

A connection copies the log after a commit that made it long, and waits for the disk twice for it:
the next transaction waits with it. Here another connection does that on a thread, while the next
one is written already. A log that is written all the time never begins anew, for there is always
something in it that is not copied; so the connections that write still copy what is left, now and
then, which is little.

Nothing depends on it: a commit is on disk in the log. A copy syncs the log before, and the database
after.
"""

from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

logger = logging.getLogger("conversa.writes")

WORTH = 16 * 1024 * 1024
"""Bytes of the log's file from which on it is copied. It does not shrink before it is closed, so
this tells that much was written once, not that there is as much to copy."""

EVERY = 2
"""Transactions to a copy: pages that both of them changed are copied once."""


class LogCopies:
    """Copies the log of one database, once at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self._written = 0

    def written(self) -> None:
        """Begins to copy what is committed, where that is worth it and is not being done; waits for
        nothing. Called after each long transaction."""
        if not self._is_long():
            return
        self._written += 1
        if self._written % EVERY or self.is_running():
            return
        self._thread = self._thread or ThreadPoolExecutor(1, "sqlite-log")
        self._running = self._thread.submit(self._copy)

    def is_running(self) -> bool:
        """Whether it is being copied."""
        return self._running is not None and not self._running.done()

    def close(self) -> None:
        """Waits for the copy that is being made, and closes the connection."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_long(self) -> bool:
        try:
            return self._log.stat().st_size >= WORTH
        except OSError:
            # Nothing was written yet, or who writes will meet the same.
            return False

    def _copy(self) -> None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, isolation_level=None, check_same_thread=False
                )
            # It waits for nobody: what somebody still reads of the log stays there.
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:
            # What is in the log is stored. Whoever writes will meet the same.
            logger.warning("The log could not be copied into the database.", exc_info=True)
