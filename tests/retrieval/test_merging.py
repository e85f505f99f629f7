"""A merge in steps makes what a merge at once would."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backend.repositories.search_rows import BEGIN, END, Place
from backend.retrieval.merging import merged
from backend.retrieval.packs import is_pack, packed, unpacked
from backend.retrieval.postings import Run, segment

WORDS = ["\x01c:1", "a", "b", "cc", "foo_bar", "é", "東京"]
CHUNKS = st.dictionaries(
    st.integers(1, 40), st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=40
)
PLACES = st.lists(st.builds(Place, st.sampled_from(WORDS), st.integers(0, 41)), max_size=6)


def postings(rows: list[Run]) -> dict[str, bytes]:
    """The postings of each term, in the order of the rows."""
    found: dict[str, bytes] = {}
    for row in rows:
        for run in unpacked(row):
            found[run.term] = found.get(run.term, b"") + run.data
    return found


@given(CHUNKS, st.integers(1, 4), st.booleans(), st.booleans(), PLACES)
def test_steps_make_the_segment_of_all(
    chunks: dict[int, str], parts: int, follow: bool, packs: bool, places: list[Place]
) -> None:
    numbers = sorted(chunks)
    size = len(numbers) // parts + 1
    rows: list[Run] = []
    for part in range(parts):
        own = numbers[part * size : (part + 1) * size] if follow else numbers[part::parts]
        runs = segment((number, chunks[number]) for number in own)
        rows += packed(runs) if packs and part % 2 else runs
    steps = [BEGIN, *sorted(set(places)), END]
    made = [run for begin, end in pairwise(steps) for run in merged(rows, begin, end)]
    assert postings(made) == postings(list(segment(sorted(chunks.items()))))
    # No term is in a pack and in rows of its own, nor in two packs; and keys are keys.
    held = [run.term for row in made if is_pack(row.term) for run in unpacked(row)]
    alone = {row.term for row in made if not is_pack(row.term)}
    assert len(held) == len(set(held))
    assert alone.isdisjoint(held)
    assert len({(row.term, row.first_number) for row in made}) == len(made)


def test_of_a_row_only_what_lies_between_is_taken() -> None:
    [run] = segment((number, "a") for number in range(10, 20))
    (low,) = merged([run], BEGIN, Place("a", 15))
    (high,) = merged([run], Place("a", 15), END)
    assert (low.first_number, high.first_number) == (10, 15)
    assert low.data + high.data == run.data
    assert list(merged([run], BEGIN, Place("a", 0))) == []
