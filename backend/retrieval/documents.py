"""What the index holds of one chunk of a message, and what an embedder is given of it."""

from __future__ import annotations

from typing import NamedTuple

from backend.retrieval.analysis import terms
from backend.retrieval.postings import SCOPE

PASSAGE_TEMPLATE = '{speaker} said, "{text}"'
"""Who speaks belongs to what is embedded; the form is part of what a vector means."""


class Indexed(NamedTuple):
    """A chunk's terms joined by spaces, and how many of them come from words."""

    joined: str
    length: int


def indexed(text: str, *, speaker: str | None, conversation_id: str, role: str) -> Indexed:
    """The terms of a chunk: its words, its speaker's name, its conversation and role."""
    found = terms(text)
    if speaker:
        found += terms(speaker)
    scopes = [in_conversation(conversation_id), with_role(role)]
    return Indexed(" ".join(found + scopes), len(found))


def in_conversation(conversation_id: str) -> str:
    """The term that every chunk of the conversation holds."""
    return f"{SCOPE}c:{conversation_id}"


def with_role(role: str) -> str:
    """The term that every chunk of a message with this role holds."""
    return f"{SCOPE}r:{role.lower()}"


def is_scope(term: str) -> bool:
    """Whether a term says where a chunk belongs."""
    return term.startswith(SCOPE)


def passage(text: str, *, speaker: str | None, role: str) -> str:
    """A chunk as it is embedded; a message without a name is said by its role."""
    name = " ".join((speaker or role.capitalize()).split())
    return PASSAGE_TEMPLATE.format(speaker=name, text=text)
