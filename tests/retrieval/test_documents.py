"""What the index and the embedder are given of a chunk."""

from __future__ import annotations

from hypothesis import given

from backend.retrieval.documents import in_conversation, indexed, is_scope, passage, with_role
from backend.retrieval.postings import word_count
from tests.retrieval.test_analysis import AWKWARD


def test_words_the_speaker_and_where_it_belongs() -> None:
    found = indexed("The harbour", speaker="Ana Sá", conversation_id="c-1", role="USER")
    assert found.joined.split() == ["the", "harbo", "ana", "sa", "\x01c:c-1", "\x01r:user"]
    assert found.length == 4


@given(AWKWARD, AWKWARD)
def test_no_text_can_claim_to_belong_elsewhere(text: str, speaker: str) -> None:
    found = indexed(text, speaker=speaker, conversation_id="1", role="user")
    scopes = [term for term in found.joined.split(" ") if is_scope(term)]
    assert scopes == [in_conversation("1"), with_role("user")]
    assert word_count(found.joined) == found.length


def test_who_speaks_is_embedded_with_it() -> None:
    assert passage("Hello", speaker="Ana\n Sá", role="user") == 'Ana Sá said, "Hello"'
    assert passage("Hi", speaker=None, role="assistant") == 'Assistant said, "Hi"'
