"""GraphQL over WebSockets by the graphql-transport-ws protocol, and no other.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack, aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Protocol

import orjson
from graphql import GraphQLError
from graphql.language import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.types import ExecutionResult

from backend.errors import ConversaError, LimitExceeded, TimedOut
from backend.graphql.context import Context
from backend.graphql.errors import expected
from backend.graphql.limits import Admission
from backend.graphql.operations import Operations, Rejected
from backend.graphql.outlets import Put
from backend.graphql.parameters import Malformed, Parameters, parameters_from
from backend.graphql.permits import permit
from backend.graphql.socket_keeper import SocketKeeper
from backend.graphql.subscribing import StreamFailed, answer_once
from backend.security.caller import Caller
from backend.security.errors import KeysUnavailable, RateLimited
from backend.security.journal import tell_operation
from backend.tasks import stop

logger = logging.getLogger("conversa.sockets")

PROTOCOL = "graphql-transport-ws"
TEXT_AT_ONCE = "conversa.text_at_once"
"""The extension of ASGI by which our own server takes a text as bytes and says whether it went out:
no other message must wait for it to be told, and it may not wait itself. By it too it cuts a
connection off, whatever still waits to be sent."""
OPERATIONS = 100
"""Operations at once on one socket."""
FRAME_CHARACTERS = 1024 * 1024
"""The largest frame that is taken as an operation."""
MALFORMED_FRAMES = 16
"""Frames that are no messages, before a socket is closed for them. A single one, which the protocol
would close for, would end every other operation on the socket with it."""

BAD_REQUEST = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
"""Who asks is not known, or no longer; the client may come back with another key or token."""
TRY_LATER = 1013
REASON_CHARACTERS = 120
INIT_TIMEOUT = 4408
DUPLICATE = 4409
TOO_MANY_INITS = 4429


class Entry(Protocol):
    """What a socket needs of the server; ``seconds`` are what a query or mutation may take."""

    seconds: float

    async def caller(self, payload: object) -> Caller:
        """Who opened it, by the payload of ``connection_init``; raises ConversaError."""
        ...

    def context(self, caller: Caller) -> Context:
        """The surroundings of one operation."""
        ...


class Socket:
    """One connection: reads messages, runs an operation as a task each."""

    def __init__(
        self,
        websocket: WebSocket,
        operations: Operations,
        entry: Entry,
        keeper: SocketKeeper,
    ) -> None:
        self._websocket = websocket
        self._operations = operations
        self._entry = entry
        self._keeper = keeper
        self._caller: Caller | None = None
        self._held = ExitStack()
        self._withdrawn = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._malformed = 0
        self._closed = False
        self.opened_at = self.heard_at = asyncio.get_running_loop().time()
        self.sending_since: float | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the client has said who it is."""
        return self._caller is not None

    @property
    def over(self) -> str | None:
        """Why it must end: what proved who asks holds no longer."""
        if self._withdrawn:
            return "The API key was revoked"
        expires_at = self._caller.viewer.expires_at if self._caller else None
        if expires_at is not None and expires_at <= datetime.now(UTC):
            return "The key or token has expired"
        return None

    async def run(self) -> None:
        """Serves until one of the two goes."""
        if PROTOCOL not in self._websocket.scope.get("subprotocols", ()):
            await self._websocket.close(4406, f"Only {PROTOCOL} is spoken here")
            return
        await self._websocket.accept(subprotocol=PROTOCOL)
        self._keeper.add(self)
        try:
            while not self._closed:
                await self._receive()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._keeper.discard(self)
            await self._cancel_all()
            self._held.close()

    async def close(self, code: int, reason: str) -> None:
        """Closes the socket and says why."""
        if not self._closed:
            self._closed = True
            with suppress(Exception):
                await self._websocket.close(code, reason)

    async def ping(self) -> None:
        """Asks the client for a sign of life."""
        await self._send_text('{"type":"ping"}')

    def drop(self) -> None:
        """Cuts the connection without a word, where the server can."""
        offered = self._websocket.scope.get("extensions", {}).get(TEXT_AT_ONCE)
        if offered is not None:
            offered["abort"]()

    async def _receive(self) -> None:
        event = await self._websocket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1000))
        self.heard_at = asyncio.get_running_loop().time()
        message = _decoded(event.get("text"))
        if message is None:
            await self._count_malformed()
            return
        await self._handle(message)

    async def _count_malformed(self) -> None:
        self._malformed += 1
        if self._malformed > MALFORMED_FRAMES or not self.acknowledged:
            await self.close(BAD_REQUEST, "A frame is a JSON object with a type")

    async def _handle(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "connection_init":
            await self._initialise(message)
        elif kind == "ping":
            await self._send_text('{"type":"pong"}')
        elif kind == "subscribe":
            await self._subscribe(message)
        elif kind == "complete":
            self._complete(message)
        elif kind != "pong":
            await self._count_malformed()

    async def _initialise(self, message: dict[str, Any]) -> None:
        if self._caller is not None:
            await self.close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        try:
            caller = await self._entry.caller(message.get("payload"))
            self._held.enter_context(caller.connected(self._withdraw, arrived=True))
        except ConversaError as error:
            later = isinstance(error, LimitExceeded | KeysUnavailable | RateLimited)
            code = TRY_LATER if later else FORBIDDEN
            await self.close(code, error.message[:REASON_CHARACTERS])
            return
        self._caller = caller
        await self._send_text('{"type":"connection_ack"}')

    def _withdraw(self) -> None:
        self._withdrawn = True

    async def _subscribe(self, message: dict[str, Any]) -> None:
        operation_id = message.get("id")
        if self._caller is None:
            await self.close(UNAUTHORIZED, "Unauthorized")
        elif not isinstance(operation_id, str) or not operation_id:
            await self._count_malformed()
        elif operation_id in self._tasks:
            await self.close(DUPLICATE, f"Subscriber for {operation_id[:60]} already exists")
        elif len(self._tasks) >= OPERATIONS:
            await self._fail(operation_id, f"At most {OPERATIONS} operations on one socket.")
        elif message["size"] > FRAME_CHARACTERS:
            await self._fail(operation_id, f"A frame takes at most {FRAME_CHARACTERS} characters.")
        else:
            run = self._run(operation_id, message.get("payload"), replace(self._caller))
            self._tasks[operation_id] = asyncio.create_task(run)

    def _complete(self, message: dict[str, Any]) -> None:
        task = self._tasks.pop(str(message.get("id")), None)
        if task is not None:
            task.cancel()

    async def _run(self, operation_id: str, payload: object, caller: Caller) -> None:
        begun, outcome = perf_counter(), "ended"
        try:
            await self._answer(operation_id, parameters_from(payload), caller)
            await self._send(operation_id, "complete", None)
            outcome = "complete"
        except Malformed as error:
            outcome = "refused"
            await self._fail(operation_id, error.message)
        except (Rejected, StreamFailed) as refusal:
            outcome = "refused"
            await self._send(operation_id, "error", _formatted(refusal.errors))
        except ConversaError as error:
            outcome = error.code
            await self._send(operation_id, "error", _formatted([expected(error)]))
        except (WebSocketDisconnect, RuntimeError):
            self._closed = True
        except Exception:
            outcome = "failed"
            logger.exception("an operation on a socket failed")
            await self._fail(operation_id, "Something unexpected went wrong.")
        finally:
            tell_operation(caller, begun, outcome)
            if self._tasks.get(operation_id) is asyncio.current_task():
                del self._tasks[operation_id]

    async def _answer(self, operation_id: str, parameters: Parameters, caller: Caller) -> None:
        head = b'{"id":' + orjson.dumps(operation_id) + b',"type":"next","payload":'
        admission = self._operations.admit(parameters)
        await permit(admission, caller)
        context = self._entry.context(caller)
        if admission.operation.operation is not OperationType.SUBSCRIPTION:
            result = await self._once(admission, parameters, context)
            await self._send_text((head + answer_once(result) + b"}").decode())
            return
        context.put = self._put_for(operation_id, head)
        answers = self._operations.subscribe(admission, parameters, context)
        async with aclosing(answers):
            async for answer in answers:
                await self._send_text((head + answer.payload + b"}").decode())

    def _put_for(self, operation_id: str, head: bytes) -> Put | None:
        """Sends the answers of an operation at once, where the server can."""
        offered = self._websocket.scope.get("extensions", {}).get(TEXT_AT_ONCE)
        if offered is None:
            return None
        send: Callable[[bytes], bool] = offered["send"]
        task = asyncio.current_task()

        def put(payload: bytes) -> bool:
            # One that the client has ended may not have heard of it yet; its id is free again.
            if self._closed or self._tasks.get(operation_id) is not task:
                return False
            return send(head + payload + b"}")

        return put

    async def _once(
        self, admission: Admission, parameters: Parameters, context: Context
    ) -> ExecutionResult:
        seconds = self._entry.seconds
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._operations.execute(admission, parameters, context)
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"The operation took more than {seconds:g} seconds and was ended."
            raise TimedOut(message) from None

    async def _fail(self, operation_id: str, message: str) -> None:
        error = GraphQLError(message, extensions={"code": "INVALID"})
        await self._send(operation_id, "error", _formatted([error]))

    async def _send(self, operation_id: str, kind: str, payload: object) -> None:
        message = {"id": operation_id, "type": kind}
        if payload is not None:
            message["payload"] = payload  # type: ignore[assignment]
        await self._send_text(orjson.dumps(message).decode())

    async def _send_text(self, text: str) -> None:
        if self._closed:
            return
        self.sending_since = asyncio.get_running_loop().time()
        await self._websocket.send({"type": "websocket.send", "text": text})
        self.sending_since = None

    async def _cancel_all(self) -> None:
        self._closed = True
        await stop(*self._tasks.values())


def _decoded(text: str | None) -> dict[str, Any] | None:
    """A message, with its size, or None where the frame is none."""
    if text is None:
        return None
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    return {**message, "size": len(text)}


def _formatted(errors: list[GraphQLError]) -> list[Any]:
    return [error.formatted for error in errors]
