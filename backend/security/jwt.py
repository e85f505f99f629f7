"""Tokens of an OpenID Connect issuer: whom they name and until when. PyJWT checks them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    PyJWTError,
)

from backend.config import PREFIX
from backend.errors import ConfigurationError
from backend.security.errors import Unauthenticated
from backend.security.jwks import KeySet
from backend.security.viewer import SCOPES, Viewer

ASYMMETRIC = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
"""Algorithms whose verification key is public. With any other, whoever can verify can also sign."""

NOT_VALID = "The token is not valid."
MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_OWNER_CHARACTERS = 255

_REASONS: tuple[tuple[type[PyJWTError], str], ...] = (
    (ExpiredSignatureError, "The token has expired."),
    (ImmatureSignatureError, "The token is not valid yet."),
    (InvalidIssuerError, "The token comes from another issuer."),
    (InvalidAudienceError, "The token is meant for another service."),
)


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """What makes a token good. Raises ConfigurationError where that would let anybody in.

    ``leeway`` is in seconds and forgives clocks that differ. With no ``scopes_claim`` every good
    token may read and write; with one, a token may do what it lists there, after ``scope_prefix``.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    leeway: int = 30
    scopes_claim: str | None = None
    scope_prefix: str = ""

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            name = "JWT_AUDIENCE" if self.issuer else "JWT_ISSUER"
            raise ConfigurationError(f"{PREFIX}{name}: must be set where tokens say who is asking")
        unknown = set(self.algorithms) - ASYMMETRIC
        if unknown or not self.algorithms:
            allowed = ", ".join(sorted(ASYMMETRIC))
            raise ConfigurationError(f"{PREFIX}JWT_ALGORITHMS: must be some of {allowed}")
        if not 0 <= self.leeway <= 300:
            raise ConfigurationError(f"{PREFIX}JWT_LEEWAY: must be between 0 and 300 seconds")


class JwtVerifier:
    """Turns tokens into viewers."""

    def __init__(self, settings: JwtSettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    async def verify(self, token: str) -> Viewer:
        """The viewer a token names, good until its expiry and the leeway.

        Raises Unauthenticated, with the reason and nothing of the token, or KeysUnavailable.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("The token is too long.")
        if not token.isascii():
            raise Unauthenticated(NOT_VALID)
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._keys.find(key_id)
            if key is None:
                raise Unauthenticated("The token is signed with an unknown key.")
            claims = self._claims(token, key)
        except PyJWTError as error:
            raise Unauthenticated(_reason(error)) from None
        except RecursionError:
            # Brackets in brackets, read before any signature is checked.
            raise Unauthenticated(NOT_VALID) from None
        return self._viewer(claims)

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        settings = self._settings
        return jwt.decode(
            token,
            key,
            algorithms=list(settings.algorithms),
            issuer=settings.issuer,
            audience=settings.audience,
            leeway=settings.leeway,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )

    def _viewer(self, claims: dict[str, Any]) -> Viewer:
        owner = claims["sub"]
        if not 0 < len(owner) <= MAX_OWNER_CHARACTERS or not owner.isprintable():
            raise Unauthenticated("The subject of the token cannot be an owner.")
        name = claims.get("name")
        return Viewer(
            owner_id=owner,
            name=name[:MAX_OWNER_CHARACTERS] if isinstance(name, str) and name else owner,
            scopes=self._scopes(claims),
            expires_at=_time(claims["exp"]) + timedelta(seconds=self._settings.leeway),
        )

    def _scopes(self, claims: dict[str, Any]) -> tuple[str, ...]:
        if self._settings.scopes_claim is None:
            return ("read", "write")
        value = claims.get(self._settings.scopes_claim)
        # RFC 8693 has one text with spaces between; some issuers send a list.
        listed = value.split() if isinstance(value, str) else value
        granted = set(listed) if isinstance(listed, list) and _all_text(listed) else set()
        return tuple(scope for scope in SCOPES if self._settings.scope_prefix + scope in granted)


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise Unauthenticated("The expiry of the token is out of range.") from None


def _reason(error: PyJWTError) -> str:
    return next((text for kind, text in _REASONS if isinstance(error, kind)), NOT_VALID)
