"""Queries by GET: what they take, how long they keep, and who may send them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.graphql.edge_support import GRAPHQL_JSON, JSON, client_of, codes, edge_app

HELLO = {"query": "{ hello }"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(edge_app(tmp_path)) as client:
        yield client


async def test_every_parameter(client: httpx.AsyncClient) -> None:
    params = {
        "query": "query A { owner } query B($n: String!) { hello(name: $n) }",
        "operationName": "B",
        "variables": json.dumps({"n": "Zoé & co"}),
        "extensions": '{"cost": true}',
    }
    answer = (await client.get("/graphql", params=params)).json()
    assert answer["data"] == {"hello": "hello Zoé & co"}
    assert answer["extensions"]["cost"]["requested"] > 0


async def test_empty_parameters_are_as_good_as_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql?query=%7Bhello%7D&operationName=&variables=&extensions=")
    assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "?",
        "?query=",
        "?query=%FF%FE",
        "?query={hello}&query={owner}",
        "?query={hello}&variables=nonsense",
        "?query={hello}&variables=[1]",
        "?query={hello}&extensions=1",
        "?" + "&".join(f"x{number}=1" for number in range(200)),
    ],
)
async def test_an_address_that_is_no_request(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get("/graphql" + address)
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_REQUEST"]
    assert answer.headers["cache-control"] == "no-store"


async def test_an_answer_is_kept_and_asked_for_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/graphql", params=HELLO)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Accept, Authorization"
    tag = first.headers["etag"]
    for condition in (tag, f'"other", W/{tag}', "*"):
        again = await client.get("/graphql", params=HELLO, headers={"if-none-match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    changed = await client.get("/graphql", params=HELLO, headers={"if-none-match": '"other"'})
    assert changed.status_code == 200
    other = await client.get("/graphql", params={"query": '{ hello(name: "x") }'})
    assert other.headers["etag"] != tag


@pytest.mark.parametrize("query", ["{ broken }", "{ nothing }", "{"])
async def test_a_failure_is_not_kept(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get("/graphql", params={"query": query})
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    get = await client.get("/graphql", params=HELLO)
    head = await client.head("/graphql", params=HELLO)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["etag"] == get.headers["etag"]
    assert (await client.head("/graphql")).status_code == 400


@pytest.mark.parametrize("media_type", [JSON, GRAPHQL_JSON])
async def test_a_mutation_by_get(client: httpx.AsyncClient, media_type: str) -> None:
    params = {"query": 'mutation { write(text: "x") }'}
    answer = await client.get("/graphql", params=params, headers={"accept": media_type})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert codes(answer) == ["METHOD_NOT_ALLOWED"]


OWN = {"sec-fetch-site": "same-origin"}
TYPED = {"sec-fetch-site": "none"}
FOREIGN = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
SISTER = {"sec-fetch-site": "same-site"}
ORIGIN = {**FOREIGN, "origin": "https://friend.example"}
SILENT: dict[str, str] = {}


@pytest.mark.parametrize(
    ("headers", "development", "production"),
    [
        (OWN, 200, 200),
        (TYPED, 200, 200),
        (SILENT, 200, 403),
        (FOREIGN, 403, 403),
        (SISTER, 403, 403),
        (ORIGIN, 403, 403),
        ({**FOREIGN, "apollo-require-preflight": "1"}, 200, 200),
        ({**FOREIGN, "x-apollo-operation-name": "Hello"}, 200, 200),
        ({**FOREIGN, "content-type": "application/json"}, 200, 200),
        ({**FOREIGN, "content-type": "text/plain"}, 403, 403),
        ({**FOREIGN, "authorization": "Bearer token"}, 200, 200),
        ({**FOREIGN, "authorization": "Basic token"}, 403, 403),
    ],
)
async def test_where_a_query_may_come_from(
    tmp_path: Path, headers: dict[str, str], development: int, production: int
) -> None:
    for profile, status in (("development", development), ("production", production)):
        async with client_of(edge_app(tmp_path, profile=profile)) as client:
            answer = await client.get("/graphql", params=HELLO, headers=headers)
            assert answer.status_code == status
            if status == 403:
                assert codes(answer) == ["CROSS_SITE_REQUEST"]


async def test_a_listed_origin_may_ask(tmp_path: Path) -> None:
    app = edge_app(tmp_path, cors_origins="https://friend.example", profile="production")
    async with client_of(app) as client:
        answer = await client.get("/graphql", params=HELLO, headers=ORIGIN)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://friend.example"
        stranger = {**ORIGIN, "origin": "https://stranger.example"}
        assert (await client.get("/graphql", params=HELLO, headers=stranger)).status_code == 403
