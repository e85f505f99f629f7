"""What a request says of who sends it: credentials, address, origin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from backend.errors import Invalid

OWNER_HEADER = "x-conversa-owner"
MAX_OWNER_CHARACTERS = 255
_AUTHORIZATION, _OWNER = b"authorization", OWNER_HEADER.encode()
UNKNOWN_ADDRESS = "-"
_DEFAULT_PORTS = {"http": 80, "https": 443}

Scope = MutableMapping[str, Any]
HEADERS = "conversa.headers"
"""Where, in the scope of a request, its headers are by their names."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who asks, as it was sent, and the owner an admin wants to act for."""

    authorization: str | None = field(default=None, repr=False)
    owner: str | None = field(default=None, repr=False)


NO_CREDENTIALS = Credentials()


def credentials_of(scope: Scope) -> Credentials:
    """The credentials in the headers of a request or of a socket's handshake."""
    headers = headers_of(scope)
    if _AUTHORIZATION not in headers and _OWNER not in headers:
        return NO_CREDENTIALS
    return Credentials(header(scope, _AUTHORIZATION), header(scope, _OWNER))


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


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers of a request by their names in small letters, sorted out once for all who look at
    them. Those that come several times are joined by commas."""
    found: Mapping[bytes, bytes] | None = scope.get(HEADERS)
    if found is None:
        found = scope[HEADERS] = _joined(scope["headers"])
    return found


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, UTF-8; None where it is missing."""
    found = headers_of(scope).get(name)
    return None if found is None else str(found, "utf-8", "replace")


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


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
