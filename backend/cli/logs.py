"""How the server logs: one line a record, to the standard error stream."""

from __future__ import annotations

from typing import Any

FORMAT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"


def log_config(level: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`; ``level`` is a name in lower case.

    uvicorn tells what it does as it starts and stops; that is worth reading only when debugging.
    """
    name = level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": FORMAT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": name},
        "loggers": {
            "uvicorn": {"level": "WARNING" if level == "info" else name},
            "uvicorn.asgi": {"level": "WARNING"},
            "alembic": {"level": "WARNING"},
            "aiosqlite": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }
