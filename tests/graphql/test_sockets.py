"""GraphQL over WebSockets, against a real server: good clients, broken ones and hostile ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

from backend.graphql.sockets import FRAME_CHARACTERS, MALFORMED_FRAMES, OPERATIONS
from tests.support.servers import Server
from tests.support.sockets import PROTOCOL, Line, line_to

CREATE = """mutation { createConversation(input: {title: "Tea"}) {
  conversation { id changes(first: 1) { nodes { ... on ConversationUpdated { cursor } } } } } }"""
ADD = """mutation($conversation: ID!, $content: String!) {
  addMessage(input: {conversationId: $conversation, role: USER, content: $content}) {
    message { id } userErrors { code } } }"""
FOLLOW = """subscription Follow($conversation: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversation, after: $after) { cursor message { content } } }"""
TITLES = "query Titles { conversations { nodes { title } } }"
BAD_FRAMES = ("[]", "42", "null", "no json", '"x"', "{}", '{"type":7}', b"\x00\xff", '{"type":"?"}')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these tests: what one client does wrong is nothing to the others."""
    folder = tmp_path_factory.mktemp("sockets")
    manifest = folder / "documents.json"
    manifest.write_text(json.dumps({"titles-1": TITLES}))
    server = Server(
        f"sqlite:///{folder}/sockets.db",
        folder / "server.log",
        TRUSTED_DOCUMENTS=str(manifest),
    )
    asyncio.run(server.start())
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _nothing_unhandled(server: Server) -> Iterator[None]:
    """Whatever a client sends, the server's log holds nothing that nobody expected."""
    yield
    log = server.log_text()
    assert "Traceback" not in log
    assert "unhandled" not in log.lower()
    assert "ERROR" not in log


class Made(NamedTuple):
    """A new conversation, and the cursor from which nothing of it is missed."""

    id: str
    cursor: str


async def created(line: Line) -> Made:
    found = (await line.ask("create", CREATE))["createConversation"]["conversation"]
    return Made(found["id"], found["changes"]["nodes"][0]["cursor"])


async def added(server: Server, conversation: Made, content: str) -> None:
    async with line_to(server) as line:
        data = await line.ask("add", ADD, conversation=conversation.id, content=content)
    assert data["addMessage"]["userErrors"] == []


async def follow(line: Line, conversation: Made, after: str | None = None) -> None:
    variables = {"conversation": conversation.id, "after": after or conversation.cursor}
    await line.subscribe("follow", {"query": FOLLOW, "variables": variables})


async def heard(line: Line, count: int) -> tuple[list[str], str]:
    """The next so many messages of ``follow``, and the last cursor."""
    contents, cursor = [], ""
    for _ in range(count):
        answer = await line.receive()
        assert (answer["id"], answer["type"]) == ("follow", "next"), answer
        event = answer["payload"]["data"]["messageAdded"]
        contents.append(event["message"]["content"])
        cursor = event["cursor"]
    return contents, cursor


async def test_queries_mutations_and_subscriptions(server: Server) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        found = await line.ask("titles", TITLES)
        assert {"title": "Tea"} in found["conversations"]["nodes"]
        await follow(line, conversation)
        await added(server, conversation, "Which tea?")
        assert (await heard(line, 1))[0] == ["Which tea?"]
        await line.send({"id": "follow", "type": "complete"})
        await line.send({"type": "ping", "payload": {"any": "thing"}})
        # The other socket could be read first: this one has been, up to here.
        assert await line.receive() == {"type": "pong"}
        await added(server, conversation, "Too late")
        await line.send({"type": "ping"})
        assert await line.receive() == {"type": "pong"}


async def test_what_resolvers_complain_of_comes_as_a_result(server: Server) -> None:
    async with line_to(server) as line:
        unknown = "01939b3c-7a52-7c4e-9d3b-2f6a1c8e5d40"
        data = await line.ask("add", ADD, conversation=unknown, content="x")
        assert data["addMessage"]["message"] is None
        assert data["addMessage"]["userErrors"] == [{"code": "NOT_FOUND"}]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, None),
        ({"query": TITLES, "operationName": "Other"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query A { __typename } query B { __typename }"}, None),
        ({"query": FOLLOW, "variables": {"conversation": "x", "after": 7}}, None),
        ({"query": FOLLOW, "variables": {"conversation": "x"}}, "NOT_FOUND"),
        ({"query": FOLLOW, "variables": {}}, None),
        ({"documentId": "no-such"}, "DOCUMENT_NOT_FOUND"),
        ({"query": 7}, "INVALID"),
        ({"query": TITLES, "variables": []}, "INVALID"),
        ({}, None),
        ([], "INVALID"),
        (None, "INVALID"),
        ("text", "INVALID"),
    ],
)
async def test_one_bad_operation_leaves_the_others_alone(
    server: Server, payload: object, code: str | None
) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        await follow(line, conversation)
        errors = await line.refused("bad", payload)
        assert errors[0]["message"]
        if code:
            assert errors[0]["extensions"]["code"] == code
        await added(server, conversation, "still here")
        assert (await heard(line, 1))[0] == ["still here"]
        assert await line.ask("bad", "{ __typename }") == {"__typename": "Query"}


@pytest.mark.parametrize("frame", BAD_FRAMES)
async def test_a_frame_that_is_no_message_is_passed_over(server: Server, frame: str) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        await follow(line, conversation)
        await line.send(frame)
        await added(server, conversation, "still here")
        assert (await heard(line, 1))[0] == ["still here"]


async def test_frames_of_two_megabytes(server: Server) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        await follow(line, conversation)
        await line.send("x" * 2_000_000)
        await line.send(b"\x00" * 2_000_000)
        query = "{ __typename } #" + "x" * 2_000_000
        [error] = await line.refused("large", {"query": query})
        assert str(FRAME_CHARACTERS) in error["message"]
        await added(server, conversation, "still here")
        assert (await heard(line, 1))[0] == ["still here"]


async def test_a_handshake_that_is_refused_is_no_error_of_the_servers(server: Server) -> None:
    spoken, origin = [Subprotocol(PROTOCOL)], Origin("https://evil.example")
    with pytest.raises(InvalidHandshake):
        async with connect(server.socket_url, subprotocols=spoken, origin=origin):
            pass


async def test_text_that_is_no_utf8_closes_the_socket_as_the_protocol_has_it(
    server: Server,
) -> None:
    async with connect(server.socket_url, subprotocols=[Subprotocol(PROTOCOL)]) as connection:
        await connection.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert connection.close_code == 1007


async def test_too_many_frames_that_are_no_messages(server: Server) -> None:
    async with line_to(server) as line:
        for _ in range(MALFORMED_FRAMES):
            await line.send("[]")
        await line.send({"type": "ping"})
        assert await line.receive() == {"type": "pong"}
        await line.send("[]")
        assert (await line.closed())[0] == 4400


async def test_a_frame_that_is_no_message_before_the_greeting(server: Server) -> None:
    async with line_to(server, initialise=False) as line:
        await line.send("[]")
        assert (await line.closed())[0] == 4400


async def test_an_operation_before_the_greeting(server: Server) -> None:
    async with line_to(server, initialise=False) as line:
        await line.subscribe("early", {"query": TITLES})
        assert await line.closed() == (4401, "Unauthorized")


async def test_two_greetings(server: Server) -> None:
    async with line_to(server) as line:
        await line.send({"type": "connection_init"})
        assert await line.closed() == (4429, "Too many initialisation requests")


@pytest.mark.parametrize("payload", [None, {}, {"anything": [1]}])
async def test_a_greeting_may_carry_anything(server: Server, payload: object) -> None:
    async with line_to(server, initialise=False) as line:
        await line.send({"type": "connection_init", "payload": payload})
        assert await line.receive() == {"type": "connection_ack"}


async def test_one_id_for_two_operations(server: Server) -> None:
    async with line_to(server) as line:
        await follow(line, await created(line))
        await line.subscribe("follow", {"query": TITLES})
        assert await line.closed() == (4409, "Subscriber for follow already exists")


@pytest.mark.parametrize("name", [None, 7, ""])
async def test_an_operation_without_a_proper_id_is_no_message(server: Server, name: object) -> None:
    async with line_to(server) as line:
        await line.send({"type": "subscribe", "id": name, "payload": {"query": TITLES}})
        assert await line.ask("good", "{ __typename }") == {"__typename": "Query"}


async def test_too_many_operations_at_once(server: Server) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        payload = {"query": FOLLOW, "variables": {"conversation": conversation.id}}
        for number in range(OPERATIONS):
            await line.subscribe(str(number), payload)
        [error] = await line.refused("one more", payload)
        assert str(OPERATIONS) in error["message"]
        await line.send({"id": "0", "type": "complete"})
        assert await line.ask("one more", "{ __typename }") == {"__typename": "Query"}


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_no_other_protocol_is_spoken(server: Server, protocol: str | None) -> None:
    with pytest.raises(InvalidHandshake):
        async with line_to(server, protocol=protocol):
            pass


async def test_a_cut_socket_is_resumed_by_its_cursor(server: Server) -> None:
    async with line_to(server) as line:
        conversation = await created(line)
        await follow(line, conversation)
        await added(server, conversation, "one")
        contents, cursor = await heard(line, 1)
        line.cut()
    for content in ("two", "three"):
        await added(server, conversation, content)
    async with line_to(server) as line:
        await follow(line, conversation, cursor)
        contents += (await heard(line, 2))[0]
        await added(server, conversation, "four")
        contents += (await heard(line, 1))[0]
    assert contents == ["one", "two", "three", "four"]


async def test_trusted_documents(server: Server) -> None:
    digest = hashlib.sha256(TITLES.encode()).hexdigest()
    async with line_to(server) as line:
        await created(line)
        for name in ("titles-1", f"sha256:{digest}"):
            await line.subscribe(name, {"documentId": name})
            answer = await line.receive()
            assert {"title": "Tea"} in answer["payload"]["data"]["conversations"]["nodes"]
            assert (await line.receive())["type"] == "complete"
        await line.subscribe("anonymous", {"documentId": "titles-1", "operationName": "Other"})
        assert (await line.receive())["type"] == "error"


async def test_a_deleted_conversation_ends_its_subscription(server: Server) -> None:
    async with line_to(server) as line, line_to(server) as other:
        conversation = await created(line)
        await follow(line, conversation)
        delete = (
            "mutation($id: ID!) { deleteConversation(input: {id: $id}) { deletedConversationId } }"
        )
        await other.ask("delete", delete, id=conversation.id)
        assert await line.receive() == {"id": "follow", "type": "complete"}


async def test_a_cursor_that_cannot_be_honoured_is_told(server: Server) -> None:
    async with line_to(server) as line:
        conversation, other = await created(line), await created(line)
        variables = {"conversation": conversation.id, "after": other.cursor}
        [error] = await line.refused("follow", {"query": FOLLOW, "variables": variables})
        assert error["extensions"]["code"] == "INVALID"
