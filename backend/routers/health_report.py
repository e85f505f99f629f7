"""How the server is, as `/healthz` tells it, without the rest of REST: probes ask all the time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson
from starlette.responses import Response

from backend import __version__
from backend.database.health import applied_migration
from backend.services.container import Services

PATH = "/healthz"
PATIENCE = 5.0
"""Seconds after which a database that does not answer counts as one that is not there."""

logger = logging.getLogger("conversa.health")


async def report(services: Services) -> Response:
    """Asks the database which migration it is at."""
    database = services.store.database
    health: dict[str, Any] = {
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
        return _response({**health, "status": "unavailable"}, 503)
    return _response(health, 200)


def _response(health: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(health), status, media_type="application/json")
