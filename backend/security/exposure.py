"""Whether the server may listen where it is told to."""

from __future__ import annotations

from ipaddress import ip_address

from backend.config import PREFIX, Settings
from backend.errors import ConfigurationError


def check_exposure(settings: Settings) -> None:
    """Raises ConfigurationError where anybody on the network would own the chats, and nobody said
    in so many words that he wants that."""
    if settings.auth != "none" or settings.allow_open or is_loopback(settings.host):
        return
    raise ConfigurationError(
        f"{PREFIX}HOST: on {settings.host} anybody who reaches this machine could read and change "
        f"all chats, for {PREFIX}AUTH is none. Set it to keys or jwt, listen on 127.0.0.1, or say "
        f"{PREFIX}ALLOW_OPEN=yes-i-understand"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
