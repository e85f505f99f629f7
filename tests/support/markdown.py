"""The fenced blocks of the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line it begins at."""

    language: str
    text: str
    line: int


def blocks(name: str) -> list[Block]:
    """The blocks of a document, in order."""
    document = (ROOT / name).read_text("utf-8")
    return [
        Block(found[1], found[2], document.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(document)
    ]


def documents() -> list[str]:
    """Every document that is for readers."""
    kept = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in kept)
