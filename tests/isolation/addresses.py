"""Every address of REST, asked with Ana's ids and cursors, as the OpenAPI document lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.isolation.worlds import ANSWER, FIRST, OPEN, OWN, OWN_ANSWER, SECRET, TREE, an_id
from tests.support.apps import Json

# Parameters that name nothing stored. What is in no such list has to be tried with Ana's.
HARMLESS = {
    "active_after", "active_before", "alternatives", "archived", "branch", "created_after",
    "created_before", "descendants", "direction", "dry_run", "first", "format", "if-match",
    "if-none-match", "include_archived", "last", "max_tokens", "messages", "mode", "order_by",
    "pinned", "query", "recall", "recall_floor", "recall_from", "recency_weight", "recent",
    "roles", "tags", "title_contains", "total_count", "written_after", "written_before",
}  # fmt: skip
HARMLESS_IN_BODIES = {
    "archived", "comment", "content", "created_at", "expected_revision", "file", "finish_reason",
    "metadata", "model", "name", "new_root", "offset", "parts", "pinned", "rating", "role",
    "status", "tags", "text", "title", "usage",
}  # fmt: skip
STREAMS = ("followChat",)
SAID = {"role": "user", "content": "Bruno's"}
NEW = an_id(0xB30)


class Call(NamedTuple):
    """One request."""

    operation: str
    method: str
    path: str
    sent: dict[str, Any]


def bodies(operation: str) -> list[Json]:
    """What is sent to an operation that takes a body."""
    known: dict[str, list[Json]] = {
        "createChat": [{"id": NEW, "title": "Bruno's", "messages": [SAID]}],
        "updateChat": [{"title": "Bruno's"}, {"expected_revision": 1, "pinned": True}],
        "addMessages": [
            SAID,
            {**SAID, "parent_id": FIRST},
            {"messages": [SAID], "parent_id": ANSWER},
        ],
        "updateMessage": [{"content": "Bruno's"}],
        "forkChat": [{}],
        "setFeedback": [{"rating": -1, "comment": "Bruno's"}],
        "startMessage": [{}, {"parent_id": ANSWER}],
        "appendToMessage": [{"offset": 0, "text": "Bruno's"}],
        "finishMessage": [{}],
        "importChats": [{"title": "Bruno's", "messages": [SAID]}],
    }
    return known[operation]


def taking(operation: str) -> list[Json]:
    """What is sent to make one's own what bears Ana's ids."""
    named = {"id": FIRST, **SAID}
    known: dict[str, list[Json]] = {
        "createChat": [{"id": TREE, "title": "Bruno's", "messages": [named]}],
        "addMessages": [{**SAID, "id": ANSWER}, {"messages": [{**SAID, "id": an_id(0xA14)}]}],
        "startMessage": [{"id": OPEN}],
    }
    return known.get(operation, [])


def calls(document: Json, cursors: Mapping[str, str], *, takes: bool = False) -> Iterator[Call]:
    """Requests to every operation; those that take Ana's ids for one's own, or all others.

    What deletes comes last, the chat itself after its messages.
    """
    found = [
        call
        for path, operations in document["paths"].items()
        for method, described in operations.items()
        if path.startswith("/api/") and described["operationId"] not in STREAMS
        for address in _addresses(path, [TREE] if takes else [TREE, OWN])
        for call in _requests(described, method.upper(), address, cursors, takes=takes)
    ]
    yield from sorted(found, key=lambda call: (call.method == "DELETE", -len(call.path.split("/"))))


def _requests(
    described: Json, method: str, path: str, cursors: Mapping[str, str], *, takes: bool
) -> Iterator[Call]:
    name = described["operationId"]
    if takes:
        for body in taking(name):
            yield Call(name, method, path, {"json": body})
    elif "requestBody" in described:
        for body in bodies(name):
            yield Call(name, method, path, {"json": body})
    else:
        yield Call(name, method, path, {"params": _needed(described)})
        for given in _naming(described, cursors):
            yield Call(name, method, path, {"params": {**_needed(described), **given}})


def _addresses(path: str, chats: list[str]) -> Iterator[str]:
    """The path with Ana's chats and messages in its places, and with one of his own among hers."""
    for chat in chats if "{chat_id}" in path else [""]:
        for message in (ANSWER, OPEN, OWN_ANSWER) if "{message_id}" in path else [""]:
            yield path.replace("{chat_id}", chat).replace("{message_id}", message)


def _needed(described: Json) -> dict[str, str]:
    return {"query": SECRET} if described["operationId"] == "search" else {}


def _naming(described: Json, cursors: Mapping[str, str]) -> Iterator[dict[str, str]]:
    values = {
        "after": tuple(cursors.values()),
        "before": tuple(cursors.values()),
        "around": (ANSWER,),
        "leaf_id": (ANSWER,),
        "chat_ids": (TREE,),
        "exclude_chat_ids": (TREE,),
    }
    for parameter in described.get("parameters", []):
        for value in values.get(parameter["name"], ()):
            yield {parameter["name"]: value}


def places_of(document: Json) -> set[tuple[str, str]]:
    """Every operation, and every place in one that may name something stored."""
    found: set[tuple[str, str]] = set()
    for path, operations in document["paths"].items():
        if path.startswith("/api/"):
            for described in operations.values():
                name = described["operationId"]
                found |= {(name, ""), *(((name, "path"),) if "{" in path else ())}
                found |= {(name, place) for place in _parameters(described) - HARMLESS}
                inside = _properties(described.get("requestBody", {}), document, set())
                found |= {(name, place) for place in inside - HARMLESS_IN_BODIES - {"messages"}}
    return found


def streams_of(document: Json) -> set[str]:
    """The operations that are answered with events."""
    return {
        described["operationId"]
        for operations in document["paths"].values()
        for described in operations.values()
        if "text/event-stream" in described["responses"].get("200", {}).get("content", {})
    }


def _parameters(described: Json) -> set[str]:
    given = described.get("parameters", [])
    return {each["name"].lower() for each in given if each["in"] != "path"}


def _properties(schema: Any, document: Json, seen: set[str]) -> set[str]:
    """The names of all properties in a body; those of its parts and counts name nothing."""
    if isinstance(schema, list):
        return {name for each in schema for name in _properties(each, document, seen)}
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        target = schema["$ref"].rsplit("/", 1)[1]
        if target in seen or re.search("Part|Usage", target):
            return set()
        seen.add(target)
        return _properties(document["components"]["schemas"][target], document, seen)
    found = set(schema.get("properties", {}))
    return found | {name for each in schema.values() for name in _properties(each, document, seen)}
