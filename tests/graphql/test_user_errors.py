"""What does not exist is said to be so of the field that names it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.graphql.context import Context
from backend.graphql.schema import schema
from backend.ids import new_id
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import stored_conversation

# By mutation: what names its subject, and what else it must be given.
SUBJECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "addMessage": ("conversationId", {"role": "USER", "content": "x"}),
    "addMessages": ("conversationId", {"messages": [{"role": "USER", "content": "x"}]}),
    "startMessage": ("conversationId", {}),
    "updateConversation": ("id", {"title": "x"}),
    "deleteConversation": ("id", {}),
    "updateMessage": ("id", {"content": "x"}),
    "deleteMessage": ("id", {}),
    "appendToMessage": ("id", {"offset": 0, "text": "x"}),
    "finishMessage": ("id", {}),
    "setFeedback": ("messageId", {"rating": 1}),
    "forkConversation": ("messageId", {}),
    "selectBranch": ("messageId", {}),
}


@pytest.mark.parametrize("name", SUBJECTS)
async def test_of_something_unknown(services: Services, viewer: Viewer, name: str) -> None:
    subject, given = SUBJECTS[name]
    kind = f"{name[0].upper()}{name[1:]}Input"
    query = f"mutation M($i: {kind}!) {{ {name}(input: $i) {{ userErrors {{ code field }} }} }}"
    variables = {"i": {subject: new_id(), **given}}
    result = await schema.execute(query, variables, context_value=Context(services, viewer))
    assert result.errors is None
    assert result.data is not None
    assert result.data[name]["userErrors"] == [{"code": "NOT_FOUND", "field": ["input", subject]}]


async def test_another_field_is_named_where_it_is_at_fault(
    services: Services, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    query = "mutation M($i: AddMessageInput!) { addMessage(input: $i) { userErrors { field } } }"
    variables = {
        "i": {"conversationId": chat.id, "parentId": new_id(), "role": "USER", "content": "x"}
    }
    result = await schema.execute(query, variables, context_value=Context(services, viewer))
    assert result.data is not None
    assert result.data["addMessage"]["userErrors"] == [{"field": ["input", "parentId"]}]
