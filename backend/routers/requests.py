"""What happens to every REST request before and after its handler.

Parameters that are unknown or given twice are refused instead of ignored, JSON bodies are read up
to a limit and parsed once, and every failure becomes a problem document.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from email.message import Message
from http import HTTPStatus
from typing import Any, get_args, get_origin

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from backend.config import Settings
from backend.errors import ConversaError, Invalid, TimedOut, TooLarge
from backend.limits import CONTENT_BYTES
from backend.routers.prices import PRICES, UNTIMED
from backend.routers.problems import (
    internal_problem,
    problem,
    unsupported_media_type,
    validation_problem,
)
from backend.security.caller import caller_of

BODY_BYTES = 16 * CONTENT_BYTES
"""The largest JSON body: a full message with every character escaped, or some full ones."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ParsedRequest(Request):
    """A request whose JSON body has been read already."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._raw = raw
        self._value = value

    async def body(self) -> bytes:
        """The body as it came."""
        return self._raw

    async def json(self) -> Any:
        """The value it stands for."""
        return self._value


class ProblemRoute(APIRoute):
    """A route that takes exactly what it declares and fails with problem documents."""

    def get_route_handler(self) -> Handler:
        """The handler with what stands around it."""
        handle = super().get_route_handler()
        many = {
            field.alias: _is_list(field.field_info.annotation)
            for field in _query_fields(self.dependant)
        }
        has_body = self.body_field is not None
        operation = self.operation_id or self.name
        price = PRICES[operation]

        async def answer(request: Request) -> Response:
            try:
                async with _admitted(request, operation, price):
                    _check_query(request, many)
                    return await handle(await _parsed(request) if has_body else request)
            except ConversaError as error:
                return problem(error)
            except RequestValidationError as error:
                return problem(validation_problem(error))
            except HTTPException:
                raise
            except ClientDisconnect:
                # Nobody is left to read it.
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except Exception as error:
                return internal_problem(error)

        return answer


@asynccontextmanager
async def _admitted(request: Request, operation: str, price: int) -> AsyncIterator[None]:
    """What is asked for is paid for, and ended when it takes too long."""
    if price:
        caller = caller_of(request.scope)
        caller.operation = operation
        await caller.charge(price)
        caller.tell_act(operation)
    settings: Settings = request.app.state.settings
    seconds = None if operation in UNTIMED else settings.request_timeout
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        message = f"The request took more than {seconds:g} seconds and was ended."
        raise TimedOut(message) from None


def media_type(request: Request) -> str:
    """The media type of the body in lower case, without parameters; empty where none is given."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    return message.get_content_type() if message["content-type"] else ""


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The pieces of the body; raises TooLarge as soon as it is known to be over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        yield piece


async def _parsed(request: Request) -> ParsedRequest:
    given = media_type(request)
    if given != "application/json":
        raise unsupported_media_type("application/json")
    raw = b"".join([piece async for piece in limited(request, BODY_BYTES)])
    if not raw:
        raise Invalid("The body is empty.", field=("body",))
    try:
        return ParsedRequest(request, raw, orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error}.", field=("body",)) from None


def _check_query(request: Request, many: dict[str, bool]) -> None:
    for name in request.query_params:
        if name not in many:
            raise Invalid(f"There is no parameter {name}.", field=(name,))
        if not many[name] and len(request.query_params.getlist(name)) > 1:
            raise Invalid(f"{name} is given more than once.", field=(name,))


def _query_fields(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_fields(inner)


def _is_list(annotation: Any) -> bool:
    """Whether an annotation is a list, or one of its alternatives is."""
    if get_origin(annotation) is list:
        return True
    return any(_is_list(each) for each in get_args(annotation))


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A body here takes at most {limit} bytes.", field=("body",))
