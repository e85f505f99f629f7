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
