"""How the server logs: one line a record, to the standard error stream.

What an exception says may be what somebody wrote: a database quotes the value it refuses. So a
traceback tells where and of which kind; only when debugging, what it said.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from backend.config import Settings
from backend.security.front import current_request_id

FORMAT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
OUTSIDE = "-"
_PLAIN = re.compile(r"[\w.:/@{}*+-]+", re.ASCII)

CLIENT_FAULTS = (
    "ASGI callable returned without completing handshake.",
    "Invalid UTF-8 sequence received from client.",
)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Told(logging.Formatter):
    """Exceptions without their texts, unless ``says`` them."""

    def __init__(self, *, says: bool) -> None:
        super().__init__(FORMAT)
        self._says = says

    def formatException(self, info: Any) -> str:  # noqa: N802 - the name is logging's
        return super().formatException(info) if self._says else "".join(_kinds(info[1])).rstrip()


class PlainFormatter(Told):
    """A line for people: fields as ``key=value`` behind the message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        pairs = (f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        return super().formatMessage(record) + "".join(pairs)


class JsonFormatter(Told):
    """An object of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


class ClientFaults(logging.Filter):
    """Drops what uvicorn logs as its own error and is only what a client did: a handshake that was
    refused with a reason, a text frame that is no UTF-8. Else anybody could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in CLIENT_FAULTS


def log_config(settings: Settings) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`.

    uvicorn tells what it does as it starts and stops; that is worth reading only when debugging.
    """
    name = settings.log_level.upper()
    formatter = JsonFormatter if settings.log_format == "json" else PlainFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"faults": {"()": ClientFaults}},
        "formatters": {"line": {"()": formatter, "says": name == "DEBUG"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": name},
        "loggers": {
            "uvicorn": {"level": "WARNING" if name == "INFO" else name},
            "uvicorn.error": {"filters": ["faults"]},
            "uvicorn.asgi": {"level": "WARNING"},
            "alembic": {"level": "WARNING"},
            "aiosqlite": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            # These tell what is sent, headers and all.
            "websockets": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "sqlalchemy": {"level": "WARNING"},
        },
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    request_id = current_request_id()
    return fields if request_id == OUTSIDE else {**fields, "request_id": request_id}


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _kinds(error: BaseException) -> list[str]:
    """The tracebacks of an exception and of what led to it, oldest first, without any text."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [*_kinds(before), "which led to\n"] if before is not None else []
    lines += traceback.format_tb(error.__traceback__)
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}\n")
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += ["of which one is\n", *_kinds(inner)]
    return lines
