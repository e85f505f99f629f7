from __future__ import annotations

import pytest

from backend.config import load_settings
from backend.errors import ConfigurationError
from backend.security.exposure import check_exposure

ANYWHERE = "0.0.0.0"  # noqa: S104 - it is what must be refused
OPEN = [ANYWHERE, "::", "192.0.2.7", "chat.example", ""]
CLOSED = ["127.0.0.1", "::1", "127.8.8.8", "localhost"]


@pytest.mark.parametrize("host", OPEN)
def test_nobody_listens_to_all_by_mistake(host: str) -> None:
    with pytest.raises(ConfigurationError, match="CONVERSA_ALLOW_OPEN=yes-i-understand"):
        check_exposure(load_settings(env_file=None, host=host))


@pytest.mark.parametrize("host", CLOSED)
def test_loopback_is_always_right(host: str) -> None:
    check_exposure(load_settings(env_file=None, host=host))


@pytest.mark.parametrize("settings", [{"auth": "keys"}, {"allow_open": "yes-i-understand"}])
def test_who_asks_for_keys_or_says_so_may(settings: dict[str, str]) -> None:
    check_exposure(load_settings(env_file=None, host=ANYWHERE, **settings))


def test_nothing_else_counts_as_understood() -> None:
    with pytest.raises(ConfigurationError, match="CONVERSA_ALLOW_OPEN"):
        load_settings(env_file=None, allow_open="yes")
