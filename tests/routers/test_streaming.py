"""Messages written piece by piece over REST."""

from __future__ import annotations

import pytest

from backend.ids import new_id
from tests.routers.support import Client, Json, made, problem_of


@pytest.fixture
async def chat(client: Client) -> Json:
    """A chat with a question."""
    chat = await client.chat(title="Tea")
    await client.messages(chat, 1)
    return chat


@pytest.fixture
def place(chat: Json) -> str:
    """Where its messages are."""
    return f"/api/chats/{chat['id']}/messages"


async def test_a_message_is_begun_appended_to_and_finished(client: Client, place: str) -> None:
    begun = await made(client.post(f"{place}/start", json={"model": "m", "metadata": {"a": 1}}))
    assert (begun["status"], begun["content"], begun["role"]) == ("streaming", "", "assistant")
    address = f"{place}/{begun['id']}"
    offset = 0
    for text in ("Lemon ", "🍋 ", "tea"):
        answer = await client.post(f"{address}/append", json={"offset": offset, "text": text})
        offset += len(text)
        assert answer.json() == {"offset": offset}
    assert (await client.read(address))["content"] == "Lemon 🍋 tea"
    usage = {"input_tokens": 3, "output_tokens": 2}
    body = {"finish_reason": "stop", "usage": usage}
    answer = await client.post(f"{address}/finish", json=body)
    finished = answer.json()
    assert (finished["status"], finished["finish_reason"]) == ("complete", "stop")
    assert finished["content"] == "Lemon 🍋 tea"
    assert finished["usage"] == {**usage, "reasoning_tokens": None}
    read = await client.get(address)
    assert read.json() == finished
    assert read.headers["etag"] == answer.headers["etag"]
    assert (await client.post(f"{address}/finish", json=body)).json() == finished


async def test_the_same_piece_twice_changes_nothing(client: Client, place: str) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    address = f"{place}/{begun['id']}"
    for _ in range(3):
        answer = await client.post(f"{address}/append", json={"offset": 0, "text": "one"})
        assert answer.json() == {"offset": 3}
    assert (await client.read(address))["content"] == "one"


@pytest.mark.parametrize(("offset", "text"), [(5, "x"), (1, "ne"), (0, "two"), (4, "")])
async def test_a_gap_is_refused_with_the_right_offset(
    client: Client, place: str, offset: int, text: str
) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    address = f"{place}/{begun['id']}"
    await client.post(f"{address}/append", json={"offset": 0, "text": "one"})
    answer = await client.post(f"{address}/append", json={"offset": offset, "text": text})
    assert problem_of(answer, 409, "OFFSET_MISMATCH", "offset")["expected_offset"] == 3
    assert (await client.read(address))["content"] == "one"


async def test_beginning_twice_under_one_id_is_beginning_once(client: Client, place: str) -> None:
    body = {"id": new_id()}
    first = await client.post(f"{place}/start", json=body)
    again = await client.post(f"{place}/start", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == f"{place}/{body['id']}"
    assert first.json() == again.json()
    other = await client.post(f"{place}/start", json={**body, "model": "other"})
    problem_of(other, 409, "CONFLICT", "id")


async def test_a_finished_message_takes_no_more(client: Client, place: str) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    address = f"{place}/{begun['id']}"
    finished = await client.post(f"{address}/finish", json={"status": "failed"})
    assert finished.json()["status"] == "failed"
    answer = await client.post(f"{address}/append", json={"offset": 0, "text": "late"})
    problem_of(answer, 409, "CONFLICT", "id")
    problem_of(await client.post(f"{address}/finish", json={}), 409, "CONFLICT", "id")


async def test_parts_may_add_what_is_no_text(client: Client, place: str) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    address = f"{place}/{begun['id']}"
    await client.post(f"{address}/append", json={"offset": 0, "text": "one"})
    wrong = {"parts": [{"type": "text", "text": "two"}]}
    problem_of(await client.post(f"{address}/finish", json=wrong), 400, "INVALID", "parts")
    call = {"type": "tool_call", "call_id": "c", "name": "kettle", "arguments": {"on": True}}
    finished = (await client.post(f"{address}/finish", json={"parts": [call]})).json()
    assert finished["parts"] == [{"type": "text", "text": "one"}, call]


async def test_a_parent_that_is_not_there_is_told_from_the_address(
    client: Client, place: str
) -> None:
    answer = await client.post(f"{place}/start", json={"parent_id": new_id()})
    problem_of(answer, 409, "NOT_FOUND", "parent_id")


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("start", {"role": "nobody"}, "role"),
        ("start", {"content": "x"}, "content"),
        ("append", {"offset": -1, "text": "x"}, "offset"),
        ("append", {"offset": "0", "text": "x"}, "offset"),
        ("append", {"offset": 0}, "text"),
        ("finish", {"status": "streaming"}, "status"),
        ("finish", {"usage": {"input_tokens": -1}}, "usage"),
    ],
)
async def test_bodies_that_make_no_sense_are_refused(
    client: Client, place: str, action: str, body: Json, field: str
) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    address = f"{place}/start" if action == "start" else f"{place}/{begun['id']}/{action}"
    answer = await client.post(address, json=body)
    assert answer.status_code == 400
    assert answer.json()["field"][0] == field


async def test_what_is_not_in_this_chat_is_not_found(
    client: Client, other_client: Client, chat: Json, place: str
) -> None:
    begun = await made(client.post(f"{place}/start", json={}))
    elsewhere = f"/api/chats/{(await client.chat(title='Cake'))['id']}/messages/{begun['id']}"
    for who, address in (
        (client, elsewhere),
        (client, f"{place}/{new_id()}"),
        (client, f"{place}/no-id"),
        (other_client, f"{place}/{begun['id']}"),
    ):
        appended = await who.post(f"{address}/append", json={"offset": 0, "text": "x"})
        problem_of(appended, 404, "NOT_FOUND")
        problem_of(await who.post(f"{address}/finish", json={}), 404, "NOT_FOUND")
    problem_of(await other_client.post(f"{place}/start", json={}), 404, "NOT_FOUND")
    stored = await client.read(f"{place}/{begun['id']}")
    assert (stored["status"], stored["content"]) == ("streaming", "")
