"""Rows that hold several terms: what is packed is found again, term by term."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from hypothesis import example, given
from hypothesis import strategies as st

from backend.repositories.search_rows import PACK
from backend.retrieval.analysis import terms
from backend.retrieval.packs import SHARED, is_pack, of_term, packed, rid_of, unpacked
from backend.retrieval.postings import POSTING_BYTES, RUN_LENGTH, Run, segment, terms_of, without

WORDS = st.sampled_from([*"abcdefgh", "ação", "猫", "x" * 64, "\x01r:user", "\U0001f600"])
CHUNKS = st.dictionaries(st.integers(1, 2**32 - 1), st.lists(WORDS).map(" ".join), max_size=30)
MANY = {number: "often" if number % 2 else f"often word{number}" for number in range(1, 700)}
SOME = {number: f"some w{number:04}" for number in range(1, SHARED + 1)}


def runs_of(chunks: dict[int, str]) -> list[Run]:
    """The runs of a segment."""
    return list(segment(sorted(chunks.items())))


@given(CHUNKS)
@example(MANY)
@example(SOME)
def test_what_is_packed_comes_out_as_it_went_in(chunks: dict[int, str]) -> None:
    rows = list(packed(runs_of(chunks)))
    assert [run for row in rows for run in unpacked(row)] == sorted(runs_of(chunks), key=_place)
    assert all(len(row.data) <= RUN_LENGTH * POSTING_BYTES for row in rows)


@given(CHUNKS)
@example(MANY)
@example(SOME)
def test_a_term_is_in_its_rows_or_in_the_last_pack_that_begins_no_later(
    chunks: dict[int, str],
) -> None:
    rows = list(packed(runs_of(chunks)))
    for term, runs in groupby(runs_of(chunks), attrgetter("term")):
        packs = [row for row in rows if is_pack(row.term) and row.term <= PACK + term]
        places = [row for row in rows if row.term == term] + packs[-1:]
        found = [of_term(term, row.term, row.data) for row in places]
        assert b"".join(found) == b"".join(run.data for run in runs)
        assert all(not of_term(term + "?", row.term, row.data) for row in packs)


@given(st.text())
@example("foo_bar#x/")
def test_no_term_of_a_text_begins_as_packs_do(text: str) -> None:
    assert not any(PACK in term for term in terms(PACK + text + PACK + PACK.join(text)))


def test_few_rows_hold_many_terms() -> None:
    rows = list(packed(runs_of(MANY)))
    assert len(runs_of(MANY)) == 349 + 3
    assert [row.term for row in rows if not is_pack(row.term)] == ["often"] * 3
    assert len(rows) < 10


@given(CHUNKS, st.data())
def test_deleted_chunks_leave_nothing_in_a_pack(
    chunks: dict[int, str], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(chunks)))) if chunks else set()
    affected = terms_of({number: chunks[number] for number in gone})
    rows = list(packed(runs_of(chunks)))
    left = [row._replace(data=rid_of(row, affected)) for row in rows]
    kept = [(run.term, run.data) for row in left if row.data for run in unpacked(row)]
    alone = [(run.term, without(run.data, affected.get(run.term, ()))) for run in runs_of(chunks)]
    assert kept == [(term, rest) for term, rest in alone if rest]


def _place(run: Run) -> tuple[str, int]:
    return run.term, run.first_number
