"""What lists are filtered by is read as what is stored was written."""

from __future__ import annotations

from typing import Any

import pytest

from backend.graphql.context import Context
from backend.graphql.schema import schema
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import stored_conversation

LIST = "query List($filter: ConversationFilter) { conversations(filter: $filter) { totalCount } }"


async def listed(services: Services, viewer: Viewer, **chosen: object) -> Any:
    """The result of a list that is narrowed."""
    context = Context(services, viewer)
    return await schema.execute(LIST, {"filter": chosen}, context_value=context)


@pytest.mark.parametrize("asked", ["caf\xe9", "  caf\xe9 ", "caf\xe9\0"])
async def test_tags_are_found_however_they_are_written(
    services: Services, viewer: Viewer, asked: str
) -> None:
    await stored_conversation(services, viewer, tags=["caf\xe9"])
    result = await listed(services, viewer, tags=[asked])
    assert (result.errors, result.data) == (None, {"conversations": {"totalCount": 1}})


@pytest.mark.parametrize("odd", ["\0", "a\0b", "\ud800", "a\udfffb", "\uffff", ""])
async def test_odd_characters_are_only_characters(
    services: Services, viewer: Viewer, odd: str
) -> None:
    for chosen in ({"tags": [odd]}, {"titleContains": odd}):
        assert (await listed(services, viewer, **chosen)).errors is None


async def test_more_tags_than_anything_can_have_are_refused(
    services: Services, viewer: Viewer
) -> None:
    result = await listed(services, viewer, tags=[str(number) for number in range(33)])
    assert result.errors[0].extensions["code"] == "INVALID"
