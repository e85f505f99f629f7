"""Compiled execution answers as graphql-core does, byte for byte, whatever is asked."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from backend.graphql.schema import schema
from tests.graphql.execution.conftest import Bench
from tests.graphql.execution.documents import queries

EXAMPLES = int(os.environ.get("EXAMPLES", "300"))
"""Set it to thousands after a change of the compiler."""


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
@given(data=st.data())
def test_queries_are_answered_alike(bench: Bench, data: st.DataObject) -> None:
    operation = data.draw(queries(schema._schema, bench.library))
    referred = bench.both.compiled.execution.referred
    answers = bench.run(bench.both.answers(operation.text, operation.variables))
    event("rejected" if answers is None else "executed")
    assume(answers is not None)
    compiled, reference = answers
    assert compiled == reference, (operation.text, operation.variables)
    assert b'"INTERNAL"' not in compiled
    # A good operation is one that plans are for: it must not come by way of graphql-core.
    if b'"errors"' not in reference:
        event("good")
        assert bench.both.compiled.execution.referred == referred
