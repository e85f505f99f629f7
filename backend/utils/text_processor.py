"""What is done to text before it is stored, shown, searched or sent to a model.

Token counts live in ``tokens``, splitting in ``splitting``, snippets in ``snippets``; this module
is the door to all of them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from backend.utils.snippets import Snippet, TextRange, find_terms, snippet
from backend.utils.splitting import Chunk, join_chunks, split_text
from backend.utils.tokens import (
    DEFAULT_ENCODING,
    ENCODINGS,
    count_tokens,
    count_tokens_of,
    load_encoding,
)

__all__ = [
    "DEFAULT_ENCODING",
    "ENCODINGS",
    "Chunk",
    "Snippet",
    "TextRange",
    "count_tokens",
    "count_tokens_of",
    "find_terms",
    "join_chunks",
    "load_encoding",
    "make_title",
    "nfc",
    "normalise",
    "snippet",
    "split_text",
    "title_key",
]

TITLE_KEY_CHARACTERS: Final = 300

# Accents of the alphabets that write them as additions to a letter. Marks elsewhere are letters of
# their own: without them Hindi or Thai words would no longer differ.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_FENCE_LINE = re.compile(r"\s*(?:`{3,}|~{3,})")
_MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,9}[.)]\s+)+")
_EMPHASIS = re.compile(r"\*\*|`")


def normalise(text: str) -> str:
    """The text as it can be stored: what was sent, less what a database cannot hold.

    NUL is removed, a surrogate pair becomes the character it stands for, a lone surrogate U+FFFD.
    Line ends, spaces and composition stay as they were sent.

    >>> normalise("a\\x00b\\r\\n")
    'ab\\r\\n'
    """
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def nfc(text: str) -> str:
    """Unicode's composed form (UAX 15), for keys that are compared: the same word, the same key.

    >>> nfc("e\\u0301") == "é"
    True
    """
    return unicodedata.normalize("NFC", text)


def title_key(title: str) -> str:
    """What titles are sorted by and searched in: no case, no accents, spaces folded.

    Compare keys by code point, so that every database gives the same order. The key of a part of
    a title is found in the key of the whole, unless it lies past the 300 characters that are kept.
    Caseless form after Unicode's D146.

    >>> title_key("  Ação   é\\tSTRASSE ")
    'acao e strasse'
    """
    folded = unicodedata.normalize("NFKD", normalise(title).casefold()).casefold()
    bare = nfc(_ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))
    return " ".join(bare.split())[:TITLE_KEY_CHARACTERS].rstrip()


def make_title(text: str, limit: int = 80) -> str:
    """A title of at most ``limit`` characters from the first line of a message that says something.

    Markdown's line markers and emphasis are dropped; a longer line ends at a word, with an
    ellipsis. Empty where the text says nothing.

    >>> make_title("## How do I **sort** a list?\\n\\nI tried ...")
    'How do I sort a list?'
    >>> make_title("a title that is too long", limit=16)
    'a title that is…'
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    lines = (_bare_line(line) for line in text.splitlines())
    return _shortened(next(filter(None, lines), ""), limit)


def _bare_line(line: str) -> str:
    if _FENCE_LINE.match(line):
        return ""
    return " ".join(_EMPHASIS.sub("", _MARKUP.sub("", line)).split())


def _shortened(line: str, limit: int) -> str:
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    words = head if line[limit - 1] == " " else head.rpartition(" ")[0]
    return (words or head).rstrip(" ,;:.-") + "…"
