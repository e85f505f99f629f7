"""An event is executed once for all who ask the same, whoever of them leaves meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
import strawberry

from backend.graphql.context import Context
from backend.graphql.operations import Operations
from backend.graphql.parameters import Parameters
from backend.graphql.schema import Schema
from backend.graphql.subscribing import Rendered
from backend.repositories.changes import ChangeRecord
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.followers import Change
from tests.support.following import eventually


@dataclass
class Event:
    """One that followers share."""

    change: Change
    asked: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


@strawberry.type
class Answer:
    @strawberry.field
    async def text(self, root: strawberry.Parent[Event]) -> str:
        """Takes its time."""
        root.asked += 1
        await root.go_on.wait()
        return "told"


EVENTS: list[Event] = []


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def told(self) -> AsyncGenerator[Answer, None]:
        """The one event of a test."""
        yield EVENTS[-1]  # type: ignore[misc]


@strawberry.type
class Query:
    nothing: str = ""


@pytest.fixture
def event() -> Event:
    EVENTS[:] = [Event(Change(ChangeRecord(1, "added", "m")))]
    return EVENTS[0]


def asking(services: Services, viewer: Viewer, count: int) -> list[asyncio.Task[Rendered]]:
    """So many who ask the same."""
    operations = Operations(Schema(Query, subscription=Subscription))
    parameters = Parameters(query="subscription { told { text } }")

    async def ask() -> Rendered:
        context = Context(services, viewer, streaming=True)
        answers = operations.subscribe(operations.admit(parameters), parameters, context)
        return await anext(answers)

    return [asyncio.create_task(ask()) for _ in range(count)]


async def test_one_execution_is_enough(services: Services, viewer: Viewer, event: Event) -> None:
    tasks = asking(services, viewer, 5)
    await eventually(lambda: event.asked)
    event.go_on.set()
    found = await asyncio.gather(*tasks)
    assert {each.payload for each in found} == {b'{"data":{"told":{"text":"told"}}}'}
    assert event.asked == 1


async def test_another_takes_over_where_the_first_leaves(
    services: Services, viewer: Viewer, event: Event
) -> None:
    first, *others = asking(services, viewer, 5)
    await eventually(lambda: event.asked)
    first.cancel()
    await eventually(lambda: event.asked == 2)
    event.go_on.set()
    found = await asyncio.gather(*others)
    assert {each.payload for each in found} == {b'{"data":{"told":{"text":"told"}}}'}
    assert event.asked == 2
