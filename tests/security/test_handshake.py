from __future__ import annotations

from typing import Any

import pytest

from backend.errors import Invalid
from backend.security.handshake import (
    Credentials,
    address_of,
    credentials_in,
    credentials_of,
    is_own_origin,
    owner_name,
)


def scope(client: object = ("192.0.2.7", 5), **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), each.encode()) for name, each in headers.items()]
    return {"headers": pairs, "client": client}


def test_credentials_are_in_the_headers() -> None:
    given = scope(authorization="Bearer x", x_conversa_owner="josé")

    assert credentials_of(given) == Credentials("Bearer x", "josé")
    assert credentials_of(scope()) == Credentials()


def test_credentials_do_not_show() -> None:
    assert "secret" not in repr(Credentials("Bearer secret", "secret"))


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_the_payload_of_a_socket_has_them_too(name: str) -> None:
    handshake = Credentials("Bearer handshake", "ana")

    assert credentials_in({name: "Bearer payload"}, handshake) == Credentials(
        "Bearer payload", "ana"
    )


@pytest.mark.parametrize("payload", [None, {}, [], "Bearer x", {"authorization": None}])
def test_what_the_payload_lacks_the_handshake_says(payload: object) -> None:
    handshake = Credentials("Bearer handshake", None)

    assert credentials_in(payload, handshake) == handshake


@pytest.mark.parametrize("given", [42, ["Bearer x"], {"a": 1}, True])
def test_credentials_that_are_no_text_are_refused(given: object) -> None:
    with pytest.raises(Invalid, match="text"):
        credentials_in({"authorization": given}, Credentials())


@pytest.mark.parametrize("bad", ["", "a" * 256, "a\nb", "\u202e"])
def test_a_name_nobody_has_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        owner_name(bad)


@pytest.mark.parametrize(("client", "address"), [(("::1", 1), "::1"), (None, "-"), (("", 0), "-")])
def test_the_address_is_the_peers(client: object, address: str) -> None:
    assert address_of(scope(client)) == address


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "chat.example"),
        ("http://chat.example", "chat.example"),
        ("http://chat.example:80", "chat.example"),
        ("https://chat.example", "chat.example:443"),
        ("http://chat.example:8000", "chat.example:8000"),
        ("http://CHAT.example", "chat.EXAMPLE"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://listed.example", "chat.example"),
    ],
)
def test_own_pages(origin: str | None, host: str) -> None:
    headers = {"host": host, **({} if origin is None else {"origin": origin})}

    assert is_own_origin(scope(**headers), {"https://listed.example"})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "chat.example"),
        ("", "chat.example"),
        ("http://evil.example", "chat.example"),
        ("http://chat.example.evil.example", "chat.example"),
        ("http://chat.example:8001", "chat.example:8000"),
        ("https://chat.example", "chat.example:80"),
        ("http://listed.example", "chat.example"),
        ("file://", "chat.example"),
        ("http://chat.example:port", "chat.example:port"),
        ("http://[chat.example", "[chat.example"),
    ],
)
def test_pages_of_others(origin: str, host: str) -> None:
    assert not is_own_origin(scope(host=host, origin=origin), {"https://listed.example"})


def test_without_a_host_no_page_is_ours() -> None:
    assert not is_own_origin(scope(origin="http://chat.example"), ())
