"""Imports for tests: many conversations at once, and what became of them."""

from __future__ import annotations

from datetime import timedelta

from backend.formats.document import DocumentConversation
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.imports import ImportReport
from tests.support.documents import START, chain
from tests.support.invariants import StoredConversation, sound_conversation


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Imported, unchanged and failed conversations, and messages."""
    return (report.imported, report.unchanged, report.failed, report.messages)


def many(count: int, length: int = 2) -> list[DocumentConversation]:
    """Conversations c0, c1, …, each an hour after the one before."""
    return [
        chain(
            *(f"{place}.{n}" for n in range(length)),
            external_id=f"c{place}",
            created_at=START + timedelta(hours=place),
            index=place,
        )
        for place in range(count)
    ]


async def stored_ids(store: Store, viewer: Viewer) -> list[str]:
    """The ids of all conversations."""
    async with store.read(viewer) as unit:
        return await unit.exports.ids_after(None, 10_000)


async def imported(
    services: Services, viewer: Viewer, found: DocumentConversation
) -> StoredConversation:
    """What a document is stored as."""
    await services.imports.run(viewer, [found])
    async with services.store.read(viewer) as unit:
        [here] = await unit.imports.list_by_sources(found.format, [found.external_id])
    return await sound_conversation(services.store, viewer, here.id)
