"""Every documented limit: what is just small enough is kept whole, what is larger is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from backend import limits
from backend.errors import ConversaError, Invalid, TooLarge
from backend.ids import new_id
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.messages import MessageChanges
from backend.services.paging import conversation_cursors, conversation_order, conversation_window
from backend.utils.message_parts import MessagePart, text_part
from tests.support.conversations import (
    active_branch,
    conversation_now,
    message_draft,
    message_now,
    stored_conversation,
    turns,
)

MIB = 1024 * 1024


@dataclass
class Said:
    """Fields of a message at a limit and beyond it."""

    fits: dict[str, Any]
    too_much: dict[str, Any]
    field: tuple[str, ...]


def padded(size: int) -> dict[str, str]:
    """Metadata that takes this many bytes as JSON."""
    return {"a": "ü" * ((size - 8) // 2) + "x" * (size % 2)}


def parts(count: int) -> list[MessagePart]:
    """This many parts."""
    return [text_part("x") for _ in range(count)]


MESSAGES = {
    "content": Said({"content": "x" * MIB}, {"content": "x" * (MIB + 1)}, ("content",)),
    "content of two bytes a character": Said(
        {"content": "é" * (MIB // 2)}, {"content": "é" * (MIB // 2) + "x"}, ("content",)
    ),
    "content of four bytes a character": Said(
        {"content": "🦜" * (MIB // 4)}, {"content": "x" + "🦜" * (MIB // 4)}, ("content",)
    ),
    "parts": Said(
        {"content": None, "parts": parts(100)}, {"content": None, "parts": parts(101)}, ("parts",)
    ),
    "content of parts": Said(
        {"content": None, "parts": [text_part("x" * MIB)]},
        {"content": None, "parts": [text_part("x" * MIB), text_part("x")]},
        ("parts",),
    ),
    "metadata": Said(
        {"metadata": padded(16 * 1024)}, {"metadata": padded(16 * 1024 + 1)}, ("metadata",)
    ),
    "name": Said({"name": "ü" * 200}, {"name": "ü" * 201}, ("name",)),
    "model": Said({"model": "m" * 200}, {"model": "m" * 201}, ("model",)),
}


@pytest.fixture(params=MESSAGES.values(), ids=list(MESSAGES))
def said(request: pytest.FixtureRequest) -> Said:
    """One of a message's limits."""
    chosen: Said = request.param
    return chosen


async def test_message_at_a_limit_is_kept_whole_and_one_beyond_it_refused(
    services: Services, viewer: Viewer, said: Said
) -> None:
    made = await stored_conversation(services, viewer)
    (added,) = await services.messages.add(
        viewer, made.id, [message_draft(**{"content": "x", **said.fits})]
    )
    assert await message_now(services.store, viewer, added.id) == added
    content = said.fits.get("content")
    assert content is None or added.content == content
    before = await conversation_now(services.store, viewer, made.id)
    beyond = message_draft(**{"content": "x", **said.too_much}, path=("messages", "3"))
    await refused(
        lambda: services.messages.add(viewer, made.id, [beyond]), ("messages", "3", *said.field)
    )
    assert await conversation_now(services.store, viewer, made.id) == before


async def test_edit_beyond_a_limit_is_refused(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    (only,) = await active_branch(services.store, viewer, made.id)
    changes = MessageChanges(content="x" * (MIB + 1))
    await refused(lambda: services.messages.update(viewer, only.id, changes), ("content",))
    assert await message_now(services.store, viewer, only.id) == only


@pytest.mark.parametrize(
    ("fits", "too_much", "field"),
    [
        ({"title": "漢" * 300}, {"title": "漢" * 301}, "title"),
        ({"tags": [str(n) for n in range(32)]}, {"tags": [str(n) for n in range(33)]}, "tags"),
        ({"tags": ["🦜" * 64]}, {"tags": ["🦜" * 65]}, "tags"),
        ({"metadata": padded(16 * 1024)}, {"metadata": padded(16 * 1024 + 1)}, "metadata"),
    ],
    ids=["title", "tags", "a tag", "metadata"],
)
async def test_conversation_at_a_limit_is_kept_and_one_beyond_it_refused(
    services: Services,
    store: Store,
    viewer: Viewer,
    fits: dict[str, Any],
    too_much: dict[str, Any],
    field: str,
) -> None:
    made = await services.conversations.create(viewer, ConversationDraft(**{"title": "T", **fits}))
    assert made.title == fits.get("title", "T")
    async with store.read(viewer) as unit:
        tags = await unit.conversations.tags_by_ids([made.id])
    assert tags.get(made.id, []) == fits.get("tags", [])
    draft = ConversationDraft(**{"title": "T", **too_much}, id=new_id())
    await refused(lambda: services.conversations.create(viewer, draft), (field,))
    changes = ConversationChanges(**too_much)
    await refused(lambda: services.conversations.update(viewer, made.id, changes), (field,))
    assert await conversation_now(store, viewer, made.id) == made


async def test_batch_of_250_is_added_and_of_251_refused(services: Services, viewer: Viewer) -> None:
    assert limits.BATCH_MESSAGES == 250
    made = await stored_conversation(services, viewer)
    await refused(lambda: services.messages.add(viewer, made.id, turns(251)), ("messages",))
    added = await services.messages.add(viewer, made.id, turns(250))
    assert [row.position for row in added] == list(range(1, 251))
    draft = ConversationDraft(messages=turns(251))
    await refused(lambda: services.conversations.create(viewer, draft), ("messages",))


async def test_comment_of_4000_characters_is_kept_and_one_more_refused(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    (only,) = await active_branch(services.store, viewer, made.id)
    judge = services.messages.set_feedback
    await judge(viewer, only.id, rating=1, comment="é" * 4000)
    await refused(lambda: judge(viewer, only.id, rating=1, comment="é" * 4001), ("comment",))


@pytest.mark.parametrize("rating", [-2, 2])
async def test_rating_is_one_of_three(services: Services, viewer: Viewer, rating: int) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    (only,) = await active_branch(services.store, viewer, made.id)
    await refused(
        lambda: services.messages.set_feedback(viewer, only.id, rating=rating), ("rating",), Invalid
    )


NUL_AND_SURROGATE = "a\0b\ud800c"
DIRTY_PARTS: list[MessagePart] = [
    text_part(NUL_AND_SURROGATE),
    {
        "type": "tool_call",
        "call_id": NUL_AND_SURROGATE,
        "name": "n",
        "arguments": {NUL_AND_SURROGATE: [NUL_AND_SURROGATE]},
    },
]


async def test_text_no_database_would_take_is_cleaned_on_the_way_in(
    services: Services, store: Store, viewer: Viewer
) -> None:
    dirty = NUL_AND_SURROGATE
    draft = ConversationDraft(
        title=dirty,
        tags=[dirty],
        metadata={dirty: dirty},
        messages=[
            message_draft(dirty, name=dirty, model=dirty, metadata={dirty: [dirty]}),
            message_draft(content=None, parts=DIRTY_PARTS),
        ],
    )
    made = await services.conversations.create(viewer, draft)
    whole = await active_branch(store, viewer, made.id)
    await services.messages.set_feedback(viewer, whole[0].id, rating=1, comment=dirty, tags=[dirty])
    await services.conversations.fork(viewer, whole[1].id, dirty)
    clean = "ab\ufffdc"
    assert (made.title, whole[0].content, whole[0].name, whole[1].content) == (clean,) * 4
    assert made.metadata_json == f'{{"{clean}":"{clean}"}}'
    async with store.read(viewer) as unit:
        assert await unit.conversations.tags_by_ids([made.id]) == {made.id: [clean]}


@pytest.mark.parametrize(
    "title",
    ["\ufdfa" * 300, "".join(map(chr, range(0x20000, 0x20000 + 300)))],
    ids=["longest when decomposed", "four bytes a character"],
)
async def test_longest_title_has_a_cursor_that_leads_back(
    services: Services, viewer: Viewer, title: str
) -> None:
    made = await services.conversations.create(viewer, ConversationDraft(title=title))
    assert made.title == title
    order = conversation_order("title", descending=False)
    window = conversation_window(order, after=conversation_cursors(order)(made))
    assert window.after == order.key(made)


@pytest.mark.parametrize("metadata", [[], "x", {"a": 2**70}, {"a": object()}])
async def test_metadata_that_is_no_json_object_is_refused(
    services: Services, viewer: Viewer, metadata: object
) -> None:
    draft = ConversationDraft(metadata=metadata)
    await refused(lambda: services.conversations.create(viewer, draft), ("metadata",), Invalid)


async def test_metadata_nested_too_deep_is_refused(services: Services, viewer: Viewer) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    draft = ConversationDraft(metadata=deep)
    await refused(lambda: services.conversations.create(viewer, draft), ("metadata",), Invalid)


async def refused(
    action: Callable[[], Any], field: tuple[str, ...], kind: type[ConversaError] = TooLarge
) -> None:
    """The action fails as it should, and says which field is at fault."""
    with pytest.raises(kind) as error:
        await action()
    assert error.value.field == field
