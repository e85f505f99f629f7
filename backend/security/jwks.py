"""The public keys of a token issuer, from an address or a file, followed when they are rotated."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWTError

from backend.config import PREFIX
from backend.errors import ConfigurationError
from backend.security.errors import KeysUnavailable

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class KeySet:
    """The issuer's keys, read again after ``max_age`` seconds and when an unknown one is named.

    However many tokens name unknown keys, the issuer is asked at most once in ``cooldown`` seconds,
    and by one request at a time. While it cannot be reached the keys read last go on serving.
    """

    def __init__(
        self,
        source: str,
        *,
        max_age: float = 600.0,
        cooldown: float = 10.0,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = _reader(source, timeout)
        self._max_age = max_age
        self._cooldown = cooldown
        self._clock = clock
        self._keys: list[PyJWK] = []
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key with this id; the only key there is if the token names none.

        Raises KeysUnavailable if no keys could be read yet.
        """
        if self._read_at is None or self._clock() - self._read_at > self._max_age:
            await self._refresh()
        found = self._match(key_id)
        if found is None:
            await self._refresh()
            found = self._match(key_id)
        return found

    def _match(self, key_id: str | None) -> PyJWK | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == key_id), None)

    async def _refresh(self) -> None:
        async with self._lock:
            now = self._clock()
            if self._tried_at is None or now - self._tried_at >= self._cooldown:
                self._tried_at = now
                try:
                    self._keys = await asyncio.to_thread(self._load)
                    self._read_at = now
                except (OSError, ValueError, PyJWTError) as error:
                    if self._read_at is None:
                        raise KeysUnavailable("The issuer's keys cannot be read.") from error
            elif self._read_at is None:
                raise KeysUnavailable("The issuer's keys cannot be read.")

    def _load(self) -> list[PyJWK]:
        listed = self._read().get("keys")
        found = (
            [key for item in listed if (key := _usable(item))] if isinstance(listed, list) else []
        )
        if not found:
            raise ValueError("no key that can verify a signature")
        return found


def _usable(item: Any) -> PyJWK | None:
    """The public key in a JWK; None for a shared secret, a key for encryption and a broken one."""
    if not isinstance(item, dict) or item.get("kty") == "oct" or item.get("use", "sig") != "sig":
        return None
    try:
        return PyJWK(item)
    except (PyJWTError, KeyError, TypeError, ValueError):
        return None


def _reader(source: str, timeout: float) -> Callable[[], dict[str, Any]]:
    address = urlsplit(source)
    if address.scheme in ("http", "https"):
        if address.scheme == "http" and address.hostname not in LOOPBACK:
            raise ConfigurationError(f"{PREFIX}JWKS: an address must start with https://")
        client = PyJWKClient(source, cache_jwk_set=False, timeout=timeout)
        return client.fetch_data
    path = Path(address.path if address.scheme == "file" else source)
    if not source or not path.is_file():
        raise ConfigurationError(f"{PREFIX}JWKS: must be an https address or a file that exists")

    def read() -> dict[str, Any]:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("a JWKS file holds an object")
        return found

    return read
