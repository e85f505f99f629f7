"""Batches as they are read: in a thread, or, of a large file, by a process of its own.

Reading a file takes as long as storing it, and threads of one process take turns. A second process
reads while this one stores, which takes half the time and leaves whoever else is served here alone.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

import anyio.to_thread

import backend
from backend.formats.reader import Documents
from backend.services.import_batches import Batch, batches
from backend.services.import_frames import read_frame, unpacked

LARGE = 8 * 1024 * 1024
"""Bytes from which on a process of its own is worth its start, which takes a second."""

READER = {
    # It has one core; the other one is for who stores.
    "RAYON_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # What it takes for a whole batch glibc gives back at once, instead of keeping ever more of it.
    "MALLOC_MMAP_THRESHOLD_": str(1024 * 1024),
}
"""The environment of the process that reads."""

Batches = Generator[Batch, None, None]
_ROOT = Path(backend.__file__).parent.parent
_one_process = Lock()


async def read_aside(source: Batches) -> AsyncGenerator[Batch, None]:
    """The batches, each read in a worker thread; the source is closed at the end.

    The next one is not read while one is being written: the thread would hold the interpreter's
    lock at every step of the transaction, which then takes five times as long.
    """
    reading = _started(source)
    try:
        while (batch := await asyncio.shield(reading)) is not None:
            yield batch
            del batch
            reading = _started(source)
    finally:
        # The thread holds the source, which its owner may close as soon as this ends.
        await asyncio.wait([reading])
        reading.cancelled() or reading.exception()
        source.close()


def _started(source: Batches) -> asyncio.Task[Batch | None]:
    return asyncio.create_task(anyio.to_thread.run_sync(next, source, None))


def placed_batches(documents: Documents) -> Batches:
    """The batches of what is read in this process, with the place that was reached."""
    for batch in batches(documents):
        batch.position, batch.total = documents.position, documents.total
        yield batch


def batches_of(
    documents: Documents, source: Path | BinaryIO, format_: str | None, name: str | None = None
) -> Batches:
    """The batches of an opened source, which another process reads where that is worth it. One
    import at a time has another: memory is bounded for any number of them."""
    place = _place(source) if (documents.total or 0) >= LARGE and _cores() > 1 else None
    if place is None or not _one_process.acquire(blocking=False):
        yield from placed_batches(documents)
        return
    try:
        documents.close()
        yield from _from_process(place, format_, name)
    finally:
        _one_process.release()


def _place(source: Path | BinaryIO) -> Path | int | None:
    """Where another process finds it: a path, a descriptor, nowhere."""
    if isinstance(source, Path):
        return source
    try:
        source.flush()
        return source.fileno()
    except OSError:
        return None


def _from_process(source: Path | int, format_: str | None, name: str | None) -> Batches:
    path = f"fd:{source}" if isinstance(source, int) else str(source.absolute())
    command = [sys.executable, "-m", "backend.services.import_worker"]
    process = subprocess.Popen(
        [*command, path, format_ or "", name or ""],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, **READER},
        pass_fds=(source,) if isinstance(source, int) else (),
    )
    pipe = cast(BinaryIO, process.stdout)
    try:
        while (data := read_frame(pipe)) is not None:
            found = unpacked(data)
            del data
            if isinstance(found, Exception):
                raise found
            yield found
            # The next one is taken without this one beside it.
            del found
    finally:
        pipe.close()
        process.kill()
        process.wait()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
