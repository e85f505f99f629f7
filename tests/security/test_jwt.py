"""Whom a token names, and which tokens name nobody."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from backend.security.errors import Unauthenticated
from tests.security.issuing import (
    claims,
    encoded,
    nested,
    public_jwk,
    segment,
    token,
    verifier,
)

YEAR = 31_536_000
"""Seconds; parameters are made as tests are collected, which may be long before they run."""


async def test_a_good_token_names_its_owner_until_it_expires(jwks_file: Path) -> None:
    expiry = int(time.time()) + 600

    viewer = await verifier(jwks_file, leeway=20).verify(token(exp=expiry, name="Ann"))

    assert (viewer.owner_id, viewer.name, viewer.scopes) == ("ann", "Ann", ("read", "write"))
    assert viewer.expires_at == datetime.fromtimestamp(expiry + 20, UTC)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "EdDSA"])
async def test_every_family_of_algorithms_works(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public_jwk("k1", algorithm)]}))

    viewer = await verifier(path, algorithms=(algorithm,)).verify(token("k1", algorithm))

    assert viewer.owner_id == "ann"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"nbf": int(time.time()) + YEAR}, "not valid yet"),
        ({"iat": int(time.time()) + YEAR}, "not valid yet"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "another"}, "another service"),
        ({"aud": ["another", "third"]}, "another service"),
        ({"exp": None}, "not valid"),
        ({"iss": None}, "not valid"),
        ({"aud": None}, "not valid"),
        ({"sub": None}, "not valid"),
        ({"sub": ""}, "cannot be an owner"),
        ({"sub": "a" * 256}, "cannot be an owner"),
        ({"sub": "an\nn"}, "cannot be an owner"),
        ({"exp": 10**18}, "out of range"),
        ({"exp": "soon"}, "not valid"),
    ],
)
async def test_a_bad_claim_is_refused(
    jwks_file: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unauthenticated, match=reason):
        await verifier(jwks_file).verify(token(**changes))


async def test_clocks_may_differ_by_the_leeway(jwks_file: Path) -> None:
    late = token(exp=int(time.time()) - 1)

    assert (await verifier(jwks_file, leeway=300).verify(late)).owner_id == "ann"
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier(jwks_file, leeway=0).verify(late)


async def test_an_algorithm_off_the_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public_jwk("k1"), public_jwk("k2", "EdDSA")]}))
    checked = verifier(path, algorithms=("ES256",))

    assert (await checked.verify(token("k1"))).owner_id == "ann"
    with pytest.raises(Unauthenticated, match="not valid"):
        await checked.verify(token("k2", "EdDSA"))


async def test_a_public_key_does_not_work_as_a_shared_secret(jwks_file: Path) -> None:
    header = {"alg": "HS256", "kid": "k1", "typ": "JWT"}
    signed = ".".join(segment(part) for part in (header, claims()))
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    secret = json.dumps(public_jwk("k1")).encode()
    forged = f"{signed}.{encoded(algorithm.sign(signed.encode(), secret))}"

    with pytest.raises(Unauthenticated, match="not valid"):
        await verifier(jwks_file).verify(forged)


async def test_no_signature_is_refused(jwks_file: Path) -> None:
    bare = ".".join([segment({"alg": "none", "kid": "k1"}), segment(claims()), ""])

    with pytest.raises(Unauthenticated, match="not valid"):
        await verifier(jwks_file).verify(bare)


async def test_a_changed_token_is_refused(jwks_file: Path) -> None:
    header, _, signature = token().split(".")

    with pytest.raises(Unauthenticated, match="not valid"):
        await verifier(jwks_file).verify(f"{header}.{segment(claims(sub='eve'))}.{signature}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        "....",
        "é.é.é",
        "\ud800",
        "x" * 20_000,
        f"{nested(5000)}.e30.AA",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6NX0.e30.AA",
    ],
)
async def test_what_is_no_token_is_refused(jwks_file: Path, text: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await verifier(jwks_file).verify(text)

    assert not text or text not in caught.value.message


async def test_scopes_come_from_the_claim_that_is_named(jwks_file: Path) -> None:
    checked = verifier(jwks_file, scopes_claim="scope", scope_prefix="chat:")

    async def scopes(value: Any) -> tuple[str, ...]:
        return (await checked.verify(token(scope=value))).scopes

    assert await scopes("openid chat:write chat:read") == ("read", "write")
    assert await scopes(["chat:admin", "email"]) == ("admin",)
    assert await scopes("read write admin") == ()
    assert await scopes(None) == ()
    assert await scopes([["chat:read"]]) == ()
