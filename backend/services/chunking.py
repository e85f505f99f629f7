"""Where a message is cut into the chunks that are indexed."""

from __future__ import annotations

from backend.utils.recalled import OPENING, without_recalled
from backend.utils.text_processor import split_text

CHUNK_CHARACTERS = 1000


def own_content(content: str) -> str:
    """What a message says itself: not what was recalled for it, which has its place already."""
    return without_recalled(content) if OPENING in content else content


def ranges(content: str) -> list[tuple[int, int]]:
    """From where to before where each chunk reaches; a message without text is one of nothing."""
    if len(content) <= CHUNK_CHARACTERS:
        return [(0, len(content))]
    return [(piece.start, piece.end) for piece in split_text(content, CHUNK_CHARACTERS)]
