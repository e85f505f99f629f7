"""What a person typed into a search box, as terms, phrases and exclusions.

``"exact words"`` must stand in the text in that order, ``-word`` and ``-"exact words"`` must not;
everything else is looked for and ranked. There is no other syntax and no input that is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.retrieval.analysis import asked, words
from backend.retrieval.dates import Days, named_days
from backend.retrieval.stopwords import STOP_WORDS

QUERY_CHARACTERS = 10_000
"""What is longer is cut: it is a document, and its beginning says what it is about."""

QUERY_TERMS = 64
"""Distinct terms looked up at most, the first ones; see ``ranking.Bm25`` for how many count."""

_PIECE = re.compile(r'(?<!\S)(-?)(?:"([^"]+)"|([^\s"]+))|"([^"]+)"|[^\s"]+')


@dataclass(frozen=True)
class Phrase:
    """Words to be found side by side; ``terms`` are what the index can check of it."""

    text: str
    terms: tuple[str, ...]

    def is_in(self, text: str) -> bool:
        """Whether the words stand in the text in this order, whatever their case and accents."""
        return self.text in _spaced(text)


@dataclass(frozen=True)
class Query:
    """A parsed query.

    ``terms`` are ranked, those of the phrases among them; every one of ``phrases`` has to be in a
    hit and none of ``excluded``; ``days`` are the days it names. ``text`` is the input without the
    exclusions: what an embedder is asked.
    """

    text: str
    terms: tuple[str, ...]
    phrases: tuple[Phrase, ...] = ()
    excluded: tuple[Phrase, ...] = ()
    days: tuple[Days, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing in it could be looked for, as in "?!" or only exclusions."""
        return not self.terms

    def admits(self, text: str) -> bool:
        """Whether a text holds every phrase and nothing that is excluded."""
        return all(phrase.is_in(text) for phrase in self.phrases) and not any(
            phrase.is_in(text) for phrase in self.excluded
        )


def parse_query(text: str) -> Query:
    """Never fails; a query of nothing but stop words looks for these."""
    kept: list[str] = []
    phrases: list[Phrase] = []
    excluded: list[Phrase] = []
    for match in _PIECE.finditer(text[:QUERY_CHARACTERS].replace("\x00", " ")):
        quoted = match[2] or match[4]
        if match[1] and (phrase := _phrase(quoted or match[3])):
            excluded.append(phrase)
            continue
        kept.append(quoted or match[0])
        if quoted and (phrase := _phrase(quoted)):
            phrases.append(phrase)
    return _query(" ".join(kept), tuple(phrases), tuple(excluded))


def free_text(text: str) -> Query:
    """A query from text that was not written as one, such as a message: no syntax is read in it."""
    return _query(text[:QUERY_CHARACTERS].replace("\x00", " "), (), ())


def _query(wanted: str, phrases: tuple[Phrase, ...], excluded: tuple[Phrase, ...]) -> Query:
    found = asked(wanted, STOP_WORDS) or asked(wanted)
    return Query(wanted, tuple(found[:QUERY_TERMS]), phrases, excluded, named_days(wanted))


def _phrase(text: str) -> Phrase | None:
    spaced = _spaced(text)
    return Phrase(spaced, tuple(asked(text))) if spaced.strip() else None


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "
