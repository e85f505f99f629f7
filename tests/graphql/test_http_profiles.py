"""The status of every kind of answer, in both profiles and both media types."""

from pathlib import Path

import pytest

from tests.graphql.edge_support import GRAPHQL_JSON, JSON, client_of, codes, edge_app

PARTIAL = "{ hello broken }"
NULL = "{ required }"
CASES = [
    # request, default with application/json and graphql-response+json, then the same of 2026-09
    ({"query": "{ hello }"}, (200, 200), (200, 200)),
    ({"query": PARTIAL}, (200, 200), (200, 294)),
    ({"query": NULL}, (200, 200), (200, 294)),
    ({"query": "{"}, (200, 400), (400, 400)),
    ({"query": "{ nothing }"}, (200, 400), (422, 422)),
    ({"query": "query($n: String!) { hello(name: $n) }"}, (200, 400), (422, 422)),
    ({"query": "query A { hello } query B { hello }"}, (400, 400), (422, 422)),
    ({"documentId": "unknown"}, (200, 400), (400, 400)),
    ({"nothing": 1}, (400, 400), (422, 422)),
    ([], (400, 400), (422, 422)),
]


@pytest.mark.parametrize(("body", "default", "edition"), CASES)
async def test_the_status_of_an_answer(
    tmp_path: Path, body: object, default: tuple[int, int], edition: tuple[int, int]
) -> None:
    for profile, expected in (("default", default), ("2026-09", edition)):
        async with client_of(edge_app(tmp_path, http_profile=profile)) as client:
            for media_type, status in zip((JSON, GRAPHQL_JSON), expected, strict=True):
                headers = {"accept": media_type}
                answer = await client.post("/graphql", json=body, headers=headers)
                assert answer.status_code == status, (profile, media_type)
                # Of a failure, plain JSON does not say where it comes from.
                named = GRAPHQL_JSON if profile == "2026-09" and status >= 300 else media_type
                assert answer.headers["content-type"] == f"{named}; charset=utf-8"


@pytest.mark.parametrize("profile", ["default", "2026-09"])
async def test_what_is_the_same_in_both(tmp_path: Path, profile: str) -> None:
    async with client_of(edge_app(tmp_path, http_profile=profile)) as client:
        mutation = {"query": 'mutation { write(text: "x") }'}
        by_get = await client.get("/graphql", params=mutation)
        assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
        wanted = {"accept": "text/csv"}
        assert (await client.get("/graphql", params=mutation, headers=wanted)).status_code == 406
        plain = {"content-type": "text/plain"}
        assert (await client.post("/graphql", content="x", headers=plain)).status_code == 415
        broken = {"content-type": JSON}
        assert (await client.post("/graphql", content="{", headers=broken)).status_code == 400
        ticks = {"query": "subscription { ticks(upto: 1) { number } }"}
        assert (await client.post("/graphql", json=ticks)).status_code == 406


@pytest.mark.parametrize(("profile", "media_type"), [("default", JSON), ("2026-09", GRAPHQL_JSON)])
async def test_the_type_for_one_who_takes_any(
    tmp_path: Path, profile: str, media_type: str
) -> None:
    async with client_of(edge_app(tmp_path, http_profile=profile)) as client:
        for headers in ({"accept": "*/*"}, {"accept": ""}):
            answer = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
            assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("query", ["{", "{ nothing }", "query($n: String!) { hello(name: $n) }"])
async def test_what_was_not_executed_has_no_data(tmp_path: Path, query: str) -> None:
    async with client_of(edge_app(tmp_path)) as client:
        answer = (await client.post("/graphql", json={"query": query})).json()
        assert list(answer) == ["errors"]


async def test_what_failed_altogether_has_null_data(tmp_path: Path) -> None:
    async with client_of(edge_app(tmp_path)) as client:
        answer = await client.post("/graphql", json={"query": NULL})
        assert answer.json()["data"] is None
        assert codes(answer) == ["NOT_FOUND"]


INTROSPECTION = "{ __schema { queryType { name } } }"


@pytest.mark.parametrize("profile", ["development", "production"])
async def test_production_does_not_show_the_schema(tmp_path: Path, profile: str) -> None:
    hidden = profile == "production"
    async with client_of(edge_app(tmp_path, profile=profile)) as client:
        introspection = (await client.post("/graphql", json={"query": INTROSPECTION})).json()
        assert ("errors" in introspection) is hidden
        for request in (
            {"query": "{ hullo }"},
            {"query": '{ hello(nime: "x") }'},
            {"query": "query($t: Strin) { hello(name: $t) }"},
        ):
            answer = await client.post("/graphql", json=request)
            assert ("Did you mean" in answer.text) is not hidden
        typename = await client.post("/graphql", json={"query": "{ __typename }"})
        assert typename.json() == {"data": {"__typename": "Query"}}
