"""Whether the server works: the database answers and its tables are the ones this code knows."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from backend.database.database import Dialect
from backend.routers.documents import Document
from backend.routers.health_report import PATH, report
from backend.routers.openapi import answers
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices

router = APIRouter(tags=["server"], route_class=ProblemRoute)


class Embedding(Document):
    """How far vectors are behind what is stored."""

    model: str | None = Field(description="The configured model; null until it is known.")
    state: Literal["starting", "ready", "changing", "unavailable", "refused"] = Field(
        description="starting: what is stored is not all queued yet; changing: the model before "
        "still serves; unavailable: the model cannot be asked; refused: what it answers is of no "
        "use."
    )
    waiting: int = Field(description="Pieces of messages that wait for a vector.")
    refused: int = Field(description="Pieces that the model refused; they are tried again.")


class Health(Document):
    """How the server is."""

    status: Literal["ok", "unavailable"]
    database: Dialect
    migration: str | None
    version: str
    embedding: Embedding | None = Field(description="Null where no embedder is configured.")


@router.get(
    PATH,
    operation_id="readHealth",
    summary="Read whether the server works",
    responses={
        **answers(200, Health, "It works."),
        **answers(503, Health, "The database does not answer."),
    },
)
async def read_health(services: RequestServices) -> Response:
    """Asks the database which migration it is at."""
    return await report(services)
