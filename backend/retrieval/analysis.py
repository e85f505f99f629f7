"""Text to index terms: folded, cut to their beginning, identifiers whole and in parts.

One analysis serves every language. Case and diacritics are folded ("Ação" and "acao" are one
word). A word of letters is represented by its first five, which conflates inflections about as
well as the right stemmer does, in English and Portuguese alike, with no guess at the language.
Words with digits stay whole. Scripts written without spaces become pairs of characters. What looks
like an identifier (``foo_bar``, ``#1234``, ``src/app.py``, ``camelCase``) is one term more, whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

VERSION = 1
"""Changes with anything that changes what a text's terms are; an index of another is rebuilt."""

STEM_LENGTH = 5
TERM_LENGTH = 64
"""Characters kept of a longer term: the width of a SHA-256 in hexadecimal."""

# Thai, Lao, Burmese, Khmer; kana; Han and what extends it: no spaces between words.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Blocks whose vowel signs are marks, which Python's \w leaves out; folding blanks what is
# neither letter nor mark in them.
_MARKED = "\u0900-\u1cff"
_EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff"

_WORD = re.compile(rf"(?:[^\W_]|[{_MARKED}])+|[{_EMOJI}]")
_SPACELESS_RUN = re.compile(rf"[{_SPACELESS}]+")
_COMPOUND = re.compile(
    r"""
      (?<![\w\#@]) [\#@] \w++ (?:[-./:]\w++)*+                  # #1234, @name, #some-topic
    | (?<!\w) \w++ (?:[-_./:\\@+?=&%~\#]++\w++)++                # foo-bar, src/app.py, a@b.org
    | (?<!\w) (?=[^\W\d]) [^\W_]*+ _ \w*+                       # foo_bar, _private
    | (?<!\w) [^\W\d_]{1,2} (?:\+\+|\#) (?!\w)                  # c++, c#
    """,
    re.VERBOSE,
)
_CAMEL = re.compile(
    r"(?<![^\W_]) (?: [^\W_]*?[a-z0-9](?=[A-Z]) | [A-Z]{2,}(?=[a-z]{2}) ) [^\W_]*+", re.VERBOSE
)
# Most messages hold no identifier, which these find out faster than the patterns above.
_COMPOUND_HINT = re.compile(r"[-_./:\\@+?=&%~\#][\w+]|\#")
_CAMEL_HINT = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]{2}")
# ASCII goes faster still: by tables that show only the kinds of characters, or only the words.
_KINDS = bytes(
    ord("a" if c.islower() or c.isdigit() else "A" if c.isupper() else c if c in "_#" else
        "_" if c == "+" else "-" if c in r"-./:\@?=&%~" else " ")
    for c in map(chr, range(128))
)  # fmt: skip
_KINDS += bytes(128)
_ASCII_WORDS = bytes(ord(c.lower() if c.isalnum() else " ") for c in map(chr, range(128)))
_ASCII_WORDS += bytes(128)
_CAMEL_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


class Span(NamedTuple):
    """A term and the characters of the text, from ``start`` to before ``end``, it stands for."""

    term: str
    start: int
    end: int


class _FoldTable(dict[int, str]):
    """A translation table for ``str.translate`` that fills itself."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character.casefold())
    kept = "".join(c for c in decomposed if not _is_diacritic(c))
    folded = unicodedata.normalize("NFC", kept)
    if "\u0900" <= character <= "\uabff" and not _is_letter_like(folded):
        return " "
    return folded


def _is_diacritic(character: str) -> bool:
    """Whether a mark only decorates a letter: Indic scripts spell vowels with marks, kana voice."""
    spelling = "\u0900" <= character <= "\u1aaf" or character in "\u3099\u309a"
    return unicodedata.category(character)[0] == "M" and not spelling


def _is_letter_like(text: str) -> bool:
    return all(unicodedata.category(c)[0] in "LMN" or "\u2600" <= c <= "\u27bf" for c in text)


_FOLD = _FoldTable()


def fold(text: str) -> str:
    """The text without case and diacritics; its length may differ from the text's."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def stem(word: str) -> str:
    """What represents a folded word: its beginning if it is all letters, else the word."""
    return word[:STEM_LENGTH] if word.isalpha() else word[:TERM_LENGTH]


def terms(text: str) -> list[str]:
    """The index terms of a text: every word in order, then every identifier as a whole.

    No term holds white space or a control character.
    """
    found: list[str] = []
    if text.isascii():
        words = text.encode().translate(_ASCII_WORDS).decode().split()
        found += [w[:5] if w.isalpha() else w[:64] for w in words]
    else:
        for word in _WORD.findall(text.translate(_FOLD)):
            if word.isascii():
                found.append(stem(word))
                continue
            for run, spaceless in _runs(word):
                found += [*run, *_pairs(run)] if spaceless else [stem(run)]
    found += identifiers(text)
    return found


def ascii_folded(text: bytes) -> bytes:
    """A text of ASCII with its folded words, and a space for every other character."""
    return text.translate(_ASCII_WORDS)


def ascii_kinds(text: bytes) -> bytes:
    """A text of ASCII as kinds of characters: a and A for letters, # for itself, _ and - for the
    signs that join, a space for every other."""
    return text.translate(_KINDS)


def identifiers(text: str) -> list[str]:
    """The terms of a text that stand for identifiers."""
    hints = _hints(text)
    return [span.term for span in _identifiers(text, *hints)] if any(hints) else []


def spans(text: str) -> list[Span]:
    """The terms that ``terms`` gives, each with its place in the text."""
    found = _words(text.lower()) if text.isascii() else _unfolded(text)
    return found + list(_identifiers(text, *_hints(text)))


def asked(text: str, ignored: frozenset[str] = frozenset()) -> list[str]:
    """The distinct terms to look for, leaving out words that are in ``ignored`` (folded words).

    As ``terms``, but a run of a script without spaces is asked for by its pairs alone; a single
    character of it still finds what holds it, because texts are indexed by both.
    """
    found: list[str] = []
    for word in _WORD.findall(fold(text)):
        for run, spaceless in _runs(word):
            if spaceless:
                found += _pairs(run) or [run]
            elif run not in ignored:
                found.append(stem(run))
    found += [term for term in identifiers(text) if term not in ignored]
    return list(dict.fromkeys(found))


def words(text: str) -> list[str]:
    """The folded words of a text, uncut, in order; of scripts without spaces each character."""
    found: list[str] = []
    for word in _WORD.findall(fold(text)):
        for run, spaceless in _runs(word):
            found += list(run) if spaceless else [run]
    return found


def _words(folded: str) -> list[Span]:
    return [s for match in _WORD.finditer(folded) for s in _spans_of(match[0], match.start())]


def _spans_of(word: str, start: int) -> Iterator[Span]:
    for run, spaceless in _runs(word):
        if spaceless:
            yield from _spaceless_spans(run, start)
        else:
            yield Span(stem(run), start, start + len(run))
        start += len(run)


def _runs(word: str) -> Iterator[tuple[str, bool]]:
    """A word cut where scripts with and without spaces meet."""
    at = 0
    for match in _SPACELESS_RUN.finditer(word):
        if match.start() > at:
            yield word[at : match.start()], False
        yield match[0], True
        at = match.end()
    if at < len(word):
        yield word[at:], False


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)]


def _spaceless_spans(run: str, start: int) -> Iterator[Span]:
    for i, character in enumerate(run):
        yield Span(character, start + i, start + i + 1)
        if i + 1 < len(run):
            yield Span(run[i : i + 2], start + i, start + i + 2)


def _unfolded(text: str) -> list[Span]:
    """Words of a folded text with places in the text itself: a fold may change the length."""
    origin: list[int] = []
    pieces: list[str] = []
    for at, character in enumerate(text):
        piece = _FOLD[ord(character)]
        pieces.append(piece)
        origin += [at] * len(piece)
    return [
        Span(term, origin[start], _end(text, origin[end - 1]))
        for term, start, end in _words("".join(pieces))
    ]


def _end(text: str, last: int) -> int:
    """The end of a word whose last letter is at ``last``, with the marks written after it."""
    end = last + 1
    while end < len(text) and not _FOLD[ord(text[end])]:
        end += 1
    return end


def _identifiers(text: str, compound: bool, camel: bool) -> Iterator[Span]:
    """Identifiers as wholes, and the parts of a camel case one, which no word boundary shows."""
    if compound:
        for match in _COMPOUND.finditer(text):
            yield Span(_whole(match[0]), match.start(), match.end())
    if camel:
        yield from _camel_spans(text)


def _hints(text: str) -> tuple[bool, bool]:
    """Whether there may be identifiers joined by signs, and whether by capitals."""
    if not text.isascii():
        return bool(_COMPOUND_HINT.search(text)), bool(_CAMEL_HINT.search(text))
    kinds = text.encode().translate(_KINDS)
    # Spelled out: a loop of any kind takes three times as long.
    compound = (
        b"-a" in kinds
        or b"-A" in kinds
        or b"#" in kinds
        or b"_a" in kinds
        or b"_A" in kinds
        or b"-_" in kinds
        or b"__" in kinds
    )
    return compound, b"aA" in kinds or b"AAaa" in kinds


def _camel_spans(text: str) -> Iterator[Span]:
    for match in _CAMEL.finditer(text):
        at = match.start()
        yield Span(_whole(match[0]), at, match.end())
        for part in _CAMEL_JOINT.split(match[0]):
            yield Span(stem(fold(part)), at, at + len(part))
            at += len(part)


def _whole(compound: str) -> str:
    return "".join(fold(compound).split())[:TERM_LENGTH]
