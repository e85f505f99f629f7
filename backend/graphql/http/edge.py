"""GraphQL over HTTP: one ASGI application for the one address.

It follows the GraphQL-over-HTTP specification, and for streams the protocols of graphql-sse and of
Apollo. Every failure is answered with a GraphQL error as JSON.
"""

from __future__ import annotations

import logging

from graphql import OperationType
from starlette.types import Receive, Scope, Send
from strawberry import Schema
from strawberry.types import ExecutionResult

from backend.config import Settings
from backend.errors import ConversaError
from backend.graphql.context import Context
from backend.graphql.documents import open_documents
from backend.graphql.errors import expected
from backend.graphql.http.answers import (
    COMMON,
    UNSTORED,
    Answer,
    deliver,
    encoded,
    error_body,
    errors_body,
    internal_error,
    result_body,
    revalidated,
)
from backend.graphql.http.exchange import Exchange
from backend.graphql.http.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON
from backend.graphql.http.origins import OriginCheck
from backend.graphql.http.page import playground_page
from backend.graphql.http.profiles import profile_of
from backend.graphql.http.reading import (
    check_media_type,
    parameters_in_body,
    parameters_in_url,
    read_body,
)
from backend.graphql.http.refusals import (
    METHODS,
    HungUp,
    Refused,
    body_too_slow,
    method_not_allowed,
    mutation_by_get,
    not_acceptable,
)
from backend.graphql.http.streams import FRAMINGS, Stream, events_body
from backend.graphql.http.watching import in_time, to_the_end, while_wanted
from backend.graphql.limits import Admission, cost_report
from backend.graphql.operations import Operations, Rejected, failed_stage
from backend.graphql.parameters import Malformed, Parameters
from backend.graphql.permits import permit
from backend.security.caller import Caller
from backend.security.connections import Endable
from backend.security.errors import refusal_headers
from backend.services.container import Services

PATH = "/graphql"
OPTIONS = Answer(204, ((b"allow", METHODS), (b"accept-post", b"application/json"), *COMMON))

STATUSES = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "LIMIT_EXCEEDED": 429,
    "RATE_LIMITED": 429,
    "UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
"""Of failures that are about who asks, and how much."""

logger = logging.getLogger("conversa.graphql")


class GraphQLEdge:
    """Answers every request at the GraphQL address but WebSockets."""

    def __init__(self, services: Services, settings: Settings, schema: Schema) -> None:
        production = settings.profile == "production"
        locked = settings.documents == "locked"
        self.operations = Operations(
            schema,
            documents=open_documents(settings.trusted_documents, locked=locked),
            production=production,
        )
        self._services = services
        self._settings = settings
        self._profile = profile_of(settings)
        self._check_origin = OriginCheck(settings.cors_origins, strict=production)
        shown = settings.playground and not production
        self._page = playground_page(PATH) if shown else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._profile.default_type)
        try:
            answer = await self._answer(exchange)
        except HungUp:
            return
        except Exception as error:
            answer = self._failure(error, exchange)
        if answer is not None:
            await deliver(answer, scope, send, with_body=exchange.method != "HEAD")

    async def _answer(self, exchange: Exchange) -> Answer | None:
        """The answer; None where a stream has been one."""
        if exchange.method == "POST":
            caller = exchange.caller
            parameters = await self._posted(exchange)
        elif exchange.method in ("GET", "HEAD"):
            parameters = parameters_in_url(exchange.scope["query_string"])
            if self._page and exchange.wishes.page and parameters == Parameters():
                return self._page
            caller = exchange.caller
            self._check_origin(exchange.headers)
        elif exchange.method == "OPTIONS":
            return OPTIONS
        else:
            raise method_not_allowed(exchange.method)
        return await self._operation(exchange, parameters, caller)

    async def _posted(self, exchange: Exchange) -> Parameters:
        check_media_type(exchange.headers)
        seconds = self._settings.request_timeout
        try:
            body = await in_time(
                read_body(exchange.receive, exchange.headers, self._settings.request_megabytes),
                seconds,
            )
        except TimeoutError:
            raise body_too_slow(seconds) from None
        return parameters_in_body(body)

    async def _operation(
        self, exchange: Exchange, parameters: Parameters, caller: Caller
    ) -> Answer | None:
        if exchange.wishes.answer is None and exchange.wishes.stream is None:
            raise not_acceptable(subscription=False)
        admission = self.operations.admit(parameters)
        kind = admission.operation.operation
        if kind is OperationType.SUBSCRIPTION:
            return await self._stream(exchange, parameters, admission, caller)
        if kind is OperationType.MUTATION and exchange.method != "POST":
            raise mutation_by_get()
        media_type = exchange.answer_type
        await permit(admission, caller)
        seconds = self._settings.request_timeout
        context = Context(self._services, caller.viewer, caller=caller)
        work = self.operations.execute(admission, parameters, context)
        if kind is OperationType.MUTATION:
            result = await to_the_end(work, seconds)
        else:
            result = await while_wanted(work, exchange.receive, seconds)
        cost = admission if parameters.asks_for_cost or exchange.asks_for_cost else None
        return self._result(exchange, media_type, result, cost)

    def _result(
        self, exchange: Exchange, media_type: str, result: ExecutionResult, cost: Admission | None
    ) -> Answer:
        body = result_body(result, {"cost": cost_report(cost)} if cost else None)
        if media_type == EVENT_STREAM:
            return Answer(200, UNSTORED[EVENT_STREAM], events_body(body))
        stage = failed_stage(result)
        if stage is None:
            status = self._profile.executed(bool(result.errors), media_type)
        else:
            status = self._profile.rejected(stage, media_type)
        media_type = self._profile.type_of(status, media_type)
        answer = Answer(status, UNSTORED[media_type], body)
        if exchange.method == "POST" or result.errors:
            return answer
        return revalidated(answer, media_type, exchange.headers.get(b"if-none-match"))

    async def _stream(
        self, exchange: Exchange, parameters: Parameters, admission: Admission, caller: Caller
    ) -> Answer | None:
        if exchange.wishes.stream is None:
            raise not_acceptable(subscription=True)
        framing = FRAMINGS[exchange.wishes.stream]
        if exchange.method == "HEAD":
            return Answer(200, framing.headers)
        await permit(admission, caller)
        context = Context(self._services, caller.viewer, streaming=True, caller=caller)
        context.resume_after = exchange.last_event_id
        receive = Endable(exchange.receive)
        stream = Stream(
            framing,
            exchange.send,
            keep_alive=self._settings.keep_alive,
            patience=self._settings.request_timeout,
            lifetime=exchange.stream_seconds(self._settings.stream_seconds),
            withdrawn=receive.is_ended,
        )
        try:
            context.begun = stream.begun.set
            with caller.connected(receive.end):
                results = self.operations.subscribe(admission, parameters, context)
                await stream.run(results, receive)
        except TimeoutError:
            logger.warning("a client took nothing for %g s: its stream ends", stream.patience)
        return None

    def _failure(self, error: Exception, exchange: Exchange) -> Answer:
        if isinstance(error, Rejected):
            return self._rejection(error, exchange.failure_type)
        if isinstance(error, Refused):
            status, body, headers = error.status, error_body(error.error), error.headers
        elif isinstance(error, ConversaError):
            status, body = STATUSES.get(error.code, 400), errors_body([expected(error)])
            headers = encoded(refusal_headers(error))
        elif isinstance(error, Malformed):
            status = 400 if error.unreadable else self._profile.malformed
            refusal = {"message": error.message, "extensions": {"code": "BAD_REQUEST"}}
            body, headers = error_body(refusal), ()
        else:
            status, body, headers = 500, internal_error(error), ()
        media_type = JSON if exchange.failure_type == JSON else GRAPHQL_JSON
        media_type = self._profile.type_of(status, media_type)
        return Answer(status, (*UNSTORED[media_type], *headers), body)

    def _rejection(self, rejected: Rejected, media_type: str) -> Answer:
        body = errors_body(rejected.errors)
        if media_type == EVENT_STREAM:
            # A client that takes nothing else reads errors only as events.
            return Answer(200, UNSTORED[EVENT_STREAM], events_body(body))
        status = self._profile.rejected(rejected.stage, media_type)
        return Answer(status, UNSTORED[self._profile.type_of(status, media_type)], body)
