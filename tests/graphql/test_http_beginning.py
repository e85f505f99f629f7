"""Where a stream over HTTP begins: before its client sees that it is let in."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from starlette.types import Message

from backend.config import Settings
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from tests.support.apps import running_app
from tests.support.conversations import say, stored_conversation
from tests.support.following import PATIENCE

FOLLOWED = {
    "messages": "messageAdded(conversationId: $id) { message { content } }",
    "conversation": "conversationEvents(conversationId: $id) { __typename }",
    "list": "conversationChanged { __typename }",
}
EVENTS = "text/event-stream"
MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
@pytest.mark.parametrize("field", FOLLOWED)
async def test_what_is_written_at_the_headers_is_told(
    settings: Settings, services: Services, field: str, accept: str
) -> None:
    conversation = await stored_conversation(services, LOCAL_VIEWER)
    declared = "" if field == "list" else "($id: ID!)"
    body = {
        "query": f"subscription{declared} {{ {FOLLOWED[field]} }}",
        "variables": {"id": conversation.id},
    }
    told, hung_up = asyncio.Event(), asyncio.Event()
    asked = [{"type": "http.request", "body": orjson.dumps(body)}]

    async def receive() -> Message:
        if asked:
            return asked.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            await say(services, LOCAL_VIEWER, conversation.id, "written")
        elif b'{"data":' in message["body"]:
            told.set()

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"accept", accept.encode()),
        ],
    }
    async with running_app(settings) as app:
        stream = asyncio.ensure_future(app(scope, receive, send))
        try:
            await asyncio.wait_for(told.wait(), PATIENCE)
        finally:
            hung_up.set()
            await asyncio.wait_for(stream, PATIENCE)
