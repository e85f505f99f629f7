"""Bad input gets a clear problem and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from backend.repositories.pages import encode_cursor
from backend.routers.requests import BODY_BYTES
from tests.routers.support import Client, Json, problem_of

JSON = {"Content-Type": "application/json"}
NOBODY = "00000000-0000-7000-8000-000000000000"
MESSAGE = {"role": "user", "content": "hello"}


@pytest.fixture
async def chat(client: Client) -> Json:
    return await client.chat(title="Tea")


async def test_a_problem_says_what_where_and_what_to_do(client: Client) -> None:
    response = await client.get("/api/chats", params={"first": 1, "last": 1})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:problem-type:conversa:invalid",
        "title": "The request is not what it has to be",
        "status": 400,
        "detail": "Give either first or last, not both.",
        "code": "INVALID",
        "field": ["first"],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("first=-1", "first"),
        ("first=201", "first"),
        ("last=201", "last"),
        ("first=1.0", "first"),
        ("first=", "first"),
        ("first=1&first=2", "first"),
        ("first=99999999999999999999999", "first"),
        ("messages=201", "messages"),
        ("frist=1", "frist"),
        ("archived=maybe", "archived"),
        ("pinned=1", "pinned"),
        ("pinned=True", "pinned"),
        ("order_by=id", "order_by"),
        ("direction=DESC", "direction"),
        ("created_after=yesterday", "created_after"),
        ("created_after=1700000000", "created_after"),
        ("created_after=2024-01-01T00:00:00", "created_after"),
        ("created_after=2024-02-30T00:00:00Z", "created_after"),
        ("active_before=0001-01-01T00:00:00%2B14:00", "active_before"),
        ("title_contains=" + "x" * 301, "title_contains"),
        ("tags=", "tags.0"),
        ("tags=%00", "tags.0"),
        ("tags=" + "x" * 65, "tags.0"),
        ("&".join(f"tags={number}" for number in range(33)), "tags"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_named(
    client: Client, query: str, field: str
) -> None:
    response = await client.get(f"/api/chats?{query}")
    problem_of(response, 400, "INVALID", *field.split("."))


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "not a cursor",
        "\0",
        "ção",
        "A" * 5000,
        encode_cursor("m", 1),
        encode_cursor("C", "2024-01-01T00:00:00Z", NOBODY),
        encode_cursor("A", "2024-01-01T00:00:00Z", "no id"),
        encode_cursor("A", "2024-01-01T00:00:00", NOBODY),
        encode_cursor("A", "0001-01-01T00:00:00+14:00", NOBODY),
        encode_cursor("A", 5, NOBODY),
        encode_cursor("A", "2024-01-01T00:00:00Z"),
        encode_cursor("A", {"a": 1}, [2]),
    ],
)
async def test_a_cursor_that_is_none_is_refused(
    client: Client, chat: Json, side: str, cursor: str
) -> None:
    response = await client.get("/api/chats", params={side: cursor})
    problem_of(response, 400, "INVALID", side)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        encode_cursor("A", "2024-01-01T00:00:00Z", NOBODY),
        encode_cursor("m", "1"),
        encode_cursor("m", 2**63),
        encode_cursor("m", 2**64 - 1),
        encode_cursor("m", -1),
        encode_cursor("m", True),
    ],
)
async def test_a_cursor_of_messages_that_is_none_is_refused(
    client: Client, chat: Json, cursor: str
) -> None:
    response = await client.get(f"/api/chats/{chat['id']}/messages", params={"after": cursor})
    problem_of(response, 400, "INVALID", "after")


async def test_a_title_in_a_cursor_may_not_hold_what_no_database_takes(client: Client) -> None:
    query = {"order_by": "title", "after": encode_cursor("T", "a\0b", NOBODY)}
    problem_of(await client.get("/api/chats", params=query), 400, "INVALID", "after")


@pytest.mark.parametrize("chat_id", ["1", "%00", "ção", NOBODY, NOBODY + "0", "{}", "a" * 36])
async def test_an_id_that_is_none_names_nothing(client: Client, chat_id: str) -> None:
    address = f"/api/chats/{chat_id}"
    for response in (
        await client.get(address),
        await client.patch(address, json={"title": "x"}),
        await client.delete(address),
        await client.get(f"{address}/messages"),
        await client.post(f"{address}/messages", json=MESSAGE),
        await client.get(f"{address}/messages/{NOBODY}"),
        await client.get(f"{address}/context"),
        await client.get(f"{address}/export"),
    ):
        problem_of(response, 404, "NOT_FOUND")


async def test_an_id_may_be_written_in_capitals(client: Client, chat: Json) -> None:
    assert await client.read(f"/api/chats/{chat['id'].upper()}") == chat


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe{}",
        b'{"title": "\xff"}',
        b'{"title": "\\ud800"}',
        b'{"metadata": NaN}',
        b"[" * 100_000,
        b'{"metadata": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
    ],
)
async def test_a_body_that_is_no_json_is_refused(client: Client, body: bytes) -> None:
    response = await client.post("/api/chats", content=body, headers=JSON)
    problem_of(response, 400, "INVALID", "body")


@pytest.mark.parametrize("body", [b"42", b"null", b"[]", b'"text"', b"true"])
@pytest.mark.parametrize("path", ["", "/{id}/messages"])
async def test_a_body_that_is_no_object_is_refused(
    client: Client, chat: Json, path: str, body: bytes
) -> None:
    address = "/api/chats" + path.format(id=chat["id"])
    response = await client.post(address, content=body, headers=JSON)
    assert problem_of(response, 400, "INVALID")


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "json"]
)
async def test_a_body_of_another_media_type_is_refused(client: Client, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    response = await client.post("/api/chats", content=b'{"title": "x"}', headers=headers)
    problem_of(response, 415, "UNSUPPORTED_FORMAT", "content-type")
    assert (await client.read("/api/chats"))["items"] == []


async def test_json_may_name_its_character_set(client: Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    response = await client.post("/api/chats", content=b'{"title": "x"}', headers=headers)
    assert response.status_code == 201


async def test_a_huge_body_is_refused_before_it_is_read(client: Client) -> None:
    headers = {**JSON, "Content-Length": str(BODY_BYTES + 1)}

    async def body() -> AsyncIterator[bytes]:
        yield b"{}"
        raise AssertionError("the body was read")

    response = await client.post("/api/chats", content=body(), headers=headers)
    problem_of(response, 413, "TOO_LARGE", "body")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "User", "content": "x"}, "role"),
        ({"role": "robot", "content": "x"}, "role"),
        ({"content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": "x", "parts": []}, "content"),
        ({"role": "user", "content": 1}, "content"),
        ({**MESSAGE, "id": "1"}, "id"),
        ({**MESSAGE, "id": 7}, "id"),
        ({**MESSAGE, "parent_id": "1"}, "parent_id"),
        ({**MESSAGE, "metadata": []}, "metadata"),
        ({**MESSAGE, "usage": {"input_tokens": -1}}, "usage.input_tokens"),
        ({**MESSAGE, "usage": {"input_tokens": 2**31}}, "usage.input_tokens"),
        ({**MESSAGE, "usage": {"input_tokens": "1"}}, "usage.input_tokens"),
        ({**MESSAGE, "created_at": "2024-01-01"}, "created_at"),
        ({**MESSAGE, "created_at": 1700000000}, "created_at"),
        ({**MESSAGE, "extra": 1}, "extra"),
        ({"role": "user", "parts": [{"type": "text"}]}, "parts.0.text"),
        ({"role": "user", "parts": [{"type": "thought", "text": "x"}]}, "parts.0"),
        ({"role": "user", "parts": [{"text": "x"}]}, "parts.0"),
        ({"messages": []}, "messages"),
        ({"messages": [MESSAGE], "role": "user"}, "role"),
    ],
)
async def test_a_message_that_makes_no_sense_is_refused_and_named(
    client: Client, chat: Json, body: Json, field: str
) -> None:
    address = f"/api/chats/{chat['id']}/messages"
    response = await client.post(address, json=body)
    problem_of(response, 400, "INVALID", *field.split("."))
    assert (await client.read(address))["items"] == []


async def test_a_field_is_named_with_its_place(client: Client, chat: Json) -> None:
    parts = [{"type": "text", "text": "x"}, {"type": "tool_call", "call_id": "1", "name": "x"}]
    body = {"messages": [MESSAGE, {"role": "user", "parts": parts}]}
    response = await client.post(f"/api/chats/{chat['id']}/messages", json=body)
    problem_of(response, 400, "INVALID", "messages", "1", "parts", "1", "arguments")


async def test_an_unknown_address_is_a_problem_too(client: Client) -> None:
    response = await client.get("/api/chat")
    assert response.headers["content-type"] == "application/problem+json"
    problem_of(response, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/api/chats", "GET, HEAD, POST"),
        ("POST", f"/api/chats/{NOBODY}", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", f"/api/chats/{NOBODY}/messages", "GET, HEAD, POST"),
        ("PATCH", f"/api/chats/{NOBODY}/messages/{NOBODY}/feedback", "GET, HEAD, PUT"),
        ("GET", "/api/import", "POST"),
        ("PUT", f"/api/chats/{NOBODY}/messages/start", "POST"),
    ],
)
async def test_a_method_an_address_does_not_take_names_those_it_does(
    client: Client, method: str, address: str, allowed: str
) -> None:
    response = await client.request(method, address)
    problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allowed


async def test_what_is_unexpected_is_hidden_behind_an_id_that_the_log_has(
    client: Client, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    app.state.services = None
    with caplog.at_level(logging.ERROR, "conversa.rest"):
        response = await client.get("/api/chats")
    body = problem_of(response, 500, "INTERNAL")
    assert "NoneType" not in response.text
    [record] = [each for each in caplog.records if each.name == "conversa.rest"]
    assert body["id"] in record.getMessage()
    assert record.exc_info is not None
    assert "NoneType" in str(record.exc_info[1])


async def test_no_text_of_a_message_reaches_the_log(
    client: Client, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await client.chat(title="Tea")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        await client.message(chat, "a secret")
        await client.post(
            f"/api/chats/{chat['id']}/messages", json={"role": "x", "content": "a secret"}
        )
    assert "a secret" not in caplog.text
