"""Search over GraphQL."""

from __future__ import annotations

from typing import Any

from backend.graphql.context import Context
from backend.graphql.errors import shown
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import say, stored_conversation

FIND = """query Find($query: String!, $mode: SearchMode!, $first: Int!, $after: Cursor,
    $filter: SearchFilter) {
  search(query: $query, mode: $mode, first: $first, after: $after, filter: $filter) {
    edges { cursor node { score lexicalRank semanticRank snippet highlights { start end }
      message { content conversation { id } } } }
    nodes { message { content } } mode
    pageInfo { hasNextPage hasPreviousPage endCursor } } }"""


async def find(services: Services, viewer: Viewer, query: str, **asked: Any) -> Any:
    """The data of a search."""
    variables = {"query": query, "mode": "LEXICAL", "first": 20, **asked}
    result = await schema.execute(FIND, variables, context_value=Context(services, viewer))
    assert result.errors is None
    assert result.data is not None
    return result.data["search"]


async def test_hits_and_pages(services: Services, viewer: Viewer, other_viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "zebra one", "a second zebra here", "a third zebra here")
    page = await find(services, viewer, "zebra", first=2)
    [first, second] = page["edges"]
    [place] = first["node"]["highlights"]
    assert first["node"]["snippet"][place["start"] : place["end"]] == "zebra"
    assert first["node"]["lexicalRank"] == 1
    assert first["node"]["semanticRank"] is None
    assert first["node"]["message"]["conversation"]["id"] == chat.id
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "endCursor": second["cursor"],
    }
    rest = await find(services, viewer, "zebra", after=second["cursor"])
    assert len(rest["nodes"]) == 1
    both = await find(services, viewer, "zebra", mode="HYBRID")
    assert (len(both["nodes"]), both["mode"]) == (3, "LEXICAL")
    assert (await find(services, other_viewer, "zebra"))["nodes"] == []


async def test_meaning_needs_an_embedder(services: Services, viewer: Viewer) -> None:
    variables = {"query": "zebra", "mode": "SEMANTIC", "first": 20}
    result = await schema.execute(FIND, variables, context_value=Context(services, viewer))
    [error] = result.errors or []
    assert shown(error).extensions == {"code": "NO_EMBEDDER", "field": []}


async def test_filter(services: Services, viewer: Viewer) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "zebra")
    inside = {"conversationIds": [chat.id], "roles": ["USER"], "after": "2020-01-01T00:00:00Z"}
    assert len((await find(services, viewer, "zebra", filter=inside))["nodes"]) == 1
    outside = {"excludeConversationIds": [chat.id]}
    assert (await find(services, viewer, "zebra", filter=outside))["nodes"] == []
