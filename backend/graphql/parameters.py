"""What a client asks for, whatever the transport that brought it."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_NESTING = 100
"""Levels of lists and objects in a request: far above any real one, far below the interpreter's
recursion limit and below the 254 levels that can be written back as JSON."""

_TYPES: dict[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "documentId": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


class Malformed(Exception):
    """What was sent is no GraphQL request. ``unreadable``: nor is it in the format it claims."""

    def __init__(self, message: str, *, unreadable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.unreadable = unreadable


class Parameters(NamedTuple):
    """A GraphQL request. It has the text of a document, or something by which to find it."""

    query: str | None = None
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None

    @property
    def asks_for_cost(self) -> bool:
        """Whether the answer shall say what it cost."""
        return self.extensions is not None and self.extensions.get("cost") is True


def parameters_from(given: object) -> Parameters:
    """The request in decoded JSON; raises Malformed. Null is as good as left out; what else stands
    beside the five parameters is ignored, as the specification has it."""
    if isinstance(given, list):
        raise Malformed("Several requests in one are not taken: send each by itself.")
    if not isinstance(given, dict):
        raise Malformed("A request is a JSON object with a query.")
    for name, value in given.items():
        if value is not None and name in _TYPES and not isinstance(value, _TYPES[name][0]):
            raise Malformed(f"{name} must be {_TYPES[name][1]}.")
    return Parameters(
        given.get("query"),
        given.get("documentId"),
        given.get("operationName") or None,
        given.get("variables"),
        given.get("extensions"),
    )


def check_nesting(value: object) -> None:
    """Raises Malformed where lists and objects are nested too deep."""
    level: list[object] = [value]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise Malformed(f"The request is nested more than {MAX_NESTING} levels deep.")


def _inside(value: object) -> list[object]:
    members = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    return [each for each in members if isinstance(each, dict | list)]
