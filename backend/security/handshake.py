"""What a request says of who sends it: credentials, address, origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from backend.errors import Invalid

OWNER_HEADER = "x-conversa-owner"
MAX_OWNER_CHARACTERS = 255
UNKNOWN_ADDRESS = "-"
_DEFAULT_PORTS = {"http": 80, "https": 443}

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who asks, as it was sent, and the owner an admin wants to act for."""

    authorization: str | None = field(default=None, repr=False)
    owner: str | None = field(default=None, repr=False)


def credentials_of(scope: Scope) -> Credentials:
    """The credentials in the headers of a request or of a socket's handshake."""
    return Credentials(header(scope, b"authorization"), header(scope, OWNER_HEADER.encode()))


def credentials_in(payload: object, otherwise: Credentials) -> Credentials:
    """The credentials in the payload of ``connection_init``; what it lacks, the handshake's.

    The payload has the headers' names, in any case. Raises Invalid for what is not text.
    """
    if not isinstance(payload, dict):
        return otherwise
    given = {str(name).lower(): value for name, value in payload.items()}
    return Credentials(
        _text(given.get("authorization"), otherwise.authorization),
        _text(given.get(OWNER_HEADER), otherwise.owner),
    )


def owner_name(given: str) -> str:
    """The name of an owner that a request gives; raises Invalid."""
    if not 0 < len(given) <= MAX_OWNER_CHARACTERS or not given.isprintable():
        raise Invalid(f"An owner's name has 1 to {MAX_OWNER_CHARACTERS} printable characters.")
    return given


def address_of(scope: Scope) -> str:
    """The address of the peer, or what a trusted proxy told in its place."""
    client = scope.get("client")
    return str(client[0]) if client and client[0] else UNKNOWN_ADDRESS


def is_own_origin(scope: Scope, allowed: Collection[str]) -> bool:
    """Whether a request comes from a page of ours, from one that is listed, or from no page.

    A browser says where a page comes from with everything that could change something elsewhere,
    and with every socket; a page cannot stop it.
    """
    origin = header(scope, b"origin")
    if origin is None or origin.lower() in allowed:
        return True
    host = header(scope, b"host")
    place = _place(origin)
    return place is not None and place == _place(f"{urlsplit(origin).scheme}://{host}")


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, UTF-8; None where it is missing. Of several the first."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "utf-8", "replace")
    return None


def _text(given: object, otherwise: str | None) -> str | None:
    if given is None:
        return otherwise
    if not isinstance(given, str):
        raise Invalid("What a connection is opened with must be text.")
    return given


def _place(origin: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        return (parts.hostname, port) if parts.hostname and port else None
    except ValueError:
        return None
