"""The Accept headers of real clients, and of difficult ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.graphql.http.negotiation import (
    EVENT_STREAM,
    GRAPHQL_JSON,
    JSON,
    MULTIPART,
    Wishes,
    _wishes,
    wishes,
)

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)
APOLLO_SUBSCRIPTION = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,"
    "application/graphql-response+json,application/json;q=0.9"
)
APOLLO_DEFER = "multipart/mixed;deferSpec=20220824,application/json"


@pytest.mark.parametrize(
    ("accept", "answer", "stream", "page"),
    [
        ("", JSON, None, False),
        ("*/*", JSON, None, False),
        ("application/*", JSON, None, False),
        (CHROME, JSON, None, True),
        (URQL, GRAPHQL_JSON, EVENT_STREAM, False),
        ("text/event-stream, multipart/mixed", EVENT_STREAM, EVENT_STREAM, False),
        (APOLLO_SUBSCRIPTION, GRAPHQL_JSON, MULTIPART, False),
        (APOLLO_DEFER, JSON, None, False),
        ("application/graphql-response+json,application/json;q=0.9", GRAPHQL_JSON, None, False),
        ("application/json, application/graphql-response+json;q=0.9", JSON, None, False),
        ("application/json, application/graphql-response+json", GRAPHQL_JSON, None, False),
        ("application/json, */*", JSON, None, False),
        ("APPLICATION/JSON; charset=utf-8", JSON, None, False),
        ("text/event-stream", EVENT_STREAM, EVENT_STREAM, False),
        ("text/event-stream, */*", JSON, EVENT_STREAM, False),
        ("text/event-stream, application/json;q=0.5", EVENT_STREAM, EVENT_STREAM, False),
        ("text/event-stream;q=0, */*", JSON, None, False),
        ("text/*", None, None, False),
        ("text/plain", None, None, False),
        ("text/html", None, None, True),
        ("text/html, application/json", JSON, None, False),
        ("text/html;q=0.5, */*", JSON, None, False),
        ("text/html;q=0", None, None, False),
        ("application/json;q=0", None, None, False),
        ("application/json;q=0, */*", GRAPHQL_JSON, None, False),
        ('multipart/mixed;boundary="a,b";subscriptionSpec="1.0"', None, MULTIPART, False),
        ("multipart/mixed;subscriptionSpec=1, text/event-stream;q=.5", None, MULTIPART, False),
        ("multipart/mixed;subscriptionSpec=1, text/*;q=0.5", None, MULTIPART, False),
        ("multipart/mixed;subscriptionSpec=2.0", None, None, False),
        ("application/json;q=nonsense", None, None, False),
        (",,;q=1,", None, None, False),
    ],
)  # fmt: skip
def test_what_a_header_asks_for(
    accept: str, answer: str | None, stream: str | None, page: bool
) -> None:
    assert wishes(accept, JSON) == Wishes(answer, stream, page)


@pytest.mark.parametrize("accept", ["", "*/*", "application/*"])
def test_one_who_takes_any_gets_the_default(accept: str) -> None:
    assert wishes(accept, GRAPHQL_JSON).answer == GRAPHQL_JSON


def test_long_headers_are_not_remembered() -> None:
    before = _wishes.cache_info().currsize
    assert wishes("application/json" + ", text/x" * 1000, JSON).answer == JSON
    assert _wishes.cache_info().currsize == before


@given(st.text(alphabet='*/;,=q."\\ 0159atext-evnsrmhljoip+', max_size=80))
def test_no_header_is_too_strange(accept: str) -> None:
    found = wishes(accept, JSON)
    assert found.answer in (None, JSON, GRAPHQL_JSON, EVENT_STREAM)
    assert found.stream in (None, EVENT_STREAM, MULTIPART)
