"""What scanners for GraphQL look for: the checks of graphql-cop, asked of the whole server.

Each check is true where its fault is found: https://github.com/dolevf/graphql-cop
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from backend.config import Settings
from tests.support.apps import client_of, running_app

URL = "/graphql"
PAGES = ("/", "/graphiql", "/playground", "/console", "/graphql", "/v1/graphiql", "/altair")
CIRCULAR = "query Q { __schema " + "{ types { fields { type " * 6 + "{ name }" + " } } }" * 6 + " }"
Check = Callable[[httpx.AsyncClient], Awaitable[bool]]


async def post(client: httpx.AsyncClient, query: object) -> Any:
    """The body of an answer to JSON; an empty object where there is none."""
    answer = await client.post(URL, json=query if isinstance(query, list) else {"query": query})
    return answer.json() if answer.content else {}


def answered(body: Any) -> bool:
    """Whether something came back of what was asked for."""
    return isinstance(body, list) or bool(body.get("data"))


async def introspection(client: httpx.AsyncClient) -> bool:
    return answered(await post(client, get_introspection_query()))


async def small_introspection(client: httpx.AsyncClient) -> bool:
    return answered(await post(client, '{ __type(name: "Query") { name } }'))


async def field_suggestions(client: httpx.AsyncClient) -> bool:
    queries = ("{ viewr { name } }", "{ __schema { directive } }", "{ viewer { nam } }")
    return "Did you mean" in str([await post(client, query) for query in queries])


async def argument_suggestions(client: httpx.AsyncClient) -> bool:
    queries = ("{ conversations(frst: 1) { totalCount } }", "{ node { id } }", "{ a: b @skp }")
    return "Did you mean" in str([await post(client, query) for query in queries])


async def graphical_page(client: httpx.AsyncClient) -> bool:
    headers = {"Accept": "text/html"}
    answers = [await client.get(path, headers=headers) for path in PAGES]
    return any("text/html" in answer.headers["content-type"] for answer in answers)


async def query_by_get(client: httpx.AsyncClient) -> bool:
    answer = await client.get(URL, params={"query": "query cop {__typename}"})
    return answered(answer.json())


async def mutation_by_get(client: httpx.AsyncClient) -> bool:
    answer = await client.get(URL, params={"query": "mutation cop {__typename}"})
    return answered(answer.json())


async def form(client: httpx.AsyncClient) -> bool:
    answers = [
        await client.post(URL, data={"query": "query cop {__typename}"}),
        await client.post(URL, content='{"query": "{__typename}"}'),
        await client.post(
            URL, content='{"query": "{__typename}"}', headers={"Content-Type": "text/plain"}
        ),
        await client.post(URL, files={"operations": '{"query": "{__typename}"}', "map": "{}"}),
        await client.post(f"{URL}?query=%7B__typename%7D"),
    ]
    return any(answered(answer.json()) for answer in answers)


async def alias_overloading(client: httpx.AsyncClient) -> bool:
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))
    return answered(await post(client, f"query cop {{ {aliases} }}"))


async def batches(client: httpx.AsyncClient) -> bool:
    return answered(await post(client, [{"query": "query cop { __typename }"}] * 10))


async def directive_overloading(client: httpx.AsyncClient) -> bool:
    unknown = await post(client, "query cop { __typename " + "@aa" * 10 + " }")
    known = await post(client, "query cop { __typename " + "@skip(if: false)" * 100 + " }")
    return len(unknown["errors"]) >= 10 or answered(known)


async def field_duplication(client: httpx.AsyncClient) -> bool:
    return answered(await post(client, "query cop { " + "__typename \n" * 500 + "}"))


async def circular_introspection(client: httpx.AsyncClient) -> bool:
    return answered(await post(client, CIRCULAR))


async def circular_fragments(client: httpx.AsyncClient) -> bool:
    text = "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename ...A }"
    return answered(await post(client, text))


async def trace_mode(client: httpx.AsyncClient) -> bool:
    body = await post(client, "query cop { __typename }")
    return "tracing" in body.get("extensions", {})


async def unhandled_error(client: httpx.AsyncClient) -> bool:
    bodies = [await post(client, query) for query in ("qwerty cop { abc }", "{", "query ($a: B!)")]
    return any(word in str(bodies) for word in ("exception", "Traceback", "INTERNAL", ".py"))


CHECKS: tuple[Check, ...] = (
    alias_overloading,
    argument_suggestions,
    batches,
    circular_fragments,
    circular_introspection,
    directive_overloading,
    field_duplication,
    field_suggestions,
    form,
    graphical_page,
    introspection,
    mutation_by_get,
    query_by_get,
    small_introspection,
    trace_mode,
    unhandled_error,
)
WHAT_DEVELOPERS_NEED = {
    "argument_suggestions",
    "field_suggestions",
    "graphical_page",
    "introspection",
    "query_by_get",
    "small_introspection",
}
"""In the development profile the schema is shown, by GraphiQL too, and queries by GET are taken
from a page of our own or from no page; they change nothing, and mutations are never taken so."""


@pytest.mark.parametrize(
    ("profile", "expected"),
    [("production", set[str]()), ("development", WHAT_DEVELOPERS_NEED)],
)
async def test_what_a_scanner_finds(settings: Settings, profile: str, expected: set[str]) -> None:
    chosen = settings.model_copy(update={"profile": profile})
    async with running_app(chosen) as app, client_of(app) as client:
        found = {check.__name__ for check in CHECKS if await check(client)}
    assert found == expected
