"""Who is asking by a token of an issuer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend.config import Settings
from backend.errors import ConfigurationError
from tests.support.apps import ask, client_of, running_app

WHO = "query Who { viewer { ownerId name scopes } }"
MAKE = 'mutation Make { createConversation(input: {title: "Tea"}) { conversation { id } } }'


class Issuer:
    """Signs tokens, and publishes its key in a file."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.jwks = folder / "jwks.json"
        public = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.jwks.write_text(json.dumps({"keys": [{**public, "kid": "k1", "use": "sig"}]}))

    def token(self, subject: str, seconds: float = 600, **claims: object) -> str:
        usual = {"iss": "https://login.example", "aud": "conversa", "sub": subject}
        expiry = {"exp": int(time.time() + seconds)}
        return jwt.encode({**usual, **expiry, **claims}, self._key, "ES256", {"kid": "k1"})


def with_tokens(settings: Settings, issuer: Issuer, **more: object) -> Settings:
    values = {
        "auth": "jwt",
        "jwks": str(issuer.jwks),
        "jwt_issuer": "https://login.example",
        "jwt_audience": "conversa",
        "jwt_leeway": 0,
    }
    return settings.model_copy(update={**values, **more})


async def test_a_token_names_its_owner(settings: Settings, tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    async with running_app(with_tokens(settings, issuer)) as app:
        async with client_of(app, issuer.token("ana", name="Ana")) as ana:
            viewer = (await ask(ana, WHO))["data"]["viewer"]
            assert viewer == {"ownerId": "ana", "name": "Ana", "scopes": ["read", "write"]}
        for bad in (issuer.token("ana", -1), issuer.token("ana", aud="another"), "x.y.z"):
            async with client_of(app, bad) as stranger:
                assert (await stranger.get("/api/chats")).status_code == 401


async def test_a_token_does_what_its_scopes_say(settings: Settings, tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    scoped = with_tokens(settings, issuer, jwt_scopes_claim="scope", jwt_scope_prefix="chat:")
    async with running_app(scoped) as app:
        for scope, statuses in (
            ("chat:read openid", (200, 403)),
            ("chat:write", (200, 201)),
            ("openid", (403, 403)),
        ):
            async with client_of(app, issuer.token("ana", scope=scope)) as ana:
                read, written = await ana.get("/api/chats"), await ana.post("/api/chats", json={})
            assert (read.status_code, written.status_code) == statuses


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"jwt_issuer": ""}, "CONVERSA_JWT_ISSUER"),
        ({"jwt_audience": ""}, "CONVERSA_JWT_AUDIENCE"),
        ({"jwks": ""}, "CONVERSA_JWKS"),
        ({"jwks": "http://login.example/keys"}, "CONVERSA_JWKS"),
        ({"jwt_algorithms": ("HS256",)}, "CONVERSA_JWT_ALGORITHMS"),
        ({"jwt_algorithms": ("none",)}, "CONVERSA_JWT_ALGORITHMS"),
    ],
)
async def test_a_setting_that_would_let_anybody_in_stops_the_start(
    settings: Settings, tmp_path: Path, missing: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        async with running_app(with_tokens(settings, Issuer(tmp_path), **missing)):
            pass
