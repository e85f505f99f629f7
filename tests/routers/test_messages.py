"""Messages over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.ids import new_id
from tests.routers.support import Client, Json, problem_of


@pytest.fixture
async def chat(client: Client) -> Json:
    """A chat in which nothing was said yet."""
    return await client.chat(title="Tea")


@pytest.fixture
def address(chat: Json) -> str:
    """Where its messages are."""
    return f"/api/chats/{chat['id']}/messages"


async def contents(client: Client, address: str, **query: Any) -> list[str]:
    return [each["content"] for each in (await client.read(address, **query))["items"]]


async def test_the_plainest_message_just_works(client: Client, chat: Json, address: str) -> None:
    response = await client.post(address, json={"role": "user", "content": "Which tea?"})
    assert response.status_code == 201
    message = response.json()
    assert response.headers["location"] == f"{address}/{message['id']}"
    assert await client.read(response.headers["location"]) == message
    expected = {
        "conversation_id": chat["id"],
        "parent_id": None,
        "position": 1,
        "role": "user",
        "content": "Which tea?",
        "parts": [{"type": "text", "text": "Which tea?"}],
        "status": "complete",
        "usage": None,
        "metadata": {},
        "edited_at": None,
        "on_active_branch": True,
    }
    assert {name: message[name] for name in expected} == expected
    assert message["token_count"] > 0


async def test_a_message_keeps_all_it_was_given(client: Client, address: str) -> None:
    given = {
        "id": new_id(),
        "role": "assistant",
        "name": "Ada",
        "model": "some-model",
        "usage": {"input_tokens": 7, "output_tokens": 2**31 - 1, "reasoning_tokens": None},
        "metadata": {"a": [1, {"b": None}]},
        "created_at": "2024-02-29T12:30:00.123456+02:00",
        "parts": [
            {"type": "reasoning", "text": "hm"},
            {"type": "text", "text": "Green."},
            {"type": "tool_call", "call_id": "1", "name": "brew", "arguments": {"hot": True}},
            {"type": "tool_result", "call_id": "1", "name": None, "result": [1], "is_error": False},
            {"type": "media", "media_type": "image/png", "url": "data:,", "name": "x", "size": 3},
            {"type": "data", "data_type": "mood", "data": "calm"},
        ],
    }
    response = await client.post(address, json=given)
    message = await client.read(response.headers["location"])
    assert message["created_at"] == "2024-02-29T10:30:00.123456Z"
    assert message["content"] == "Green."
    kept = given.keys() - {"created_at"}
    assert {name: message[name] for name in kept} == {name: given[name] for name in kept}


async def test_several_messages_hang_one_below_the_other(client: Client, address: str) -> None:
    new = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    response = await client.post(address, json={"messages": new})
    first, second = response.json()["messages"]
    assert response.status_code == 201
    assert response.headers["location"] == f"{address}/{second['id']}"
    assert (first["parent_id"], second["parent_id"]) == (None, first["id"])


async def test_of_several_messages_all_are_stored_or_none(client: Client, address: str) -> None:
    new = [{"role": "user", "content": "a"}, {"role": "user", "content": "b", "parent": "x"}]
    response = await client.post(address, json={"messages": new})
    problem_of(response, 400, "INVALID", "messages", "1", "parent")
    assert await contents(client, address) == []


async def test_sending_the_same_message_again_adds_nothing(client: Client, address: str) -> None:
    body = {"id": new_id(), "role": "user", "content": "hello"}
    first, second = await client.post(address, json=body), await client.post(address, json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert await contents(client, address) == ["hello"]


async def test_another_message_under_the_same_id_is_a_conflict(
    client: Client, chat: Json, address: str
) -> None:
    message = await client.message(chat, "hello")
    body = {"id": message["id"], "role": "user", "content": "bye"}
    problem = problem_of(await client.post(address, json=body), 409, "CONFLICT", "id")
    assert problem["current_revision"] == message["revision"]


async def test_a_message_below_an_earlier_one_starts_a_branch(
    client: Client, chat: Json, address: str
) -> None:
    question, answer = await client.messages(chat, 2)
    other = await client.message(chat, "another", "assistant", parent_id=question["id"])
    assert await contents(client, address) == ["message 0", "another"]
    every = await contents(client, address, branch="all")
    assert every == ["message 0", "message 1", "another"]
    siblings = await client.read(f"{address}/{other['id']}/siblings")
    assert [each["id"] for each in siblings["messages"]] == [answer["id"], other["id"]]


async def test_a_parent_that_is_not_in_the_chat_is_not_the_fault_of_the_address(
    client: Client, address: str
) -> None:
    [elsewhere] = await client.messages(await client.chat(title="Cake"), 1)
    for parent in (elsewhere["id"], new_id()):
        body = {"role": "user", "content": "x", "parent_id": parent}
        problem_of(await client.post(address, json=body), 409, "NOT_FOUND", "parent_id")
    assert await contents(client, address) == []


async def test_a_message_can_stand_beside_the_first_one(
    client: Client, chat: Json, address: str
) -> None:
    await client.messages(chat, 2)
    root = await client.message(chat, "start again", new_root=True)
    assert (root["parent_id"], root["position"]) == (None, 1)
    assert await contents(client, address) == ["start again"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, range(10)),
        ({"first": 3}, [0, 1, 2]),
        ({"last": 3}, [7, 8, 9]),
        ({"roles": "user"}, [0, 2, 4, 6, 8]),
        ({"roles": ["user", "assistant"], "last": 2}, [8, 9]),
        ({"roles": "tool"}, []),
        ({"branch": "all", "first": 2}, [0, 1]),
    ],
)
async def test_pages_are_what_is_asked_for(
    client: Client, chat: Json, address: str, query: Json, expected: Any
) -> None:
    await client.messages(chat, 10)
    found = await contents(client, address, **query)
    assert found == [f"message {number}" for number in expected]


async def test_links_walk_from_the_end_to_the_beginning(
    client: Client, chat: Json, address: str
) -> None:
    await client.messages(chat, 10)
    seen: list[str] = []
    at = f"{address}?last=4&roles=user"
    while at:
        response = await client.get(at)
        seen = [each["content"] for each in response.json()["items"]] + seen
        at = response.links.get("prev", {}).get("url", "")
        assert at == "" or "roles=user" in at
    assert seen == [f"message {number}" for number in (0, 2, 4, 6, 8)]


async def test_a_message_added_meanwhile_is_neither_repeated_nor_skipped(
    client: Client, chat: Json, address: str
) -> None:
    messages = await client.messages(chat, 4)
    page = await client.read(address, first=2)
    await client.delete(f"{address}/{messages[1]['id']}", params={"descendants": "false"})
    await client.message(chat, "later")
    rest = await contents(client, address, after=page["page_info"]["end_cursor"])
    assert rest == ["message 2", "message 3", "later"]


async def test_a_page_can_lie_around_a_message(client: Client, chat: Json, address: str) -> None:
    messages = await client.messages(chat, 9)
    page = await client.read(address, around=messages[4]["id"], first=4)
    assert [each["content"] for each in page["items"]] == [f"message {n}" for n in (2, 3, 4, 5)]
    info = page["page_info"]
    assert (info["has_next_page"], info["has_previous_page"]) == (True, True)
    assert (await contents(client, address, after=info["end_cursor"]))[0] == "message 6"


async def test_a_page_around_a_message_of_another_branch_is_refused(
    client: Client, chat: Json, address: str
) -> None:
    question, answer = await client.messages(chat, 2)
    await client.message(chat, "another", parent_id=question["id"])
    response = await client.get(address, params={"around": answer["id"]})
    problem_of(response, 400, "INVALID", "around")
    assert len(await contents(client, address, around=answer["id"], branch="all")) == 3


async def test_a_page_around_a_message_of_another_chat_is_not_found(
    client: Client, address: str
) -> None:
    [message] = await client.messages(await client.chat(title="Cake"), 1)
    response = await client.get(address, params={"around": message["id"]})
    problem_of(response, 404, "NOT_FOUND", "around")


async def test_the_total_counts_the_branch_and_the_roles(
    client: Client, chat: Json, address: str
) -> None:
    messages = await client.messages(chat, 5)
    await client.message(chat, "another", parent_id=messages[0]["id"])
    query = {"total_count": "true", "first": 1}
    assert (await client.read(address, **query))["total_count"] == 2
    assert (await client.read(address, **query, branch="all"))["total_count"] == 6
    assert (await client.read(address, **query, roles="assistant"))["total_count"] == 0


async def test_an_edit_keeps_the_earlier_text(client: Client, chat: Json, address: str) -> None:
    message = await client.message(chat, "helo")
    at = f"{address}/{message['id']}"
    response = await client.patch(at, json={"content": "hello", "metadata": {"mood": "calm"}})
    edited = response.json()
    assert edited == await client.read(at)
    assert (edited["content"], edited["metadata"]) == ("hello", {"mood": "calm"})
    assert edited["edited_at"] is not None
    versions = (await client.read(f"{at}/versions"))["versions"]
    assert [each["content"] for each in versions] == ["helo"]


async def test_an_edit_of_an_expected_revision_that_is_gone_is_a_conflict(
    client: Client, chat: Json, address: str
) -> None:
    message = await client.message(chat, "hello")
    body = {"content": "bye", "expected_revision": message["revision"] + 1}
    response = await client.patch(f"{address}/{message['id']}", json=body)
    problem = problem_of(response, 409, "CONFLICT", "expected_revision")
    assert problem["current_revision"] == message["revision"]
    assert await contents(client, address) == ["hello"]


async def test_deleting_takes_what_is_below(client: Client, chat: Json, address: str) -> None:
    messages = await client.messages(chat, 4)
    response = await client.delete(f"{address}/{messages[1]['id']}")
    deleted = response.json()
    assert set(deleted["deleted_message_ids"]) == {each["id"] for each in messages[1:]}
    assert deleted["chat"] == await client.read(f"/api/chats/{chat['id']}")
    assert deleted["chat"]["message_count"] == 1


async def test_deleting_can_leave_what_is_below(client: Client, chat: Json, address: str) -> None:
    messages = await client.messages(chat, 4)
    response = await client.delete(f"{address}/{messages[1]['id']}?descendants=false")
    assert response.json()["deleted_message_ids"] == [messages[1]["id"]]
    assert await contents(client, address) == ["message 0", "message 2", "message 3"]


async def test_feedback_is_kept_and_replaced(client: Client, chat: Json, address: str) -> None:
    at = f"{address}/{(await client.message(chat, 'hello'))['id']}/feedback"
    assert (await client.get(at)).status_code == 204
    given = {"rating": 1, "comment": "helpful", "tags": ["kind", "short"]}
    response = await client.put(at, json=given)
    assert {name: response.json()[name] for name in given} == given
    await client.put(at, json={"rating": -1})
    replaced = await client.read(at)
    assert (replaced["rating"], replaced["comment"], replaced["tags"]) == (-1, None, [])


async def test_a_message_is_found_in_its_own_chat_alone(client: Client, address: str) -> None:
    [message] = await client.messages(await client.chat(title="Cake"), 1)
    at = f"{address}/{message['id']}"
    for response in (
        await client.get(at),
        await client.patch(at, json={"content": "mine"}),
        await client.delete(at),
        await client.get(f"{at}/versions"),
        await client.get(f"{at}/feedback"),
        await client.put(f"{at}/feedback", json={"rating": 1}),
    ):
        problem_of(response, 404, "NOT_FOUND")


async def test_nobody_sees_another_ones_messages(
    client: Client, other_client: Client, chat: Json, address: str
) -> None:
    message = await client.message(chat, "hello")
    at = f"{address}/{message['id']}"
    own = await other_client.chat(title="Mine")
    for response in (
        await other_client.get(address),
        await other_client.post(address, json={"role": "user", "content": "x"}),
        await other_client.get(at),
        await other_client.patch(at, json={"content": "mine"}),
        await other_client.delete(at),
        await other_client.get(f"{at}/siblings"),
        await other_client.put(f"{at}/select"),
        await other_client.post(f"{at}/fork", json={}),
        await other_client.get(f"{at}/versions"),
        await other_client.put(f"{at}/feedback", json={"rating": 1}),
        await other_client.get(f"{at}/feedback"),
        await other_client.get(
            f"/api/chats/{own['id']}/messages", params={"around": message["id"]}
        ),
    ):
        assert response.status_code == 404
    assert await contents(client, address) == ["hello"]


async def test_the_same_id_may_be_anothers_too(
    client: Client, other_client: Client, chat: Json
) -> None:
    message = await client.message(chat, "hello")
    own = await other_client.chat(title="Mine")
    assert (await other_client.message(own, "mine", id=message["id"]))["content"] == "mine"


async def test_fifty_messages_at_once_stand_in_one_order(
    client: Client, chat: Json, address: str
) -> None:
    await asyncio.gather(*(client.message(chat, f"{number}") for number in range(50)))
    items = (await client.read(address, first=200))["items"]
    assert [each["position"] for each in items] == list(range(1, 51))
    assert {each["content"] for each in items} == {f"{number}" for number in range(50)}


async def test_several_known_messages_are_answered_as_they_are(
    client: Client, chat: Json, address: str
) -> None:
    body = {
        "messages": [
            {"id": new_id(), "role": "user", "content": "a"},
            {"id": new_id(), "role": "assistant", "content": "b"},
        ]
    }
    first, second = await client.post(address, json=body), await client.post(address, json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert "location" not in second.headers
    assert first.json() == second.json()
