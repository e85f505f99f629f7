"""From the bytes of an HTTP request to its GraphQL parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive

from backend.graphql.http.refusals import HungUp, too_large, unsupported_media_type
from backend.graphql.parameters import (
    MAX_NESTING,
    Malformed,
    Parameters,
    check_nesting,
    parameters_from,
)

MEBIBYTE = 1024 * 1024
URL_PARAMETERS = ("query", "documentId", "operationName", "variables", "extensions")


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Raises Refused unless the body claims to be JSON in UTF-8.

    A browser sends no such request to another site without asking there first, which is what keeps
    strange pages from writing: forms and ``text/plain`` are what it would send.
    """
    given = headers.get(b"content-type", b"")
    if given != b"application/json" and not _is_json(given[:200]):
        raise unsupported_media_type("Send the request with Content-Type: application/json.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise unsupported_media_type("Send the request without Content-Encoding.")


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    media_type, *parameters = content_type.decode("latin-1").lower().split(";")
    charsets = [each.partition("=")[2] for each in parameters if each.strip().startswith("charset")]
    return media_type.strip() == "application/json" and all(
        charset.strip().strip('"') in ("utf-8", "utf8") for charset in charsets
    )


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], megabytes: int) -> bytes:
    """The whole body; raises Refused as soon as it is known to be too large."""
    limit = megabytes * MEBIBYTE
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(megabytes)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(megabytes)
        if not message.get("more_body"):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)


def parameters_in_body(body: bytes) -> Parameters:
    """The parameters in a JSON body; raises Malformed."""
    if not body:
        raise Malformed("The body is empty.", unreadable=True)
    return parameters_from(_decoded(body, "The body"))


def parameters_in_url(query_string: bytes) -> Parameters:
    """The parameters in the query component of an address; raises Malformed.

    An empty one is as good as left out.
    """
    if not query_string:
        return Parameters()
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise Malformed("The address is not encoded as it has to be.", unreadable=True) from None
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise Malformed(f"{name} is given twice.")
        if name in URL_PARAMETERS:
            given[name] = value
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _decoded(given[name].encode(), name)
    return parameters_from(given)


def _decoded(text: bytes, what: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error}.", unreadable=True) from None
    if text.count(b"[") + text.count(b"{") > MAX_NESTING:
        check_nesting(value)
    _check_names(text, value, what)
    return value


def _check_names(text: bytes, value: Any, what: str) -> None:
    """Raises Malformed where an object has a name twice: two readers may take different values.

    What can be written back byte for byte has no name twice, for an object in memory has none. That
    is so with what JavaScript's ``JSON.stringify`` made, and much quicker than to look.
    """
    if orjson.dumps(value) != text:
        json.loads(
            text,
            object_pairs_hook=lambda pairs: _without_repetition(pairs, what),
            parse_int=str,  # a number of many digits is slow to convert, and refused by Python
            parse_float=str,
        )


def _without_repetition(pairs: list[tuple[str, Any]], what: str) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        raise Malformed(f"{what} has an object with the same name twice.")
