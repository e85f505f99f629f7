"""What is kept of operations does not grow with how many different ones are sent."""

from __future__ import annotations

import gc
import importlib
import pkgutil
from collections.abc import Iterator
from itertools import combinations
from types import FunctionType
from typing import Any

from graphql.language import Token

import backend
from backend.graphql.limits import QueryLimits
from backend.graphql.limits.documents import DocumentCache
from backend.graphql.operations import Operations
from backend.graphql.schema import schema
from backend.repositories import rows
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.graphql.execution.running import Both
from tests.support.conversations import say, stored_conversation

FIELDS = ("title", "pinned", "archived", "createdAt", "updatedAt", "messageCount", "revision")
OF_MESSAGES = ("role", "content", "createdAt", "status", "model", "name", "revision")

# Keyed by what the program is made of: a schema's types, its settings, its files.
OF_THE_PROGRAM = {
    "backend.graphql.hooks._entry",
    "backend.graphql.limits.rule.limits_rule",
    "backend.graphql.playground._digest",
    "backend.graphql.execution.leaves._names",
    "backend.graphql.execution.leaves._coercer",
}


def caches() -> Iterator[tuple[str, Any]]:
    """Every function of the program that remembers what it returned."""
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if ".migrations" in module.name:
            continue
        # Looking at what is lazy loads it, which adds names to packages.
        for name, thing in list(vars(importlib.import_module(module.name)).items()):
            if hasattr(thing, "cache_info") and thing.__module__ == module.name:
                yield f"{module.name}.{name}", thing


def test_whatever_remembers_by_arguments_has_a_bound() -> None:
    found = dict(caches())
    assert len(found) > 10
    unbounded = {
        name
        for name, each in found.items()
        if each.cache_parameters()["maxsize"] is None and each.__wrapped__.__code__.co_argcount
    }
    assert unbounded <= OF_THE_PROGRAM


def operations(size: int) -> Iterator[str]:
    """Operations no two of which read the same columns."""
    for number, mine in enumerate(combinations(FIELDS, size)):
        of_message = " ".join(list(combinations(OF_MESSAGES, size))[number])
        yield (
            f"query Q{size}x{number} {{ conversations(first: 2) {{ edges {{ node {{"
            f" id {' '.join(mine)} a: messages(last: 2) {{ edges {{ node {{ {of_message} }} }} }}"
            f" b: messages(first: 1) {{ edges {{ node {{ {of_message} }} }} }} }} }} }} }}"
        )


def statements(services: Services) -> int:
    """How many compiled statements the engines keep."""
    caches = [engine._compiled_cache for engine in services.store.database.engines]
    return sum(len(cache) for cache in caches if cache is not None)


async def test_statements_do_not_grow_with_the_columns_that_are_asked_for(
    services: Services, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, "one", "two", "three")
    both = Both(services, viewer)
    for text in operations(3):
        mine, reference = await both.answers(text, {}) or (b"", b"none")
        assert mine == reference
    kept = statements(services)
    makers = rows._maker.cache_info().currsize
    assert all(len(each) <= rows.CHOICES for each in rows._choices.values())
    count = 0
    for text in operations(4):
        mine, reference = await both.answers(text, {}) or (b"", b"none")
        assert mine == reference
        count += 1
    assert count == 35
    assert both.compiled.execution.referred == 0
    assert statements(services) == kept
    assert rows._maker.cache_info().currsize == makers


def compiled_sources() -> set[int]:
    """The compiled operations whose functions are alive."""
    # A weak proxy of another test's that outlived its object cannot even be asked what it is.
    return {
        id(each.__globals__)
        for each in gc.get_objects()
        if type(each) is FunctionType and each.__code__.co_filename == "<operation>"
    }


def tokens() -> int:
    """How many tokens of documents are alive."""
    return sum(type(each) is Token for each in gc.get_objects())


async def test_documents_and_their_plans_go_together(services: Services, viewer: Viewer) -> None:
    gc.collect()
    before, tokens_before = compiled_sources(), tokens()
    both = Both(services, viewer, Operations(schema, limits=QueryLimits(max_tokens=1_000)))
    cache: DocumentCache = both.compiled._cache
    cache._max_documents, cache._max_tokens = 5, 200
    for size in (1, 2, 3):
        for text in operations(size):
            await both.answer(both.compiled, text, {})
            assert cache.count <= 5
            assert sum(each.weight for each in cache._prepared.values()) <= 200
    gc.collect()  # what validation leaves behind
    assert tokens() > tokens_before
    assert 0 < len(compiled_sources() - before) <= cache.count
    gc.disable()
    try:
        cache._prepared.clear()
        assert compiled_sources() - before == set()
        assert tokens() == tokens_before
    finally:
        gc.enable()
