"""The keys of an issuer: rotated, out of reach, broken."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from backend.errors import ConfigurationError
from backend.security.errors import KeysUnavailable, Unauthenticated
from backend.security.jwks import KeySet
from backend.security.jwt import JwtSettings, JwtVerifier
from tests.security.issuing import (
    AUDIENCE,
    ISSUER,
    Clock,
    Issuer,
    claims,
    private_key,
    public_jwk,
    publish,
    token,
    verifier,
)


def keys_of(issuer: Issuer, clock: Clock) -> KeySet:
    """What he publishes, however slowly he answers."""
    return KeySet(issuer.url, timeout=60, clock=clock)


async def test_a_rotated_key_is_found_and_a_withdrawn_one_refused(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys)
    await checked.verify(token("k1"))

    issuer.keys = [public_jwk("k2")]
    clock.now += 11
    await checked.verify(token("k2"))

    with pytest.raises(Unauthenticated, match="unknown key"):
        await checked.verify(token("k1"))


async def test_unknown_keys_do_not_make_the_issuer_a_target(issuer: Issuer) -> None:
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys_of(issuer, Clock()))
    await checked.verify(token("k1"))

    for number in range(20):
        with pytest.raises(Unauthenticated, match="unknown key"):
            await checked.verify(token(f"k{number + 10}"))

    assert issuer.requests == 1


async def test_keys_are_read_again_when_they_are_old(issuer: Issuer) -> None:
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys_of(issuer, clock))
    for _ in range(5):
        await checked.verify(token("k1"))
    assert issuer.requests == 1

    clock.now += 601
    await checked.verify(token("k1"))

    assert issuer.requests == 2


async def test_known_keys_outlive_an_issuer_that_is_down(issuer: Issuer) -> None:
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys_of(issuer, clock))
    await checked.verify(token("k1"))

    issuer.status = 500
    clock.now += 601

    assert (await checked.verify(token("k1"))).owner_id == "ann"


async def test_without_any_keys_nobody_is_judged(issuer: Issuer) -> None:
    issuer.status = 500
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys_of(issuer, clock))
    for _ in range(3):
        with pytest.raises(KeysUnavailable, match="cannot be read"):
            await checked.verify(token("k1"))
    assert issuer.requests == 1

    issuer.status = 200
    clock.now += 11

    assert (await checked.verify(token("k1"))).owner_id == "ann"


async def test_a_key_file_is_followed(jwks_file: Path) -> None:
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), KeySet(str(jwks_file), clock=clock))
    await checked.verify(token("k1"))

    publish(jwks_file, "k2")
    clock.now += 11

    assert (await checked.verify(token("k2"))).owner_id == "ann"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct"}]}'])
async def test_a_file_without_keys_is_said_to_be_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content)

    with pytest.raises(KeysUnavailable):
        await verifier(path).verify(token("k1"))


async def test_a_token_may_leave_out_the_id_of_the_only_key(jwks_file: Path) -> None:
    unnamed = jwt.encode(claims(), private_key("k1", "ES256"), "ES256")

    assert (await verifier(jwks_file).verify(unnamed)).owner_id == "ann"
    publish(jwks_file, "k1", "k2")
    with pytest.raises(Unauthenticated, match="unknown key"):
        await verifier(jwks_file).verify(unnamed)


async def test_a_key_for_encryption_verifies_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**public_jwk("k1"), "use": "enc"}, public_jwk("k2")]}))

    with pytest.raises(Unauthenticated, match="unknown key"):
        await verifier(path).verify(token("k1"))


@pytest.mark.parametrize("broken", [{}, {"kty": "oct"}, {"kty": "EC", "crv": "P-256"}, 5, None])
async def test_a_broken_key_does_not_hide_the_others(tmp_path: Path, broken: Any) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [broken, public_jwk("k1")]}))

    assert (await verifier(path).verify(token("k1"))).owner_id == "ann"


@pytest.mark.parametrize(
    "bad",
    [
        {"issuer": ""},
        {"audience": ""},
        {"algorithms": ()},
        {"algorithms": ("HS256",)},
        {"algorithms": ("ES256", "none")},
        {"leeway": -1},
        {"leeway": 3600},
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        JwtSettings(**{"issuer": ISSUER, "audience": AUDIENCE, **bad})


def test_keys_are_not_fetched_in_the_clear() -> None:
    with pytest.raises(ConfigurationError, match="https"):
        KeySet("http://login.example/jwks")
