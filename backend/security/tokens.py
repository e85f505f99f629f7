"""API keys: made here, shown once, stored only as a hash.

A key is ``cvk_<id>_<secret>``: a prefix that secret scanners can look for, 64 bits by which the
stored row is found, and 256 bits from the operating system. A slow password hash would protect
nothing here, since nobody can guess a uniformly random 256-bit secret however fast the hash, and it
would cost every request tens of milliseconds. HMAC-SHA-256 is enough; its key, the pepper, is kept
outside the database, so that who can write to the database still cannot make a key that works.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field

from backend.security.errors import Unauthenticated

PREFIX = "cvk"
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{16}})_([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in the clear. Its ``repr`` and ``str`` show the id alone, which is no secret."""

    id: str
    secret: str = field(repr=False)

    def reveal(self) -> str:
        """The text a client sends. For the one moment it is shown to its owner."""
        return f"{PREFIX}_{self.id}_{self.secret}"


def make_key() -> ApiKey:
    """A new key."""
    return ApiKey(id=secrets.token_hex(8), secret=secrets.token_hex(32))


def parse_key(text: str) -> ApiKey:
    """The key in a client's text; raises Unauthenticated if it has not the form of one."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise Unauthenticated("The API key is not valid.")
    return ApiKey(id=match[1], secret=match[2])


def hash_key(key: ApiKey, pepper: bytes) -> str:
    """What is stored of a key: 64 hexadecimal digits, bound to the key's id and to the pepper."""
    return hmac.digest(pepper, key.reveal().encode(), "sha256").hex()


def matches(key: ApiKey, stored_hash: str | None, pepper: bytes) -> bool:
    """Whether a key has this hash, in a time that tells nothing of it. None matches no key."""
    found = hash_key(key, pepper)
    return hmac.compare_digest(found, stored_hash or "-" * len(found))


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer`` header (RFC 6750); None without such a header.

    Raises Unauthenticated for a header of another form, so that a typing error is not taken for
    somebody who does not want to log in.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise Unauthenticated("The Authorization header must be: Bearer, a space, and the token.")
    return token
