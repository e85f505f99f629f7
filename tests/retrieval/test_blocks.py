"""A block of chunks is the segment they would have become one by one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from backend.retrieval.analysis import identifiers
from backend.retrieval.ascii_texts import suspects
from backend.retrieval.blocks import ChunkText, block_of, stored_rows
from backend.retrieval.documents import indexed
from backend.retrieval.packs import packed, unpacked
from backend.retrieval.postings import RUN_LENGTH, length_code, segment, word_count

TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(max_codepoint=127)),
    st.text("aA0_-#+. @:/b\x00\x01\x1c"),
    st.lists(st.sampled_from(["Ação", "getHTTPResponse", "foo_bar", "don't", "#12", "a" * 90])).map(
        " ".join
    ),
)
CHUNKS = st.lists(
    st.builds(
        ChunkText,
        TEXTS,
        st.none() | TEXTS,
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["user", "tool"]),
    ),
    min_size=1,
    max_size=12,
)


def one_by_one(chunks: list[ChunkText]) -> list[tuple[str, int]]:
    """Each chunk's terms joined by spaces, and its length."""
    return [
        indexed(
            each.text, speaker=each.speaker, conversation_id=each.conversation_id, role=each.role
        )
        for each in chunks
    ]


@given(CHUNKS, st.integers(1, 2**31))
@example([ChunkText("word " * 300, None, "c1", "user")] * (RUN_LENGTH + 1), 7)
@example([ChunkText("", None, "c1", "user")], 1)
def test_a_block_is_the_segment_of_its_chunks(chunks: list[ChunkText], first: int) -> None:
    block, lengths = block_of(chunks)
    alone = one_by_one(chunks)
    assert lengths == [length for _, length in alone]
    assert block.length == sum(word_count(joined) for joined, _ in alone)
    numbered = [(number, joined) for number, (joined, _) in enumerate(alone, first)]
    rows = list(stored_rows(block, first))
    assert rows == list(packed(segment(numbered)))
    assert [run for row in rows for run in unpacked(row)] == list(segment(numbered))


def test_lengths_are_coded_as_in_a_segment() -> None:
    block, _ = block_of([ChunkText("a b c", "d", "c1", "user")])
    runs = [run for row in stored_rows(block, 1) for run in unpacked(row)]
    assert {run.data[5] for run in runs} == {length_code(4)}


@given(st.lists(st.text("aA0_-#+. @:/b\x00\x01", max_size=8)))
def test_texts_that_hold_identifiers_are_among_the_suspects(texts: list[str]) -> None:
    holding = {place for place, text in enumerate(texts) if identifiers(text)}
    assert holding <= set(suspects(texts))
