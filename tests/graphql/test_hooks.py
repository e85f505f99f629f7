"""Our runner of hooks does what Strawberry's does, for every kind of hook."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from backend.graphql.hooks import HookRunner

LOG: list[str] = []


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        LOG.append("resolve")
        return "world"


class Around(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        LOG.append("around operation")
        yield
        LOG.append("operation over")

    def on_parse(self) -> Iterator[None]:
        LOG.append("around parse")
        yield
        LOG.append("parse over")

    def on_execute(self) -> Iterator[None]:
        try:
            yield
        except ValueError:
            LOG.append("saw the error")
            raise

    def get_results(self) -> dict[str, Any]:
        return {"around": True}


class Before(SchemaExtension):
    def on_parse(self) -> None:  # type: ignore[override]
        LOG.append("before parse")

    def on_validate(self) -> None:  # type: ignore[override]
        LOG.append("before validate")


class Asynchronous(SchemaExtension):
    async def on_operation(self) -> AsyncIterator[None]:
        LOG.append("async operation")
        yield
        LOG.append("async operation over")

    async def get_results(self) -> dict[str, Any]:
        return {"asynchronous": True}


class Failing(SchemaExtension):
    def on_execute(self) -> Iterator[None]:
        yield
        raise ValueError("after all")


class Schema(strawberry.Schema):
    """With our runner."""

    def create_extensions_runner(self, *given: Any) -> HookRunner:
        return HookRunner(*given)


async def run(
    schema_class: type[strawberry.Schema], extensions: list[type[SchemaExtension]]
) -> tuple[Any, list[str]]:
    LOG.clear()
    result = await schema_class(Query, extensions=extensions).execute("{ hello }")
    errors = [error.message for error in result.errors or []]
    return (result.data, errors, result.extensions), list(LOG)


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [Around],
        [Before],
        [Around, Before],
        [Before, Around],
        [Asynchronous],
        [Around, Asynchronous, Before],
        [Failing],
        [Around, Failing],
        [Failing, Around],
        [Around, Failing, Asynchronous],
    ],
)
async def test_both_runners_do_the_same(extensions: list[type[SchemaExtension]]) -> None:
    ours = await run(Schema, extensions)
    assert ours == await run(strawberry.Schema, extensions)
    assert "resolve" in ours[1]


async def test_the_hooks_of_a_stage_nest() -> None:
    _, log = await run(Schema, [Around, Before])
    assert log[:4] == ["around operation", "around parse", "before parse", "parse over"]
    assert log[-1] == "operation over"
    _, log = await run(Schema, [Around, Failing])
    assert "saw the error" in log
