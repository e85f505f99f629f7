"""An issuer of tokens, its keys and its clock, for tests."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

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
