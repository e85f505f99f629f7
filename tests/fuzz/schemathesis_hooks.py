"""What schemathesis cannot read off the GraphQL schema: values of its scalars, and which refusals
are answers. Used by `make fuzz-schema`.

A type of GraphQL cannot say that `first` ends at 200 or that it excludes `last`, so requests that
are right by the schema are refused with a code. The tool takes every such refusal for a failure;
here a refusal has to have one of the documented codes, and nothing else is let through.
"""

from __future__ import annotations

import base64
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

REFUSALS = {
    "CONFLICT",
    "FORBIDDEN",
    "GRAPHQL_VALIDATION_FAILED",
    "INVALID",
    "LIMIT_EXCEEDED",
    "NOT_FOUND",
    "TOO_LARGE",
}
"""`GRAPHQL_VALIDATION_FAILED`: the tool gives a @oneOf input several fields, and odd cursors."""

_CURSORS = st.builds(
    lambda inside: base64.urlsafe_b64encode(inside).decode().rstrip("="),
    st.sampled_from([b'1A["2026-01-01T00:00:00Z","x"]', b"1m[1]", b"1o[1]"]) | st.binary(),
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=9,
)


def _node(value: Any) -> Any:
    if isinstance(value, list):
        return nodes.List(list(map(_node, value)))
    makers = {bool: nodes.Boolean, int: nodes.Int, str: nodes.String}
    return nodes.Null if value is None else makers[type(value)](value)


schemathesis.graphql.scalar(
    "DateTime", st.datetimes().map(lambda moment: nodes.String(f"{moment.isoformat()}Z"))
)
schemathesis.graphql.scalar("JSON", _JSON.map(_node))
schemathesis.graphql.scalar("Cursor", _CURSORS.map(nodes.String))


@schemathesis.check  # type: ignore[untyped-decorator]
def refusals_have_a_code(_context: Any, response: Any, _case: Any) -> None:
    """Every error is one that the documentation lists; none is the server's own."""
    body = response.json()
    assert response.status_code < 500, body
    assert isinstance(body, dict), body
    assert body.keys() & {"data", "errors"}, body
    for error in body.get("errors", ()):
        assert error["extensions"]["code"] in REFUSALS, error
