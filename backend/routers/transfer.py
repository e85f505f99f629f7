"""Old chats in, all chats out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from backend.config import Settings
from backend.routers.documents import Document, respond
from backend.routers.openapi import Responses, answers, failures, headers_named
from backend.routers.parameters import ChatId, Flag
from backend.routers.requests import ProblemRoute
from backend.routers.uploads import FILES, FORM, upload_of
from backend.routers.viewer import RequestServices, RequestViewer
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.exports import FORMATS
from backend.services.imports import ImportOptions

MEBIBYTE = 1024 * 1024
ImportFormat = Literal[
    "plain", "chatgpt", "claude", "openwebui", "librechat", "openai", "langchain", "conversa"
]
ExportFormat = Annotated[
    Literal["conversa", "markdown", "openai", "openwebui"],
    Query(alias="format", description="The form; conversa keeps everything."),
]
router = APIRouter(prefix="/api", tags=["transfer"], route_class=ProblemRoute)

_FILE: dict[str, Any] = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {**_FILE, "description": "The file, whatever its format."}},
    "additionalProperties": False,
}
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file in any format that is known: JSON, JSON Lines or a zip.",
        "content": {
            FORM: {"schema": _FORM},
            **{each: {"schema": _FILE} for each in FILES},
            "application/json": {"schema": {}},
        },
    }
}

_FILES: Responses = {
    200: {
        "description": "The file, as it is made.",
        "headers": headers_named("Content-Disposition"),
        "content": {
            form.media_type: {"schema": {"type": "array" if form.suffix == ".json" else "string"}}
            for form in FORMATS.values()
        },
    }
}


class Failure(Document):
    """A conversation that is not imported."""

    index: int = Field(ge=0, description="Its place in the file, from 0.")
    external_id: str | None = Field(description="What the file calls it.")
    reason: str


class Report(Document):
    """What an import did; after a dry run, what it would have done."""

    format: str | None = Field(description="The format of what was read; null where nothing was.")
    formats: list[str] = Field(description="All formats, where there were several.")
    imported: int = Field(ge=0, description="Conversations that are new here or had news.")
    unchanged: int = Field(ge=0, description="Conversations that were here already.")
    failed: int = Field(ge=0, description="Conversations that could not be imported.")
    messages: int = Field(ge=0, description="Messages that were added or changed.")
    failures: list[Failure] = Field(description="The first failures; all are counted.")


@router.post(
    "/import",
    operation_id="importChats",
    summary="Import chats",
    responses={
        **answers(200, Report, "What was imported, and what was not."),
        **failures(400, 413, 415),
    },
    openapi_extra=_UPLOAD,
)
async def import_chats(
    request: Request,
    viewer: RequestViewer,
    services: RequestServices,
    format_: Annotated[
        ImportFormat | None,
        Query(alias="format", description="The file's format; found out where left out."),
    ] = None,
    dry_run: Annotated[
        Flag, Query(description="Whether to store nothing and only report.")
    ] = False,
) -> Response:
    """Reads a file of old chats. Importing it again changes nothing and says so."""
    settings: Settings = request.app.state.settings
    async with upload_of(request, settings.upload_megabytes * MEBIBYTE) as upload:
        report = await services.imports.from_stream(
            viewer, upload.stream, format_, upload.name, ImportOptions(dry_run=dry_run)
        )
    return respond(
        {
            "format": report.format,
            "formats": report.formats,
            "imported": report.imported,
            "unchanged": report.unchanged,
            "failed": report.failed,
            "messages": report.messages,
            "failures": [asdict(failure) for failure in report.failures],
        }
    )


@router.get(
    "/export",
    operation_id="exportChats",
    summary="Export all chats",
    response_class=StreamingResponse,
    responses={**_FILES, **failures(400)},
)
async def export_chats(
    viewer: RequestViewer, services: RequestServices, format_: ExportFormat = "conversa"
) -> Response:
    """All chats as one file, sent while it is made."""
    return await _export(services, viewer, format_, None)


@router.get(
    "/chats/{chat_id}/export",
    operation_id="exportChat",
    summary="Export a chat",
    response_class=StreamingResponse,
    responses={**_FILES, **failures(400, 404)},
)
async def export_chat(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    format_: ExportFormat = "conversa",
) -> Response:
    """One chat as a file, sent while it is made."""
    return await _export(services, viewer, format_, chat_id)


async def _export(
    services: Services, viewer: Viewer, format_: str, chat_id: str | None
) -> Response:
    pieces = await services.exports.start(viewer, format_, chat_id)
    # What fails before the first piece is still an answer; later it can only break the connection.
    first = await anext(pieces, b"")
    form = FORMATS[format_]
    name = f"conversa-{chat_id or 'chats'}{form.suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_after(first, pieces), 200, headers, form.media_type)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
