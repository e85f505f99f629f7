"""A large file is read by a process of its own, with the same result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services import import_batches, import_reading
from backend.services.container import Services
from backend.services.import_batches import Batch, ImportFailure, batches, block_of
from backend.services.import_frames import packed, unpacked
from backend.services.imports import ImportOptions, ImportReport
from tests.support.documents import documents
from tests.support.imports import counts, stored_ids
from tests.support.processes import python_module, read_line

CHATS = 60
LENGTH = 20


@pytest.fixture(autouse=True)
def always_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a large one, on a machine of two cores."""
    monkeypatch.setattr(import_reading, "LARGE", 1)
    monkeypatch.setattr(import_reading, "_cores", lambda: 2)


def lines(count: int = CHATS, bad: int | None = None) -> bytes:
    """Chats of 20 messages, one of them perhaps no chat."""
    made = []
    for place in range(count):
        texts = [f"message {n} of chat{place} about topic{place % 7}" for n in range(LENGTH)]
        messages = [{"role": "user", "content": text} for text in texts]
        made.append(orjson.dumps({"id": f"c{place}", "messages": messages}))
        if place == bad:
            made[-1] = b'{"id": "odd", "messages": "none"}'
    return b"\n".join(made)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of chats."""
    path = tmp_path / "chats.jsonl"
    path.write_bytes(lines())
    return path


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """A file of several batches."""
    path = tmp_path / "chats.jsonl"
    path.write_bytes(lines(450))
    return path


def readers() -> list[int]:
    """The processes that read files for this one."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "backend.services.import_worker" in each.cmdline():
                found.append(each.pid)
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process outlives its import."""
    yield
    assert readers() == []


async def hits(services: Services, viewer: Viewer, query: str) -> list[str]:
    """The texts that a search finds."""
    page = await services.search.search(viewer, query)
    return [hit.message.content for hit in page.rows]


async def test_the_result_is_that_of_one_process(
    services: Services, viewer: Viewer, other_viewer: Viewer, file: Path
) -> None:
    report = await services.imports.from_path(viewer, file)
    assert counts(report) == (CHATS, 0, 0, CHATS * LENGTH)
    size = len(lines())
    assert (report.format, report.position, report.total) == ("plain", size, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_reading, "LARGE", 2**60)
        patch.setattr(import_batches, "INDEXED", 2**60)
        await services.imports.from_path(other_viewer, file)
    # Messages without a time get that of the import.
    ids = await stored_ids(services.store, viewer)
    assert ids == await stored_ids(services.store, other_viewer)
    for query in ("chat17", "topic3", '"message 4 of"', "nothing"):
        mine = await hits(services, viewer, query)
        assert mine == await hits(services, other_viewer, query)
        assert bool(mine) == (query != "nothing")
    assert [problem async for problem in services.checks.problems()] == []
    assert counts(await services.imports.from_path(viewer, file)) == (0, CHATS, 0, 0)


async def test_an_upload_is_read_by_its_descriptor(
    services: Services, viewer: Viewer, file: Path
) -> None:
    with file.open("rb") as stream:
        report = await services.imports.from_stream(viewer, stream, name="mine.jsonl")
    assert counts(report) == (CHATS, 0, 0, CHATS * LENGTH)


async def test_what_is_bad_is_told_and_harms_nothing(
    services: Services, viewer: Viewer, tmp_path: Path
) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(lines(bad=40))
    told: list[ImportFailure] = []
    options = ImportOptions(on_failure=told.append)
    report = await services.imports.from_path(viewer, path, options=options)
    assert counts(report) == (CHATS - 1, 0, 1, (CHATS - 1) * LENGTH)
    assert [(each.index, each.external_id) for each in told] == [(40, "odd")]
    assert "messages" in told[0].reason
    assert "line 41" in told[0].reason


async def test_what_has_grown_is_brought_up_to_date_among_what_is_new(
    services: Services, viewer: Viewer, tmp_path: Path
) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(lines(30))
    await services.imports.from_path(viewer, path)
    grown = orjson.loads(lines(30).split(b"\n")[29])
    grown["messages"].append({"role": "user", "content": "the zebra came late"})
    path.write_bytes(
        b"\n".join([*lines().split(b"\n")[:29], orjson.dumps(grown), *lines().split(b"\n")[30:]])
    )
    report = await services.imports.from_path(viewer, path)
    assert counts(report) == (CHATS - 29, 29, 0, (CHATS - 30) * LENGTH + 1)
    assert (await hits(services, viewer, "zebra"))[0] == "the zebra came late"
    assert [problem async for problem in services.checks.problems()] == []


async def test_few_long_messages_are_a_segment_too(
    services: Services, store: Store, viewer: Viewer, other_viewer: Viewer, tmp_path: Path
) -> None:
    path = tmp_path / "long.jsonl"
    said = [{"role": "user", "content": f"zebra{n} " + "so it went on " * 20_000} for n in range(3)]
    path.write_bytes(orjson.dumps({"id": "long", "messages": said}))
    await services.imports.from_path(viewer, path)
    async with store.write(viewer) as unit:
        assert await unit.segments.pending(100) == []
        assert len(await unit.segments.ready()) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_reading, "LARGE", 2**60)
        patch.setattr(import_batches, "INDEXED", 2**60)
        await services.imports.from_path(other_viewer, path)
    mine = await hits(services, viewer, "zebra1")
    assert mine == await hits(services, other_viewer, "zebra1")
    assert mine[0].startswith("zebra1 ")
    assert [problem async for problem in services.checks.problems()] == []


async def test_messages_that_wait_become_a_segment_first(
    services: Services, store: Store, viewer: Viewer, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "few.jsonl"
    path.write_bytes(lines(3).replace(b'"id":"c', b'"id":"d'))
    await services.imports.from_path(viewer, path)
    async with store.write(viewer) as unit:
        assert len(await unit.segments.pending(100)) == 3 * LENGTH
    await services.imports.from_path(viewer, file)
    async with store.write(viewer) as unit:
        assert await unit.segments.pending(100) == []
        state = await unit.index.state()
    assert state is not None
    assert state.flushed_number == state.next_number - 1 == (CHATS + 3) * LENGTH
    assert [problem async for problem in services.checks.problems()] == []


async def test_cancelled_import_ends_its_process(
    services: Services, viewer: Viewer, large_file: Path
) -> None:
    begun = asyncio.Event()
    options = ImportOptions(on_batch=lambda _: begun.set())
    task = asyncio.create_task(services.imports.from_path(viewer, large_file, options=options))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_process_that_dies_is_told(
    services: Services, viewer: Viewer, large_file: Path
) -> None:
    seen: list[ImportReport] = []

    def kill(report: ImportReport) -> None:
        seen.append(report)
        for pid in readers():
            os.kill(pid, 9)

    with pytest.raises(EOFError, match="ended before the file did"):
        await services.imports.from_path(viewer, large_file, options=ImportOptions(on_batch=kill))
    assert seen


async def test_what_was_told_as_imported_survives_a_killed_import(
    settings: Settings, services: Services, tmp_path: Path
) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(lines(1500))
    given = (settings.database_url, str(path))
    with python_module("tests.services.importing_process", *given) as process:
        # The log is long by then, and is being copied.
        told = [int(read_line(process)) for _ in range(4)]
        process.kill()
        assert process.stdout is not None
        told += map(int, process.stdout.read().splitlines())
    # What it sent last its server may still be committing. That holds the owner's number.
    async with services.store.write(LOCAL_VIEWER) as unit:
        await unit.next_owner_revision()
    stored = await stored_ids(services.store, LOCAL_VIEWER)
    # One more batch may be stored than the process lived to tell.
    assert told[-1] <= len(stored) <= told[-1] + told[0]
    assert [problem async for problem in services.checks.problems()] == []
    report = await services.imports.from_path(LOCAL_VIEWER, path)
    assert counts(report)[:3] == (1500 - len(stored), len(stored), 0)


async def test_two_large_imports_at_once_have_one_process(
    services: Services, viewer: Viewer, other_viewer: Viewer, file: Path
) -> None:
    reports = await asyncio.gather(
        *(services.imports.from_path(each, file) for each in (viewer, other_viewer))
    )
    assert [counts(report)[0] for report in reports] == [CHATS, CHATS]


@hypothesis_settings(max_examples=10)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_a_batch_is_the_same_behind_the_pipe(found: list[object]) -> None:
    for batch in batches(found):  # type: ignore[arg-type]
        batch.failures.append(ImportFailure(1, None, "why"))
        batch.block = block_of(batch.items)
        batch.position, batch.total = 3, None
        again = unpacked(packed(batch))
        assert isinstance(again, Batch)
        assert (again.items, again.failures, again.formats) == (
            batch.items,
            batch.failures,
            batch.formats,
        )
        assert (again.block, again.position, again.total) == (batch.block, 3, None)
