"""Rows of postings, changed past the services."""

from __future__ import annotations

import sqlalchemy as sa

from backend.database.database import Database
from backend.models import SearchPostings
from backend.repositories.bulk import insert_rows
from backend.repositories.search_rows import PACK, PostingRow
from backend.retrieval.packs import unpacked
from backend.retrieval.postings import Run


async def part_rows(database: Database) -> None:
    """Gives every term rows of its own, as they were before several terms shared one."""
    async with database.write() as connection:
        packs = await connection.execute(
            sa.select(SearchPostings.__table__).where(SearchPostings.term >= PACK)
        )
        runs = [(each[0], *run) for each in packs for run in unpacked(Run(*each[1:]))]
        await connection.execute(sa.delete(SearchPostings).where(SearchPostings.term >= PACK))
        await insert_rows(connection, SearchPostings.__table__, PostingRow._fields, runs)
