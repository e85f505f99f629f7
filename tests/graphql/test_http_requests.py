"""What a request over HTTP has to look like, and what it is answered when it does not."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.graphql.http.reading import parameters_in_body
from backend.graphql.parameters import MAX_NESTING, Malformed
from tests.graphql.edge_support import GRAPHQL_JSON, JSON, client_of, codes, edge_app

HELLO = {"query": "{ hello }"}
TO_JSON = {"content-type": JSON}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(edge_app(tmp_path, request_megabytes=1)) as client:
        yield client


async def test_a_query_by_post(client: httpx.AsyncClient) -> None:
    query = "query Q($name: String!) { hello(name: $name) }"
    answer = await client.post("/graphql", json={"query": query, "variables": {"name": "Ana"}})
    assert answer.status_code == 200
    assert answer.json() == {"data": {"hello": "hello Ana"}}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "given",
    [
        {"variables": None, "operationName": None, "extensions": None, "documentId": None},
        {"operationName": ""},
        {"extensions": {"some": "thing"}, "unknown": [1, 2]},
    ],
)
async def test_what_may_stand_beside_the_query(
    client: httpx.AsyncClient, given: dict[str, object]
) -> None:
    answer = await client.post("/graphql", json={**HELLO, **given})
    assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"42",
        b"null",
        b"[]",
        b'"{ hello }"',
        b"{",
        b'{"query": ',
        b'{"query": "{ hello }"} trailing',
        b"\xef\xbb\xbf" + json.dumps(HELLO).encode(),
        b'{"query": "\xff\xfe"}',
        b'{"query": "\\ud800"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"query": "{ hello }", "variables": {"x": ' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"query": NaN}',
        b"{}",
        b'{"notquery": "{ hello }"}',
        b'{"query": null}',
        b'[{"query": "{ hello }"}, {"query": "{ hello }"}]',
        b'{"query": "{ hello }", "query": "{ broken }"}',
        b'{"query":"{ hello }","qu\\u0065ry":"{ broken }"}',
        b'{"query": "{ hello }", "variables": {"a": {"b": 1, "b": 2}}}',
        *(
            json.dumps({**HELLO, name: value}).encode()
            for name in ("query", "documentId", "operationName", "variables", "extensions")
            for value in (0, False, ["array"], {"an": "object"}, "string")
            if not (isinstance(value, dict) and name in ("variables", "extensions"))
            and not (isinstance(value, str) and name in ("query", "operationName", "documentId"))
        ),
    ],
)
async def test_a_body_that_is_no_request(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/graphql", content=body, headers=TO_JSON)
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_REQUEST"]
    assert "data" not in answer.json()


async def test_nothing_is_refused_for_its_form_alone(client: httpx.AsyncClient) -> None:
    spaced = b'{ "query" : "{ hello }" , "variables" : {"n": 1' + b"0" * 300 + b', "m": 1.50} }'
    answer = await client.post("/graphql", content=spaced, headers=TO_JSON)
    assert answer.json() == {"data": {"hello": "hello world"}}


def nested(levels: int) -> bytes:
    return b'{"query":"","variables":{"x":' + b"[" * levels + b"]" * levels + b"}}"


def test_the_edge_of_nesting() -> None:
    assert parameters_in_body(nested(MAX_NESTING - 2)).variables
    with pytest.raises(Malformed):
        parameters_in_body(nested(MAX_NESTING - 1))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parameters_in_body(body)
    except Malformed:
        return


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.sampled_from([None, 2]), st.booleans())
def test_any_variables_are_read(value: object, indent: int | None, ascii_only: bool) -> None:
    given = {"query": "{ hello }", "variables": {"any": value}}
    body = json.dumps(given, indent=indent, ensure_ascii=ascii_only).encode()
    assert parameters_in_body(body).query == "{ hello }"


def test_a_repeated_name_is_found_wherever_it_is() -> None:
    picked = random.Random(7)
    for _ in range(200):
        depth = picked.randrange(6)
        inner = '{"twice": 1, "other": 2, "twice": 3}'
        for level in range(depth):
            inner = f'{{"level{level}": [{inner}]}}'
        with pytest.raises(Malformed, match="twice"):
            parameters_in_body(f'{{"query": "", "variables": {inner}}}'.encode())


async def test_a_body_may_come_in_pieces(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"query": "{ he'
        yield b'llo }"}'

    answer = await client.post("/graphql", content=pieces(), headers=TO_JSON)
    assert answer.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
async def test_the_edge_of_size(client: httpx.AsyncClient, extra: int, status: int) -> None:
    room = 1024 * 1024 - len(json.dumps({**HELLO, "extensions": {"x": ""}})) + extra
    body = json.dumps({**HELLO, "extensions": {"x": "x" * room}}).encode()
    assert (await client.post("/graphql", content=body, headers=TO_JSON)).status_code == status


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_too_large(client: httpx.AsyncClient, announced: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500_000

    content = b" " * 1_500_000 if announced else pieces()
    answer = await client.post("/graphql", content=content, headers=TO_JSON)
    assert answer.status_code == 413
    assert codes(answer) == ["TOO_LARGE"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "text/plain; application/json",
        "application/json, text/plain",
    ],
)
async def test_only_json_is_taken(client: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.post("/graphql", content=json.dumps(HELLO), headers=headers)
    assert answer.status_code == 415
    assert codes(answer) == ["UNSUPPORTED_MEDIA_TYPE"]
    assert answer.headers["accept-post"] == JSON


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"']
)
async def test_json_by_any_of_its_names(client: httpx.AsyncClient, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = await client.post("/graphql", content=json.dumps(HELLO), headers=headers)
    assert answer.status_code == 200


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    headers = {**TO_JSON, "content-encoding": "gzip"}
    assert (await client.post("/graphql", content=b"x", headers=headers)).status_code == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
async def test_a_method_there_is_not(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/graphql")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert codes(answer) == ["METHOD_NOT_ALLOWED"]


async def test_options(client: httpx.AsyncClient) -> None:
    answer = await client.options("/graphql")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("query A { hello } query B { hello }", None, "OPERATION_RESOLUTION_FAILURE"),
        ("query A { hello } query B { hello }", "C", "OPERATION_RESOLUTION_FAILURE"),
        ("{ hello }", "C", "OPERATION_RESOLUTION_FAILURE"),
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_the_operation_must_be_known(
    client: httpx.AsyncClient, query: str, name: str | None, code: str, accept: str
) -> None:
    answer = await client.post(
        "/graphql", json={"query": query, "operationName": name}, headers={"accept": accept}
    )
    assert answer.status_code == 400
    assert codes(answer) == [code]


async def test_one_operation_of_several(client: httpx.AsyncClient) -> None:
    query = "query A { hello } query B { owner }"
    answer = await client.post("/graphql", json={"query": query, "operationName": "B"})
    assert answer.json() == {"data": {"owner": "local"}}


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "",
        "{ a" + "{ a" * 500 + "}" * 501,
        "{ hello } #" + "x" * 70_000,
        "{ hello hello }" * 2000,
    ],
)
async def test_a_document_that_cannot_be_parsed(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL_JSON})
    assert answer.status_code == 400
    assert codes(answer)[0] in ("GRAPHQL_PARSE_FAILED", "LIMIT_EXCEEDED")


async def test_what_goes_wrong_inside_stays_there(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.post("/graphql", json={"query": "{ broken }"})
    assert answer.status_code == 200
    assert codes(answer) == ["INTERNAL"]
    assert "cellar" not in answer.text
    assert answer.json()["errors"][0]["extensions"]["id"] in caplog.text


async def test_an_answer_that_cannot_be_written(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.post("/graphql", json={"query": "{ unwritable }"})
    assert answer.status_code == 500
    assert codes(answer) == ["INTERNAL"]
    assert answer.json()["errors"][0]["extensions"]["id"] in caplog.text


@pytest.mark.parametrize("by_header", [True, False])
async def test_the_cost_is_told_when_asked_for(client: httpx.AsyncClient, by_header: bool) -> None:
    headers = {"x-graphql-cost": "1"} if by_header else {}
    extensions = None if by_header else {"cost": True}
    body = {**HELLO, "extensions": extensions}
    answer = (await client.post("/graphql", json=body, headers=headers)).json()
    assert answer["extensions"]["cost"]["requested"] > 0
    assert answer["extensions"]["cost"]["maximum"] == 20_000
    plain = (await client.post("/graphql", json=HELLO)).json()
    assert "extensions" not in plain
