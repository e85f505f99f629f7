"""Why somebody is not let in. The texts never repeat what was sent."""

from __future__ import annotations

from typing import ClassVar

from backend.errors import ConversaError


class Unauthenticated(ConversaError):
    """Nobody is known by this key or token, or it no longer holds."""

    code: ClassVar[str] = "UNAUTHENTICATED"


class KeysUnavailable(ConversaError):
    """The issuer's public keys could not be read, so no token can be judged: try again later."""

    code: ClassVar[str] = "UNAVAILABLE"


class RateLimited(ConversaError):
    """Too much was asked for lately; in ``retry_after`` seconds it fits, never where it is None."""

    code: ClassVar[str] = "RATE_LIMITED"

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CrossSite(ConversaError):
    """A page of another site sent it, perhaps without its user's knowledge."""

    code: ClassVar[str] = "CROSS_SITE_REQUEST"
