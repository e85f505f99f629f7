"""Why somebody is not let in. The texts never repeat what was sent."""

from __future__ import annotations

import math
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


RETRY_UNAVAILABLE = 10
"""Seconds after which an issuer's keys are asked for again."""


def refusal_headers(error: ConversaError) -> dict[str, str]:
    """The header fields that HTTP wants beside a refusal: how to be let in (RFC 6750), or when."""
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="conversa"'}
    if isinstance(error, KeysUnavailable):
        return {"Retry-After": str(RETRY_UNAVAILABLE)}
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {}
