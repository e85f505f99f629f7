"""The process that reads a large file of chats for another one, which stores them meanwhile.

    python -m backend.services.import_worker PATH FORMAT NAME

``PATH`` may be ``fd:N``, an open file; an empty ``FORMAT`` or ``NAME`` is none. Batches go to the
standard output as frames (`import_frames`). When nobody reads them any more the process ends.
"""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from backend.formats.reader import Documents, open_documents, read_documents
from backend.services.import_batches import Batch, batches, block_of
from backend.services.import_frames import packed, packed_error, write_frame

FD = "fd:"
NICENESS = 5
"""Whoever is served by the same cores meanwhile goes first."""


def main() -> None:
    """Reads the command line and the file."""
    path, format_, name = sys.argv[1:]
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # Documents are trees, whose memory comes back without a look for cycles.
    gc.set_threshold(200_000, 50, 1000)
    with suppress(BrokenPipeError):
        _send(sys.stdout.buffer, path, format_ or None, name or None)


def _send(out: BinaryIO, path: str, format_: str | None, name: str | None) -> None:
    sender = _Sender(out)
    try:
        with _documents(path, format_, name) as documents:
            for batch in batches(documents):
                sender.send(packed(_completed(batch, documents)))
                # The next one is read without this one beside it.
                del batch
    except BrokenPipeError:
        raise
    except Exception as error:
        sender.send(packed_error(error))
    sender.send(b"")
    sender.wait()


class _Sender:
    """Writes frames in a thread, so that the next is made while nobody takes the one before.

    One waits at the most: memory is bounded.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._thread = ThreadPoolExecutor(1)
        self._sent: Future[None] | None = None

    def send(self, data: bytes) -> None:
        """Writes a frame once the one before is written, whose error is raised."""
        self.wait()
        self._sent = self._thread.submit(write_frame, self._out, data)

    def wait(self) -> None:
        """Until all is written."""
        if self._sent is not None:
            self._sent.result()


def _documents(path: str, format_: str | None, name: str | None) -> Documents:
    if not path.startswith(FD):
        return open_documents(Path(path), format_)
    stream = os.fdopen(int(path.removeprefix(FD)), "rb")
    stream.seek(0)
    return read_documents(stream, format_, name)


def _completed(batch: Batch, documents: Documents) -> Batch:
    batch.block = block_of(batch.items)
    batch.position, batch.total = documents.position, documents.total
    return batch


if __name__ == "__main__":
    main()
