"""Context windows with what is recalled, over GraphQL."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import parse

from backend.graphql.context import Context
from backend.graphql.limits import QueryLimits, analyse, cost_model
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import say, stored_conversation

WINDOW = """query Window($id: ID!, $recall: Int!, $query: String, $from: RecallScope! = ALL,
    $floor: Float! = 0) {
  conversation(id: $id) { contextWindow(maxTokens: 500, recent: 1, recall: $recall, query: $query,
      recallFrom: $from, recallFloor: $floor, recencyWeight: 0.1, alternatives: true) {
    query prompt tokenCount leftOut { messageId conversationId reason score }
    messages { origin content tokenCount message { content }
      reason { rank score lexicalRank semanticRank neighbourOf } } } } }"""


async def window(services: Services, viewer: Viewer, chat: str, **asked: Any) -> Any:
    """The data of a window."""
    result = await schema.execute(
        WINDOW, {"id": chat, "recall": 3, **asked}, context_value=Context(services, viewer)
    )
    assert result.errors is None
    assert result.data is not None
    return result.data["conversation"]["contextWindow"]


async def test_recalled_messages_say_why_they_came(services: Services, viewer: Viewer) -> None:
    other = await stored_conversation(services, viewer)
    await say(services, viewer, other.id, "I keep a zebra.", "It eats hay.")
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "And the zebra?")
    found = await window(services, viewer, chat.id)
    assert found["query"] == "And the zebra?"
    assert [each["origin"] for each in found["messages"]] == ["RECALLED", "RECALLED", "RECENT"]
    [first, second, question] = (each["reason"] for each in found["messages"])
    assert {first["rank"], second["rank"]} == {2, 3}
    assert question is None
    assert [each["reason"] for each in found["leftOut"]] == ["RECENT"]
    here = await window(services, viewer, chat.id, **{"from": "CONVERSATION"})
    assert [each["origin"] for each in here["messages"]] == ["RECENT"]
    assert (await window(services, viewer, chat.id, recall=0))["query"] is None


@pytest.mark.parametrize("asked", [{"recall": 51}, {"recall": -1}, {"floor": 1.5}])
async def test_numbers_that_make_no_sense(
    services: Services, viewer: Viewer, asked: dict[str, Any]
) -> None:
    chat = await stored_conversation(services, viewer)
    variables = {"id": chat.id, "recall": 1, **asked}
    result = await schema.execute(WINDOW, variables, context_value=Context(services, viewer))
    [error] = result.errors or []
    assert error.path == ["conversation", "contextWindow"]


@pytest.mark.parametrize("arguments", ["recall: 40", "recent: 0, recall: 40", "recent: 41"])
def test_what_is_recalled_has_a_price(arguments: str) -> None:
    assert price(arguments) > price("recent: 40")


def price(arguments: str) -> int:
    """What a window with these arguments costs."""
    limits = QueryLimits()
    text = f"{{ conversation(id: 1) {{ contextWindow({arguments}) {{ messages {{ origin }} }} }} }}"
    analysis = analyse(parse(text), cost_model(schema._schema, limits), limits)
    return analysis.cost(next(iter(analysis.operations)), None)
