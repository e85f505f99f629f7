"""Entity tags and the conditions that name them."""

from __future__ import annotations

import pytest

from tests.routers.support import Client, Json, problem_of


@pytest.fixture
async def chat(client: Client) -> Json:
    return await client.chat(title="Tea")


@pytest.fixture
def address(chat: Json) -> str:
    return f"/api/chats/{chat['id']}"


async def tag_at(client: Client, address: str) -> str:
    return (await client.get(address)).headers["etag"]


@pytest.mark.parametrize("given", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_what_is_known_already_is_not_sent_again(
    client: Client, address: str, given: str
) -> None:
    tag = await tag_at(client, address)
    response = await client.get(address, headers={"If-None-Match": given.format(tag=tag)})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == tag


@pytest.mark.parametrize("given", ['"other"', "nonsense", ""])
async def test_what_is_not_known_is_sent(client: Client, address: str, given: str) -> None:
    response = await client.get(address, headers={"If-None-Match": given})
    assert response.status_code == 200


async def test_every_change_gives_a_chat_another_tag(
    client: Client, chat: Json, address: str
) -> None:
    tags = [await tag_at(client, address)]
    message = await client.message(chat, "hello")
    tags.append(await tag_at(client, address))
    await client.patch(f"{address}/messages/{message['id']}", json={"content": "bye"})
    tags.append(await tag_at(client, address))
    await client.patch(address, json={"pinned": True})
    tags.append(await tag_at(client, address))
    assert len(set(tags)) == 4


async def test_a_message_has_another_tag_once_its_branch_is_not_shown(
    client: Client, chat: Json, address: str
) -> None:
    question, answer = await client.messages(chat, 2)
    at = f"{address}/messages/{answer['id']}"
    before = await tag_at(client, at)
    assert (await client.get(at, headers={"If-None-Match": before})).status_code == 304
    await client.message(chat, "another", parent_id=question["id"])
    response = await client.get(at, headers={"If-None-Match": before})
    assert response.json()["on_active_branch"] is False


async def test_a_change_goes_through_while_its_tag_is_the_stored_one(
    client: Client, address: str
) -> None:
    tag = await tag_at(client, address)
    first = await client.patch(address, json={"title": "one"}, headers={"If-Match": tag})
    second = await client.patch(address, json={"title": "two"}, headers={"If-Match": tag})
    assert first.status_code == 200
    problem = problem_of(second, 412, "PRECONDITION_FAILED", "if-match")
    assert problem["current_revision"] == first.json()["revision"]
    assert (await client.read(address))["title"] == "one"


@pytest.mark.parametrize("given", ['"other"', "W/{tag}", "nonsense"])
async def test_another_tag_changes_and_deletes_nothing(
    client: Client, chat: Json, address: str, given: str
) -> None:
    message = f"{address}/messages/{(await client.message(chat, 'hello'))['id']}"
    for at in (address, message):
        before = await client.read(at)
        headers = {"If-Match": given.format(tag=await tag_at(client, at))}
        changed = await client.patch(at, json={"metadata": {"a": 1}}, headers=headers)
        problem_of(changed, 412, "PRECONDITION_FAILED", "if-match")
        deleted = await client.delete(at, headers=headers)
        problem_of(deleted, 412, "PRECONDITION_FAILED", "if-match")
        assert await client.read(at) == before


async def test_any_tag_will_do_where_the_condition_says_so(client: Client, address: str) -> None:
    headers = {"If-Match": "*"}
    assert (await client.patch(address, json={"title": "x"}, headers=headers)).status_code == 200
    assert (await client.delete(address, headers=headers)).status_code == 204
    gone = await client.patch(address, json={"title": "x"}, headers=headers)
    problem_of(gone, 404, "NOT_FOUND")


async def test_a_message_is_changed_and_deleted_under_its_tag(
    client: Client, chat: Json, address: str
) -> None:
    at = f"{address}/messages/{(await client.message(chat, 'hello'))['id']}"
    tag = await tag_at(client, at)
    response = await client.patch(at, json={"content": "bye"}, headers={"If-Match": tag})
    assert response.json()["content"] == "bye"
    assert response.headers["etag"] == await tag_at(client, at) != tag
    headers = {"If-Match": response.headers["etag"]}
    assert (await client.delete(at, headers=headers)).status_code == 200
