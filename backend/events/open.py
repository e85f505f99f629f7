"""The bus that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from backend.config import Settings
from backend.errors import ConfigurationError
from backend.events.bus import LocalBus
from backend.lazy import Lazy

if TYPE_CHECKING:
    from backend.events import redis
else:
    redis = Lazy("backend.events.redis")


def open_bus(settings: Settings, database_bus: Callable[[], LocalBus]) -> LocalBus:
    """A bus, not yet connected; raises ConfigurationError."""
    url = settings.events_url
    if not url:
        return database_bus()
    if url == "local:":
        return LocalBus()
    if url.startswith(("redis://", "rediss://", "unix://")):
        return redis.RedisBus(url)
    raise ConfigurationError("CONVERSA_EVENTS_URL: must be empty, local: or redis://host")
