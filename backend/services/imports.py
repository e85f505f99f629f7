"""Old chats in: one code path for files, uploads and values, whatever their format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import anyio.to_thread

from backend.errors import UnsupportedFormat
from backend.formats.document import DocumentConversation, DocumentFailure
from backend.formats.errors import UnsupportedFormat as UnknownShape
from backend.formats.reader import open_documents, read_documents, read_value
from backend.repositories.imports import RowsRefused
from backend.repositories.search_blocks import PreparedSegment
from backend.repositories.store import Store
from backend.retrieval.blocks import stored_rows
from backend.security.viewer import Viewer
from backend.services.import_batches import Batch, ImportFailure, ImportItem, batches, block_of
from backend.services.import_index import IndexBlock
from backend.services.import_reading import Batches, batches_of, read_aside
from backend.services.import_writes import Result, refusal, rehearse, still_to_do, write

FAILURES_LISTED = 1000
"""How many failures a report names; all are counted, and all go to ``on_failure``."""


@dataclass(slots=True)
class ImportReport:
    """What an import did, in conversations: ``imported`` ones are new here or have news, and are
    stored; ``messages`` counts the messages that were added or changed. After a dry run: what it
    would have done. ``position`` of ``total`` bytes were read for it, where they can be counted."""

    formats: list[str] = field(default_factory=list)
    imported: int = 0
    unchanged: int = 0
    failed: int = 0
    messages: int = 0
    failures: list[ImportFailure] = field(default_factory=list)
    position: int = 0
    total: int | None = None

    @property
    def format(self) -> str | None:
        """The format of what was read, the first of several; None where nothing could be read."""
        return self.formats[0] if self.formats else None


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: ``dry_run`` stores nothing; ``on_batch`` is called after each batch with the
    report so far, ``on_failure`` with each failure."""

    dry_run: bool = False
    on_batch: Callable[[ImportReport], None] | None = None
    on_failure: Callable[[ImportFailure], None] | None = None


def _segment(block: IndexBlock) -> PreparedSegment:
    rows = partial(stored_rows, block.block)
    return PreparedSegment(block.message_ids, block.chunks, block.block.length, rows)


class ImportService:
    """Imports chats on behalf of a viewer.

    Reading runs in a worker thread. A batch is one transaction, small enough that other writers
    hardly wait; what is reported as imported is committed. A conversation that fails, fails alone.
    One that is here already is brought up to date: see `import_merge`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def from_path(
        self,
        viewer: Viewer,
        path: Path,
        format_: str | None = None,
        options: ImportOptions | None = None,
    ) -> ImportReport:
        """Imports a file, an archive or a folder; raises UnsupportedFormat, OSError."""
        with _known_shapes():
            documents = await anyio.to_thread.run_sync(open_documents, path, format_)
        with documents:
            return await self._run(viewer, batches_of(documents, path, format_), options)

    async def from_stream(
        self,
        viewer: Viewer,
        stream: BinaryIO,
        format_: str | None = None,
        name: str | None = None,
        options: ImportOptions | None = None,
    ) -> ImportReport:
        """Imports what a stream holds; raises UnsupportedFormat."""
        with _known_shapes():
            documents = await anyio.to_thread.run_sync(read_documents, stream, format_, name)
        with documents:
            return await self._run(viewer, batches_of(documents, stream, format_, name), options)

    async def from_value(
        self,
        viewer: Viewer,
        value: Any,
        format_: str | None = None,
        options: ImportOptions | None = None,
    ) -> ImportReport:
        """Imports a parsed JSON value; raises UnsupportedFormat."""
        with _known_shapes():
            documents = await anyio.to_thread.run_sync(read_value, value, format_)
        return await self.run(viewer, documents, options)

    async def run(
        self,
        viewer: Viewer,
        documents: Iterable[DocumentConversation | DocumentFailure],
        options: ImportOptions | None = None,
    ) -> ImportReport:
        """Imports documents as they come."""
        return await self._run(viewer, batches(documents), options)

    async def _run(
        self, viewer: Viewer, source: Batches, options: ImportOptions | None
    ) -> ImportReport:
        options = options or ImportOptions()
        report = ImportReport()
        async with aclosing(read_aside(source)) as found:
            async for batch in found:
                await self._import(viewer, batch, report, options)
                report.position, report.total = batch.position, batch.total
                if options.on_batch is not None:
                    options.on_batch(report)
                # The next one is taken without this one beside it.
                del batch
        return report

    async def _import(
        self, viewer: Viewer, batch: Batch, report: ImportReport, options: ImportOptions
    ) -> None:
        report.formats += [each for each in batch.formats if each not in report.formats]
        results: list[Result] = [*batch.failures]
        async with self._store.read(viewer) as unit:
            items, are_new = await still_to_do(unit, batch.items)
            report.unchanged += len(batch.items) - len(items)
            if options.dry_run:
                results += await rehearse(unit, items)
        if not options.dry_run:
            block = batch.block if len(items) == len(batch.items) else None
            if are_new and block is None:
                # Analysis takes as long as the rest of the write, in which nobody else could write.
                block = await anyio.to_thread.run_sync(block_of, items)
            results += await self._write(viewer, items, block if are_new else None)
        for result in results:
            _count(result, report, options)

    async def _write(
        self, viewer: Viewer, items: Sequence[ImportItem], block: IndexBlock | None = None
    ) -> list[Result]:
        """Stores conversations in one transaction, or, where the database refuses one of them, each
        in its own; see `Result`."""
        if not items:
            return []
        try:
            async with self._store.write(viewer) as unit:
                unit.index_changes.segment = None if block is None else _segment(block)
                return await write(unit, items)
        except RowsRefused as error:
            if len(items) == 1:
                return [await self._refused(viewer, items[0], error)]
        return [result for item in items for result in await self._write(viewer, [item])]

    async def _refused(self, viewer: Viewer, item: ImportItem, error: RowsRefused) -> ImportFailure:
        async with self._store.read(viewer) as unit:
            return item.failed(await refusal(unit, item) or f"The database refused it: {error}")


def _count(result: Result, report: ImportReport, options: ImportOptions) -> None:
    if result is None:
        report.unchanged += 1
    elif isinstance(result, int):
        report.imported += 1
        report.messages += result
    else:
        report.failed += 1
        if len(report.failures) < FAILURES_LISTED:
            report.failures.append(result)
        if options.on_failure is not None:
            options.on_failure(result)


@contextmanager
def _known_shapes() -> Iterator[None]:
    try:
        yield
    except UnknownShape as error:
        raise UnsupportedFormat(f"This cannot be imported: {error}.") from None
