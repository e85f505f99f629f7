"""Who is asking, over HTTP: REST and GraphQL alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from backend.config import Settings
from backend.repositories.store import Store
from backend.routers import rest
from backend.routers.prices import PRICES
from backend.security import meter
from backend.security.rate import LeakyBuckets
from backend.services import authentication
from backend.services.keys import KeyService
from tests.support.apps import ask, client_of, code_of, key_of, running_app, with_keys
from tests.support.statements import Statements, counted

WHO = "query Who { viewer { ownerId name scopes } }"
MAKE = 'mutation Make { createConversation(input: {title: "Tea"}) { conversation { id } } }'


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """An application that asks for keys."""
    async with running_app(with_keys(settings)) as app:
        yield app


@pytest.fixture
def keys(app: Starlette) -> Store:
    """Where its keys are."""
    store: Store = app.state.services.store
    return store


async def test_a_key_opens_its_owners_chats_alone(app: Starlette, keys: Store) -> None:
    ana, bruno = await key_of(keys, "ana"), await key_of(keys, "bruno")
    async with client_of(app, ana) as hers, client_of(app, bruno) as his:
        made = await hers.post("/api/chats", json={"title": "Hers"})
        assert made.status_code == 201
        assert (await ask(hers, WHO))["data"]["viewer"] == {
            "ownerId": "ana",
            "name": "ana",
            "scopes": ["read", "write"],
        }
        assert (await hers.get(f"/api/chats/{made.json()['id']}")).status_code == 200
        assert (await his.get(f"/api/chats/{made.json()['id']}")).status_code == 404
        assert (await his.get("/api/chats")).json()["items"] == []


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer nonsense",
        "Bearer cvk_0123456789abcdef_" + "0" * 64,
        "Basic YW5hOmFuYQ==",
        "Bearer",
        "Bearer \U0001f375",
    ],
)
async def test_without_a_good_key_nothing_is_told(
    app: Starlette, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
    async with client_of(app) as stranger:
        answers = [
            await stranger.get("/api/chats", headers=headers),
            await stranger.post("/api/chats", json={"title": "Tea"}, headers=headers),
            await stranger.get("/api/nothing", headers=headers),
            await stranger.post("/graphql", json={"query": WHO}, headers=headers),
            await stranger.get("/graphql", params={"query": WHO}, headers=headers),
            await stranger.post("/graphql", content=b"not even read", headers=headers),
        ]
    for answer in answers:
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED"), answer.text
        assert answer.headers["www-authenticate"] == 'Bearer realm="conversa"'
        assert "nonsense" not in answer.text


async def test_the_wrong_secret_and_an_unknown_id_are_told_alike(
    app: Starlette, keys: Store
) -> None:
    good = await key_of(keys, "ana")
    wrong = good[:-64] + "0" * 64
    unknown = "cvk_0123456789abcdef_" + "0" * 64
    async with client_of(app, wrong) as one, client_of(app, unknown) as other:
        first, second = await one.get("/api/chats"), await other.get("/api/chats")
    assert (first.status_code, first.text) == (second.status_code, second.text)


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs", "/static/swagger/start.js"])
async def test_what_holds_no_chats_is_open(app: Starlette, path: str) -> None:
    async with client_of(app) as stranger:
        assert (await stranger.get(path)).status_code == 200


async def test_the_playground_is_open_and_what_it_asks_is_not(app: Starlette) -> None:
    async with client_of(app, accept="text/html") as browser:
        page = await browser.get("/graphql")
        asked = await browser.get("/graphql", params={"query": WHO})
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    assert asked.status_code == 401


async def test_only_what_was_said_to_be_open_is(app: Starlette) -> None:
    """A route that is added later is closed until somebody opens it on purpose."""
    async with client_of(app) as stranger:
        for route in _routes(app.router.routes):
            path = getattr(route, "path", "").replace("{", "").replace("}", "")
            if path in ("/graphql", "/healthz", "/docs", "/openapi.json", "/static"):
                continue
            for method in getattr(route, "methods", None) or ["GET"]:
                assert (await stranger.request(method, path)).status_code == 401, (method, path)


def _routes(routes: list[BaseRoute]) -> list[BaseRoute]:
    return [*routes, *(route for router in rest.ROUTERS for route in router.routes)]


async def test_who_may_read_may_not_write(app: Starlette, keys: Store) -> None:
    async with client_of(app, await key_of(keys, "ana", "read")) as reader:
        refused = await reader.post("/graphql", json={"query": MAKE})
        assert (refused.status_code, code_of(refused)) == (403, "FORBIDDEN")
        chat = "/api/chats/01939b3c-7a52-7c4e-9d3b-2f6a1c8e5d40"
        for method, path in (
            ("POST", "/api/chats"),
            ("PATCH", chat),
            ("DELETE", chat),
            ("PUT", f"{chat}/messages/01939b3c-7a52-7c4e-9d3b-2f6a1c8e5d40/select"),
            ("POST", "/api/import"),
        ):
            answer = await reader.request(method, path, json={})
            assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")
        assert (await reader.get("/api/chats")).json()["items"] == []
        assert (await ask(reader, "{ conversations { totalCount } }"))["data"] is not None


async def test_who_may_write_may_read(app: Starlette, keys: Store) -> None:
    async with client_of(app, await key_of(keys, "ana", "write")) as writer:
        assert (await writer.post("/graphql", json={"query": MAKE})).status_code == 200
        assert len((await writer.get("/api/chats")).json()["items"]) == 1


async def test_an_admin_acts_for_an_owner_and_it_is_logged(
    app: Starlette, keys: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "conversa.acts")
    async with client_of(app, await key_of(keys, "root", "admin")) as admin:
        admin.headers["X-Conversa-Owner"] = "ana"
        await admin.post("/graphql", json={"query": MAKE})
        listed = (await admin.get("/api/chats")).json()["items"]
        del admin.headers["X-Conversa-Owner"]
        assert (await admin.get("/api/chats")).json()["items"] == []
    assert [chat["title"] for chat in listed] == ["Tea"]
    acts = [record for record in caplog.records if record.name == "conversa.acts"]
    assert [record.fields for record in acts] == [  # type: ignore[attr-defined]
        {"admin": "root", "owner": "ana", "act": "mutation Make"},
        {"admin": "root", "owner": "ana", "act": "listChats"},
    ]


async def test_nobody_else_acts_for_an_owner(app: Starlette, keys: Store) -> None:
    async with client_of(app, await key_of(keys, "ana"), **{"X-Conversa-Owner": "bruno"}) as ana:
        answers = [
            await ana.get("/api/chats"),
            await ana.post("/graphql", json={"query": WHO}),
        ]
    assert [(answer.status_code, code_of(answer)) for answer in answers] == [
        (403, "FORBIDDEN"),
        (403, "FORBIDDEN"),
    ]


@pytest.mark.parametrize("owner", ["", "a" * 256, "ana\tb", "\u2028"])
async def test_an_owner_nobody_could_be_is_refused(app: Starlette, keys: Store, owner: str) -> None:
    key = await key_of(keys, "root", "admin")
    async with client_of(app, key) as admin:
        answer = await admin.get("/api/chats", headers=[(b"X-Conversa-Owner", owner.encode())])
    assert (answer.status_code, code_of(answer)) == (400, "INVALID")


async def test_a_key_ends_when_it_expires(app: Starlette, keys: Store) -> None:
    service = KeyService(keys)
    key = await service.create("ana", "short", ["read"], timedelta(seconds=-1))
    async with client_of(app, key.reveal()) as late:
        answer = await late.get("/api/chats")
    assert (answer.status_code, answer.json()["detail"]) == (401, "The key or token has expired.")


async def test_a_request_costs_no_look_at_a_key_seen_just_now(
    app: Starlette, keys: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "PROOF_SECONDS", 3600.0)
    key = await key_of(keys, "ana")
    async with client_of(app, key) as ana:
        await ana.get("/api/chats")
        with counted(keys.database) as statements:
            await ana.get("/api/chats")
    assert not _of_keys(statements)


def _of_keys(statements: Statements) -> list[str]:
    return [each.sql for each in statements.seen if "api_keys" in each.sql]


async def test_a_page_of_another_site_writes_nothing(settings: Settings) -> None:
    """A form can be sent to any address without asking there first."""
    form = {"file": ("chats.json", b'[{"role": "user", "content": "planted"}]')}
    async with running_app(settings) as app, client_of(app) as browser:
        evil = {"Origin": "https://evil.example"}
        refused = await browser.post("/api/import", files=form, headers=evil)
        assert (refused.status_code, code_of(refused)) == (403, "CROSS_SITE_REQUEST")
        null = await browser.post("/api/import", files=form, headers={"Origin": "null"})
        assert null.status_code == 403
        assert (await browser.get("/api/chats")).json()["items"] == []
        own = {"Origin": "http://localhost"}
        assert (await browser.post("/api/import", files=form, headers=own)).status_code == 200


async def test_a_listed_page_may_write(settings: Settings) -> None:
    listed = settings.model_copy(update={"cors_origins": ("https://chat.example",)})
    async with running_app(listed) as app, client_of(app) as browser:
        browser.headers["Origin"] = "https://chat.example"
        answer = await browser.post("/api/chats", json={"title": "Tea"})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "https://chat.example"


async def test_nobody_is_asked_in_the_mode_none(settings: Settings) -> None:
    async with running_app(settings) as app, client_of(app) as anybody:
        anybody.headers["Authorization"] = "Basic whatever"
        assert (await ask(anybody, WHO))["data"]["viewer"]["ownerId"] == "local"
        answer = await anybody.get("/api/chats")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


async def test_answers_are_kept_by_nobody_but_the_reader(app: Starlette, keys: Store) -> None:
    async with client_of(app, await key_of(keys, "ana")) as ana:
        answer = await ana.get("/api/chats")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in answer.headers["vary"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_operation_of_rest_has_a_price() -> None:
    operations = {
        getattr(route, "operation_id", None) for router in rest.ROUTERS for route in router.routes
    }
    assert operations - {None} == PRICES.keys()


async def test_the_rate_is_limited_told_and_comes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    # Time goes on when the test says so: what drains meanwhile is no business of the machine's.
    monkeypatch.setattr(meter, "LeakyBuckets", partial(LeakyBuckets, clock=lambda: now))
    tight = with_keys(settings, rate_owner_points=110, rate_owner_refill=50.0)
    async with running_app(tight) as app:
        store = app.state.services.store
        ana, bruno = await key_of(store, "ana"), await key_of(store, "bruno")
        async with client_of(app, ana) as hers, client_of(app, bruno) as his:
            first = await hers.get("/api/chats")
            asked = await ask(hers, "{ viewer { name } rateLimit { limit cost remaining } }")
            second = await hers.get("/api/chats")
            refused = await hers.get("/api/chats")
            too_much = await hers.post("/graphql", json={"query": WHO})
            other = await his.get("/api/chats")
            now += 1.0
            later = await hers.get("/api/chats")
    assert first.headers["ratelimit"].startswith('"owner";r=60;t=1, "address";r=')
    assert first.headers["ratelimit-policy"] == '"owner";q=110, "address";q=400000'
    limit = asked["data"]["rateLimit"]
    assert (limit["limit"], limit["cost"]) == (110, 3)
    assert limit["remaining"] == 57
    assert second.status_code == 200
    assert (refused.status_code, code_of(refused)) == (429, "RATE_LIMITED")
    assert (refused.headers["retry-after"], "ratelimit" in refused.headers) == ("1", True)
    assert too_much.status_code in (200, 429)
    assert (other.status_code, later.status_code) == (200, 200)


async def test_graphql_is_limited_by_what_it_costs(settings: Settings) -> None:
    tight = with_keys(settings, rate_owner_points=100, rate_owner_refill=0.01)
    inbox = "{ conversations(first: 20) { nodes { title messages(last: 20) { nodes { id } } } } }"
    async with running_app(tight) as app:
        key = await key_of(app.state.services.store, "ana")
        async with client_of(app, key) as ana:
            dear = await ana.post("/graphql", json={"query": inbox})
            cheap = await ana.post("/graphql", json={"query": WHO})
    assert (dear.status_code, code_of(dear)) == (429, "RATE_LIMITED")
    assert "retry-after" not in dear.headers, "it will never fit"
    assert (cheap.status_code, cheap.headers["ratelimit"][:11]) == (200, '"owner";r=9')


async def test_guessing_keys_uses_the_address_up(settings: Settings) -> None:
    tight = with_keys(settings, rate_address_points=250, rate_address_refill=0.01)
    async with running_app(tight) as app, client_of(app, "cvk_nothing") as guesser:
        codes = [(await guesser.get("/api/chats")).status_code for _ in range(4)]
    assert codes == [401, 401, 429, 429]


async def test_a_request_takes_no_longer_than_it_may(settings: Settings) -> None:
    brief = settings.model_copy(update={"request_timeout": 0.05})
    async with running_app(brief) as app, client_of(app) as client:

        async def never() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/chats", content=never(), headers=headers)
    assert (answer.status_code, code_of(answer)) == (504, "TIMEOUT")


async def test_the_document_of_rest_says_what_every_closed_operation_may_answer(
    app: Starlette,
) -> None:
    async with client_of(app) as anybody:
        document = (await anybody.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            closed = {"401", "403", "429", "503", "504"} <= operation["responses"].keys()
            assert closed == path.startswith("/api/"), path
