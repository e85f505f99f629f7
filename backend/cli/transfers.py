"""Verbs that move chats: import, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from backend.cli.progress import Steps, steps
from backend.cli.running import FAILED, one_line_failures, ready, run, say, services_of, settings_of
from backend.config import Settings
from backend.errors import UnsupportedFormat
from backend.lazy import Lazy
from backend.repositories.conversations import ConversationFilter
from backend.security.viewer import Viewer
from backend.services.container import Services

if TYPE_CHECKING:
    from backend.services import import_batches, imports
    from backend.services.import_batches import ImportFailure
    from backend.services.imports import ImportOptions, ImportReport
else:
    import_batches = Lazy("backend.services.import_batches")
    imports = Lazy("backend.services.imports")

READ_FORMATS = (
    "plain",
    "chatgpt",
    "claude",
    "openwebui",
    "librechat",
    "openai",
    "langchain",
    "conversa",
)
FORMATS = ("conversa", "markdown", "openai", "openwebui")
Owner = Annotated[str, typer.Option(help="Whose chats they are.")]
Reports = dict[str, "ImportReport"]
HEADER = ("file", "format", "conversations", "messages", "unchanged", "failed")


def import_chats(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", exists=True, help="Files, archives or folders of chats."),
    ],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            callback=_one_of(READ_FORMATS),
            help=f"Found out where left out; or one of {', '.join(READ_FORMATS)}.",
        ),
    ] = None,
    owner: Owner = "local",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; say what would be stored.")
    ] = False,
) -> None:
    """Import old chats: ChatGPT, Claude, Open WebUI, LibreChat, OpenAI, LangChain, plain, our own.

    Importing again changes nothing. Exit code 1 where a conversation failed.
    """
    reports: Reports = {}
    try:
        with one_line_failures():
            settings = settings_of()
            run(_import_all(settings, _viewer(owner), paths, format_, dry_run, reports))
    finally:
        # What was stored before something stopped the command is stored, and is told.
        for line in _table(reports):
            typer.echo(line)
    if dry_run:
        say("Nothing was stored.")
    if any(report.failed for report in reports.values()):
        raise typer.Exit(FAILED)


def export_chats(
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            callback=_one_of(FORMATS),
            help=f"One of {', '.join(FORMATS)}; conversa keeps everything.",
        ),
    ] = "conversa",
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="One conversation instead of all.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Where to; else the standard output."),
    ] = None,
    owner: Owner = "local",
) -> None:
    """Export chats. A file appears whole or not at all."""
    with one_line_failures():
        settings = settings_of()
        with _destination(output) as file:
            count = run(_export_all(settings, _viewer(owner), format_, conversation, file))
    say(f"{count} conversations exported.")


async def _import_all(
    settings: Settings,
    viewer: Viewer,
    paths: Sequence[Path],
    format_: str | None,
    dry_run: bool,
    reports: Reports,
) -> None:
    await ready(settings)
    async with services_of(settings) as services:
        with steps() as progress:
            for path in paths:
                options = _options(str(path), reports, progress, dry_run)
                await _import_one(services, viewer, path, format_, options)


async def _import_one(
    services: Services, viewer: Viewer, path: Path, format_: str | None, options: ImportOptions
) -> None:
    """Imports a file; one that cannot be read at all counts as a failure."""
    try:
        await services.imports.from_path(viewer, path, format_, options)
    except (UnsupportedFormat, OSError) as error:
        report = imports.ImportReport(failed=1)
        if options.on_batch is not None and options.on_failure is not None:
            options.on_batch(report)
            options.on_failure(import_batches.ImportFailure(0, None, str(error)))


def _options(name: str, reports: Reports, progress: Steps, dry_run: bool) -> ImportOptions:
    progress.begin(name)

    def on_batch(report: ImportReport) -> None:
        reports[name] = report
        text = f"{report.imported + report.unchanged} conversations, {report.messages} messages"
        progress.show(report.position, report.total, text)

    def on_failure(failure: ImportFailure) -> None:
        known = f" ({failure.external_id})" if failure.external_id else ""
        progress.line(f"{name}: conversation {failure.index}{known}: {failure.reason}")

    return imports.ImportOptions(dry_run=dry_run, on_batch=on_batch, on_failure=on_failure)


async def _export_all(
    settings: Settings, viewer: Viewer, format_: str, conversation_id: str | None, file: BinaryIO
) -> int:
    """Writes the export; how many conversations it holds."""
    await ready(settings)
    written = 0
    async with services_of(settings) as services:
        total = 1
        if conversation_id is None:
            async with services.store.read(viewer) as unit:
                total = await unit.conversations.count(ConversationFilter())

        def counted() -> None:
            nonlocal written
            written += 1

        chunks = await services.exports.start(viewer, format_, conversation_id, counted)
        with steps() as progress:
            progress.begin("export")
            async for chunk in chunks:
                file.write(chunk)
                progress.show(written, total, f"{written} conversations")
    return written


@contextmanager
def _destination(path: Path | None) -> Iterator[BinaryIO]:
    """Where an export goes: a file that takes its name once it is whole, or the standard output."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file  # type: ignore[misc]
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def _one_of(names: Collection[str]) -> Callable[[str | None], str | None]:
    """A check that a value is one of these; nothing is as good."""

    def checked(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(names)}")
        return value

    return checked


def _viewer(owner: str) -> Viewer:
    return Viewer(owner_id=owner, name=owner)


def _table(reports: Reports) -> Iterator[str]:
    """The reports as lines in columns, with their sum where there are several."""
    rows = [
        (name, ", ".join(each.formats) or "?", *_counts(each)) for name, each in reports.items()
    ]
    if len(rows) > 1:
        sums = zip(*(_counts(each) for each in reports.values()), strict=True)
        rows.append(("all", "", *(sum(column) for column in sums)))
    lines = [HEADER, *(tuple(map(str, row)) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        name, format_, *numbers = (
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join((name, format_, *numbers)).rstrip()


def _counts(report: ImportReport) -> tuple[int, int, int, int]:
    return (report.imported, report.messages, report.unchanged, report.failed)
