"""Whether the server works: the database answers and its tables are the ones this code knows."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from backend import __version__
from backend.database.database import Dialect
from backend.database.health import applied_migration
from backend.routers.documents import Document, Json, respond
from backend.routers.openapi import answers
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices

PATIENCE = 5.0
"""Seconds after which a database that does not answer counts as one that is not there."""

logger = logging.getLogger("conversa.health")
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
    "/healthz",
    operation_id="readHealth",
    summary="Read whether the server works",
    responses={
        **answers(200, Health, "It works."),
        **answers(503, Health, "The database does not answer."),
    },
)
async def read_health(services: RequestServices) -> Response:
    """Asks the database which migration it is at."""
    database = services.store.database
    health: Json = {
        "status": "ok",
        "database": database.dialect,
        "migration": None,
        "version": __version__,
        "embedding": None,
    }
    try:
        async with asyncio.timeout(PATIENCE):
            health["migration"] = await applied_migration(database)
            lag = await services.embedding.lag()
            health["embedding"] = lag and lag._asdict()
    except Exception as error:
        logger.warning("the database does not answer: %s", type(error).__name__)
        return respond({**health, "status": "unavailable"}, 503)
    return respond(health)
