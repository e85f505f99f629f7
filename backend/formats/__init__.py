"""One module for each chat format: bytes to conversations, conversations to bytes; nothing else.

Reading: `open_documents` (paths), `read_documents` (streams), `read_value` (parsed JSON), `detect`.
Writing: `WRITERS`, by name, each from an iterable of conversations to an iterator of bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from backend.formats import conversa, markdown, openai_write, openwebui_write
from backend.formats.document import (
    DocumentConversation,
    DocumentFailure,
    DocumentFeedback,
    DocumentMessage,
    DocumentVersion,
)
from backend.formats.errors import UnsupportedFormat
from backend.formats.reader import (
    FORMATS,
    Documents,
    detect,
    open_documents,
    read_documents,
    read_value,
)

WRITERS: dict[str, Callable[[Iterable[DocumentConversation]], Iterator[bytes]]] = {
    "conversa": conversa.write_documents,
    "markdown": markdown.write_documents,
    "openai": openai_write.write_documents,
    "openwebui": openwebui_write.write_documents,
}

__all__ = [
    "FORMATS",
    "WRITERS",
    "DocumentConversation",
    "DocumentFailure",
    "DocumentFeedback",
    "DocumentMessage",
    "DocumentVersion",
    "Documents",
    "UnsupportedFormat",
    "detect",
    "open_documents",
    "read_documents",
    "read_value",
]
