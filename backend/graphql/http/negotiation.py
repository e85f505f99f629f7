"""What a client wants to get, by its Accept header (RFC 9110, section 12.5.1).

JSON wins a query wherever the client takes it as gladly as anything else: clients name the
streaming types on every operation. A stream must be named; a wildcard is no wish for one. The page
is for a browser, which names ``text/html`` and takes it more gladly than JSON.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
HTML = "text/html"

MAX_ACCEPT_CHARACTERS = 1_000
SUBSCRIPTION_SPECS = ("1", "1.0")
"""Of Apollo's multipart protocol. ``multipart/mixed`` without it is a wish for ``@defer``."""

_ELEMENT = re.compile(r'(?:[^,"]|"[^"]*")+')
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*"?([^";]*)"?')
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


class Wishes(NamedTuple):
    """The media type for one answer, that for a stream, and whether the page is wanted.

    None stands where none of ours is acceptable. One answer may be an event stream, too.
    """

    answer: str | None
    stream: str | None
    page: bool


class _Range(NamedTuple):
    media_type: str
    weight: float
    parameters: dict[str, str]


def wishes(accept: str, default: str) -> Wishes:
    """The wishes in a header; ``default`` is the JSON type of one who takes any."""
    if len(accept) > MAX_ACCEPT_CHARACTERS:  # keeps strangers from filling the cache
        return _wishes.__wrapped__(accept, default)
    return _wishes(accept, default)


@lru_cache(maxsize=256)
def _wishes(accept: str, default: str) -> Wishes:
    ranges = _parsed(accept) if accept.strip() else [_Range("*/*", 1.0, {})]
    json, json_weight = _best_json(ranges, default)
    events = _named(ranges, EVENT_STREAM)
    answer = json if json_weight else None
    if events > json_weight:
        answer = EVENT_STREAM
    page = _named(ranges, HTML)
    named_json = max(_named(ranges, JSON), _named(ranges, GRAPHQL_JSON))
    return Wishes(
        answer,
        _stream(ranges, events),
        page > 0 and page >= json_weight and page > named_json,
    )


def _best_json(ranges: list[_Range], default: str) -> tuple[str, float]:
    graphql, plain = _weight(ranges, GRAPHQL_JSON), _weight(ranges, JSON)
    if graphql != plain:
        return (GRAPHQL_JSON, graphql) if graphql > plain else (JSON, plain)
    if _named(ranges, GRAPHQL_JSON):
        return GRAPHQL_JSON, graphql
    return (JSON if _named(ranges, JSON) else default), plain


def _stream(ranges: list[_Range], events: float) -> str | None:
    parts = [
        each.weight
        for each in ranges
        if each.media_type == MULTIPART
        and each.parameters.get("subscriptionspec") in SUBSCRIPTION_SPECS
    ]
    multipart = max(parts, default=0.0)
    if events and events >= multipart:
        return EVENT_STREAM
    return MULTIPART if multipart else None


def _named(ranges: list[_Range], media_type: str) -> float:
    """The weight of a type that is named as it is; 0 where it is not."""
    return max((each.weight for each in ranges if each.media_type == media_type), default=0.0)


def _weight(ranges: list[_Range], media_type: str) -> float:
    """The weight of a type by the most specific range that covers it."""
    for wanted in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        weights = [each.weight for each in ranges if each.media_type == wanted]
        if weights:
            return max(weights)
    return 0.0


def _parsed(accept: str) -> list[_Range]:
    ranges = []
    for element in _ELEMENT.findall(accept):
        media_type, _, rest = element.partition(";")
        parameters = {
            name.lower(): value.strip() for name, value in _PARAMETER.findall(";" + rest.strip())
        }
        weight = parameters.pop("q", "1")
        if _WEIGHT.match(weight):
            ranges.append(_Range(media_type.strip().lower(), float(weight), parameters))
    return ranges
