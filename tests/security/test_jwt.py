from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from backend.errors import ConfigurationError
from backend.security.errors import KeysUnavailable, Unauthenticated
from backend.security.jwks import KeySet
from backend.security.jwt import JwtSettings, JwtVerifier

ISSUER, AUDIENCE = "https://login.example", "conversa"


@lru_cache
def private_key(name: str, algorithm: str) -> Any:
    if algorithm.startswith(("RS", "PS")):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(name: str, algorithm: str = "ES256") -> dict[str, Any]:
    known = jwt.algorithms.get_default_algorithms()[algorithm]
    found: dict[str, Any] = known.to_jwk(private_key(name, algorithm).public_key(), as_dict=True)
    return {**found, "kid": name, "use": "sig", "alg": algorithm}


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 600}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(key: str = "k1", algorithm: str = "ES256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), private_key(key, algorithm), algorithm, {"kid": key})


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(value: Any) -> str:
    return encoded(json.dumps(value).encode())


def publish(path: Path, *names: str) -> None:
    path.write_text(json.dumps({"keys": [public_jwk(name) for name in names]}))


def nested(depth: int) -> str:
    return encoded(b"[" * depth + b"]" * depth)


class Issuer:
    """A real issuer on a real socket: what it publishes can be changed, and it counts requests."""

    def __init__(self) -> None:
        self.keys = [public_jwk("k1")]
        self.requests = 0
        self.status = 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.server.shutdown()
    thread.join()
    running.server.server_close()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def jwks_file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    publish(path, "k1")
    return path


def verifier(source: object, **settings: Any) -> JwtVerifier:
    return JwtVerifier(JwtSettings(ISSUER, AUDIENCE, **settings), KeySet(str(source)))


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
        ({"nbf": int(time.time()) + 600}, "not valid yet"),
        ({"iat": int(time.time()) + 600}, "not valid yet"),
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
    late = token(exp=int(time.time()) - 10)

    assert (await verifier(jwks_file, leeway=60).verify(late)).owner_id == "ann"
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


async def test_a_rotated_key_is_found_and_a_withdrawn_one_refused(issuer: Issuer) -> None:
    clock = Clock()
    keys = KeySet(issuer.url, clock=clock)
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), keys)
    await checked.verify(token("k1"))

    issuer.keys = [public_jwk("k2")]
    clock.now += 11
    await checked.verify(token("k2"))

    with pytest.raises(Unauthenticated, match="unknown key"):
        await checked.verify(token("k1"))


async def test_unknown_keys_do_not_make_the_issuer_a_target(issuer: Issuer) -> None:
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), KeySet(issuer.url, clock=Clock()))
    await checked.verify(token("k1"))

    for number in range(20):
        with pytest.raises(Unauthenticated, match="unknown key"):
            await checked.verify(token(f"k{number + 10}"))

    assert issuer.requests == 1


async def test_keys_are_read_again_when_they_are_old(issuer: Issuer) -> None:
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), KeySet(issuer.url, clock=clock))
    for _ in range(5):
        await checked.verify(token("k1"))
    assert issuer.requests == 1

    clock.now += 601
    await checked.verify(token("k1"))

    assert issuer.requests == 2


async def test_known_keys_outlive_an_issuer_that_is_down(issuer: Issuer) -> None:
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), KeySet(issuer.url, clock=clock))
    await checked.verify(token("k1"))

    issuer.status = 500
    clock.now += 601

    assert (await checked.verify(token("k1"))).owner_id == "ann"


async def test_without_any_keys_nobody_is_judged(issuer: Issuer) -> None:
    issuer.status = 500
    clock = Clock()
    checked = JwtVerifier(JwtSettings(ISSUER, AUDIENCE), KeySet(issuer.url, clock=clock))
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
