"""The rows of several segments that become one, a step at a time.

A step takes what a few hundred rows hold, however many chunks have a term: of terms with few rows
several, of others the postings of so many numbers. So what a merge holds does not grow with what is
merged.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models.types import SortKey
from backend.repositories.dialect_lists import given, statement
from backend.repositories.search_rows import END, PACK, Place, PostingRow

RUNS_A_STEP = 32
PACKS_A_STEP = 4
"""Of one segment; one holds some hundred terms."""

NUMBERS_A_STEP = 65_536
"""Of a term that has more runs in a segment. A number has one posting in all segments together."""

_NEXT_TERM = """
SELECT MIN(t) AS term FROM (
  SELECT (SELECT p.term FROM search_postings p
          WHERE p.segment_id = s.id AND p.term < :pack
            AND (p.term, p.first_number) >= (:term, :number)
          ORDER BY p.term, p.first_number LIMIT 1 OFFSET :runs) AS t
  FROM search_segments s WHERE s.id IN (SELECT value FROM {sources})
  UNION ALL
  SELECT (SELECT substr(p.term, 2) FROM search_postings p
          WHERE p.segment_id = s.id AND p.term > CAST(:pack AS TEXT) || :term
          ORDER BY p.term LIMIT 1 OFFSET :packs) AS t
  FROM search_segments s WHERE s.id IN (SELECT value FROM {sources})) ends
"""
# All terms come before those of packs. What begins before the place may reach beyond it.
_ROWS = """
SELECT p.segment_id, p.term, p.first_number, p.data
FROM {sources} {join} search_postings p ON p.segment_id = sources.value
  AND (p.term, p.first_number) >= (:term, COALESCE(
      (SELECT MAX(q.first_number) FROM search_postings q WHERE q.segment_id = sources.value
       AND q.term = :term AND q.first_number <= :number), 0))
  AND (p.term, p.first_number) < (:end_term, :end_number)
UNION ALL
SELECT p.segment_id, p.term, p.first_number, p.data
FROM {sources} {join} search_postings p ON p.segment_id = sources.value
  AND p.term >= COALESCE((SELECT MAX(q.term) FROM search_postings q
      WHERE q.segment_id = sources.value
        AND q.term >= :pack AND q.term <= CAST(:pack AS TEXT) || :term), :pack)
  AND p.term <= CAST(:pack AS TEXT) || :end_term
"""


async def merge_step(
    connection: AsyncConnection, sources: Sequence[int], begin: Place
) -> tuple[list[PostingRow], Place]:
    """The rows of the segments that hold the next postings from a place on, and the place where
    these end: ``END`` if they are the last. Rows may hold postings before and after these, too."""
    kinds = {"sources": "bigint"}
    chosen = {
        "sources": given(connection, sources),
        "pack": PACK,
        "term": begin.term,
        "number": begin.number,
    }
    found = statement(connection, _NEXT_TERM, kinds, ("number", "runs", "packs"))
    term = await connection.scalar(
        found.columns(term=SortKey), {**chosen, "runs": RUNS_A_STEP, "packs": PACKS_A_STEP}
    )
    if term is None:
        end = END
    elif term == begin.term:
        end = Place(term, begin.number + NUMBERS_A_STEP)
    else:
        end = Place(term, 0)
    made = statement(connection, _ROWS, kinds, ("number", "end_number"))
    rows = await connection.execute(
        made, {**chosen, "end_term": end.term, "end_number": end.number}
    )
    return [PostingRow._make(row) for row in rows], end
