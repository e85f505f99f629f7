"""Every limit holds to its last byte, and what it refuses changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend import limits
from tests.routers.support import Client, Json, problem_of

JSON = {"Content-Type": "application/json"}
MESSAGE = {"role": "user", "content": "hello"}


@pytest.fixture
async def chat(client: Client) -> Json:
    return await client.chat(title="Tea")


def full_message(**more: Any) -> Json:
    return {"role": "user", "content": "x" * limits.CONTENT_BYTES, **more}


LARGEST: dict[str, tuple[Json, Json, tuple[str, ...]]] = {
    "content": (
        full_message(),
        {"role": "user", "content": "x" * (limits.CONTENT_BYTES + 1)},
        ("content",),
    ),
    "content in bytes": (
        {"role": "user", "content": "é" * (limits.CONTENT_BYTES // 2)},
        {"role": "user", "content": "é" * (limits.CONTENT_BYTES // 2) + "x"},
        ("content",),
    ),
    "metadata": (
        {**MESSAGE, "metadata": {"a": "x" * (limits.METADATA_BYTES - 8)}},
        {**MESSAGE, "metadata": {"a": "x" * (limits.METADATA_BYTES - 7)}},
        ("metadata",),
    ),
    "parts": (
        {"role": "user", "parts": [{"type": "text", "text": "x"}] * limits.PARTS},
        {"role": "user", "parts": [{"type": "text", "text": "x"}] * (limits.PARTS + 1)},
        ("parts",),
    ),
    "name": (
        {**MESSAGE, "name": "x" * limits.NAME_CHARACTERS},
        {**MESSAGE, "name": "x" * (limits.NAME_CHARACTERS + 1)},
        ("name",),
    ),
    "messages": (
        {"messages": [MESSAGE] * limits.BATCH_MESSAGES},
        {"messages": [MESSAGE] * (limits.BATCH_MESSAGES + 1)},
        ("messages",),
    ),
}


@pytest.mark.parametrize("name", LARGEST)
async def test_limits_of_messages_hold_to_the_last_byte(
    client: Client, chat: Json, name: str
) -> None:
    fits, too_large, field = LARGEST[name]
    address = f"/api/chats/{chat['id']}/messages"
    problem_of(await client.post(address, json=too_large), 413, "TOO_LARGE", *field)
    assert (await client.read(address))["items"] == []
    assert (await client.post(address, json=fits)).status_code == 201


@pytest.mark.parametrize(
    ("fits", "too_large", "field"),
    [
        ({"title": "é" * 300}, {"title": "é" * 301}, ("title",)),
        ({"tags": [f"{n}" for n in range(32)]}, {"tags": [f"{n}" for n in range(33)]}, ("tags",)),
        ({"tags": ["x" * 64]}, {"tags": ["x" * 65]}, ("tags", "0")),
    ],
)
async def test_limits_of_chats_hold_to_the_last_character(
    client: Client, fits: Json, too_large: Json, field: tuple[str, ...]
) -> None:
    problem_of(await client.post("/api/chats", json=too_large), 413, "TOO_LARGE", *field)
    assert (await client.read("/api/chats"))["items"] == []
    assert (await client.post("/api/chats", json=fits)).status_code == 201


async def test_the_largest_message_fits_however_it_is_escaped(client: Client, chat: Json) -> None:
    body = json.dumps({"role": "user", "content": "\x01" * limits.CONTENT_BYTES}).encode()
    response = await client.post(f"/api/chats/{chat['id']}/messages", content=body, headers=JSON)
    assert response.status_code == 201


async def test_nul_is_left_out_of_what_is_stored(client: Client, chat: Json) -> None:
    message = await client.message(chat, "a\0b", name="\0", metadata={"k\0": "v\0"})
    assert (message["content"], message["name"]) == ("ab", None)
    assert message["metadata"] == {"k": "v"}
    changed = await client.patch(
        f"/api/chats/{chat['id']}", json={"title": "\0Tea", "tags": ["a\0"]}
    )
    assert (changed.json()["title"], changed.json()["tags"]) == ("Tea", ["a"])
