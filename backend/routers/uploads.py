"""Bodies of any size: taken from the network into a temporary file, never whole into memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.requests import Request

from backend.errors import Invalid
from backend.routers.problems import unsupported_media_type
from backend.routers.requests import limited, media_type

FORM = "multipart/form-data"
FILES = (
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
    "application/zip",
    "application/octet-stream",
)
IN_MEMORY = 1024 * 1024
"""Bytes up to which a body is kept in memory, and the size of the pieces written to disk."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent; ``name`` is what the client calls it."""

    stream: BinaryIO
    name: str | None


class LimitedRequest(Request):
    """A request whose body cannot be read beyond a limit."""

    def __init__(self, request: Request, limit: int) -> None:
        super().__init__(request.scope, request.receive)
        self._pieces = limited(request, limit)

    async def stream(self) -> AsyncIterator[bytes]:  # type: ignore[override]
        """The pieces of the body; raises TooLarge."""
        async for piece in self._pieces:
            yield piece


@asynccontextmanager
async def upload_of(request: Request, limit: int) -> AsyncIterator[Upload]:
    """The file in a request, as a form's ``file`` or as the body itself; gone with the block.

    Raises TooLarge, UnsupportedFormat, Invalid.
    """
    given = media_type(request)
    if given == FORM:
        async with LimitedRequest(request, limit).form(max_files=1, max_fields=0) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Invalid("The form has no file named file.", field=("file",))
            yield Upload(file.file, file.filename)
    elif given in FILES:
        with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            stream = cast(BinaryIO, spool)
            await _spool(request, limit, stream)
            yield Upload(stream, None)
    else:
        raise unsupported_media_type(f"{FORM}, or as {', '.join(FILES)}")


async def _spool(request: Request, limit: int, file: BinaryIO) -> None:
    pending = bytearray()
    async for piece in limited(request, limit):
        pending += piece
        if len(pending) >= IN_MEMORY:
            await anyio.to_thread.run_sync(file.write, bytes(pending))
            pending.clear()
    await anyio.to_thread.run_sync(file.write, bytes(pending))
    await anyio.to_thread.run_sync(file.seek, 0)
