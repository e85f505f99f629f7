"""What a row of postings is, for who reads and writes them and for who makes them."""

from __future__ import annotations

from typing import NamedTuple

PACK = "\U0010ffff"
"""Begins the terms of rows that hold several terms, and of nothing else: no word holds what is no
character. They come after all other rows; the rest of the term is no higher than any in the row."""


class PostingRow(NamedTuple):
    """A run of one term in one segment, or a pack of several terms' runs."""

    segment_id: int
    term: str
    first_number: int
    data: bytes


class Place(NamedTuple):
    """A place among a segment's postings: before those of a term from a chunk's number on."""

    term: str
    number: int


BEGIN = Place("", 0)
END = Place(PACK, 0)
