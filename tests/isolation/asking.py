"""Everything Bruno can ask with what names something of Ana's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.isolation.selections import Everything, Question
from tests.isolation.worlds import (
    ANSWER,
    CONVERSATIONS,
    CORE,
    FIRST,
    MESSAGES,
    OPEN,
    OTHER,
    OWN,
    OWN_ANSWER,
    OWN_FIRST,
    PLAIN,
    SECRET,
    SINGLE,
    TREE,
    an_id,
)

EVERYTHING = Everything(CORE)
NEW = an_id(0xB20)
TEXT = {"role": "USER", "content": "Bruno's"}
Given = Mapping[str, object]


def reads(cursors: Mapping[str, str]) -> Iterator[Question]:
    """Queries with Ana's ids and cursors, from the root and from a conversation of his own."""
    for each in (*CONVERSATIONS, *MESSAGES, OWN):
        yield _query("node", 2, id=each)
    yield _query("nodes", 1, ids=[*CONVERSATIONS, *MESSAGES, OWN, OWN_FIRST])
    yield from (_query("conversation", 2, id=each) for each in (*CONVERSATIONS, OWN))
    yield from (_query("message", 2, id=each) for each in (*MESSAGES, OWN_ANSWER))
    yield from _lists(cursors)
    yield from _below(OWN, cursors)
    yield from _below(TREE, cursors)
    yield from (_query("viewer", 1), _query("rateLimit", 1))


def _lists(cursors: Mapping[str, str]) -> Iterator[Question]:
    yield _query("conversations", 2)
    yield _query("conversations", 1, filter={"titleContains": SECRET, "archived": None})
    yield _query("conversations", 1, filter={"tags": [SECRET]})
    for end in (
        {"first": 5, "after": cursors["conversation"]},
        {"before": cursors["conversation"]},
    ):
        yield _query("conversations", 1, **end)
    yield _query("search", 2, query=SECRET)
    yield _query("search", 2, query="Bruno", filter={"conversationIds": [TREE, OWN]})
    yield _query("search", 1, query=SECRET, filter={"conversationIds": [TREE, PLAIN]})
    yield _query("search", 1, query="Bruno", filter={"excludeConversationIds": [TREE]})
    yield _query("search", 1, query=SECRET, after=cursors["hit"])
    yield _query("search", 1, query="Bruno", after=cursors["hit"])


def _below(conversation: str, cursors: Mapping[str, str]) -> Iterator[Question]:
    asked: list[tuple[str, Given]] = [
        *(("message", {"id": each}) for each in MESSAGES),
        *(("messages", {"around": each, "branch": "ALL"}) for each in MESSAGES),
        ("messages", {"first": 5, "after": cursors["message"]}),
        ("messages", {"before": cursors["message"]}),
        ("changes", {"after": cursors["event"]}),
        *(("contextWindow", {"leafId": each}) for each in (FIRST, ANSWER, SINGLE)),
        *(
            ("contextWindow", {"query": each, "recall": 5, "recallFloor": 0, "recent": 1})
            for each in ("plain", "Bruno's")
        ),
    ]
    for name, given in asked:
        yield EVERYTHING.ask(f"Conversation.{name}", given, 1, within={"id": conversation})
    for name in ("messages", "contextWindow", "changes"):
        yield EVERYTHING.ask(f"Conversation.{name}", {}, 3, within={"id": conversation})


def writes() -> Iterator[Question]:
    """Mutations of what is Ana's, and of his own with what is hers."""
    yield _mutation("updateConversation", id=TREE, title="Bruno's", expectedRevision=1)
    yield _mutation("updateConversation", id=PLAIN, title="Bruno's")
    yield _mutation("forkConversation", messageId=ANSWER)
    yield _mutation("selectBranch", messageId=ANSWER)
    for parent in (None, FIRST, OTHER):
        place: Given = {"parentId": parent} if parent else {}
        for conversation in (TREE, OWN):
            yield _mutation("addMessage", conversationId=conversation, **place, **TEXT)
            yield _mutation("addMessages", conversationId=conversation, **place, messages=[TEXT])
            yield _mutation("startMessage", conversationId=conversation, **place)
    for message in (ANSWER, OPEN):
        yield _mutation("updateMessage", id=message, content="Bruno's")
        yield _mutation("setFeedback", messageId=message, rating=-1, comment="Bruno's")
        yield _mutation("appendToMessage", id=message, offset=0, text="Bruno's")
        yield _mutation("appendToMessage", id=message, offset=17, text="Bruno's")
        yield _mutation("finishMessage", id=message)
        yield _mutation("deleteMessage", id=message, descendants=False)
    yield _mutation("deleteMessage", id=FIRST)
    yield _mutation("importConversations", data=_document(NEW, an_id(0xB21), forked=FIRST))
    yield _query("conversation", 2, id=NEW)
    for conversation in CONVERSATIONS:
        yield _mutation("deleteConversation", id=conversation)


def takes() -> Iterator[Question]:
    """Mutations that make his own what bears the ids of Ana's."""
    named = [{"id": each, **TEXT} for each in (FIRST, ANSWER)]
    yield _mutation("createConversation", id=TREE, title="Bruno's", messages=named)
    yield _mutation("addMessage", conversationId=TREE, id=OTHER, parentId=FIRST, **TEXT)
    yield _mutation("addMessages", conversationId=TREE, messages=[{"id": an_id(0xA14), **TEXT}])
    yield _mutation("startMessage", conversationId=TREE, id=OPEN)
    yield _mutation("appendToMessage", id=OPEN, offset=0, text="Bruno's so far")
    yield _mutation("importConversations", data=_document(PLAIN, SINGLE))
    yield _mutation("importConversations", data=_document(PLAIN, SINGLE))


def subscriptions(cursors: Mapping[str, str]) -> Iterator[Question]:
    """Subscriptions with Ana's ids and cursors."""
    for field in ("messageAdded", "conversationEvents"):
        for conversation, after in (
            (TREE, None),
            (TREE, cursors["event"]),
            (OWN, cursors["event"]),
        ):
            given: dict[str, object] = {"conversationId": conversation}
            yield _subscription(field, **given, **({"after": after} if after else {}))
    yield _subscription("conversationChanged", after=cursors["owner"])


def _document(conversation: str, message: str, forked: str | None = None) -> list[Any]:
    """An export of our own that claims these ids."""
    metadata = {"metadata": {"conversa": {"forked_from": forked}}} if forked else {}
    said = {"id": message, "role": "user", "parts": [{"type": "text", "text": "Bruno's"}]}
    told = {"format": "conversa", "external_id": conversation, "title": "Bruno's", **metadata}
    return [{**told, "messages": [said]}]


def _query(field: str, depth: int, **given: object) -> Question:
    return EVERYTHING.ask(f"Query.{field}", given, depth)


def _mutation(field: str, **given: object) -> Question:
    return EVERYTHING.ask(f"Mutation.{field}", {"input": given}, 2)


def _subscription(field: str, **given: object) -> Question:
    return EVERYTHING.ask(f"Subscription.{field}", given, 3)
