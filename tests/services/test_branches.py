"""The tree of a conversation, in any history, beside a tree in memory that does the same."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backend.config import Settings
from backend.database.database import Database
from backend.ids import new_id
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.messages import MessageChanges
from tests.support.conversations import active_branch, contents, message_draft
from tests.support.invariants import StoredConversation, sound_conversation
from tests.support.trees import Tree

PLACES = st.integers(min_value=0, max_value=1000)
COUNTS = st.integers(min_value=1, max_value=3)


class Histories(RuleBasedStateMachine):
    """One conversation, changed in any way and any order."""

    def __init__(self, runner: asyncio.Runner, services: Services, viewer: Viewer) -> None:
        super().__init__()
        self._runner = runner
        self._services = services
        self._viewer = viewer
        self._tree = Tree()
        self._said = 0
        self._id = self._run(services.conversations.create(viewer, ConversationDraft(title="T"))).id
        self._before = self._stored()

    @rule(count=COUNTS)
    def add_at_the_end(self, count: int) -> None:
        self._add(self._tree.shown[-1] if self._tree.shown else None, count, {})

    @rule(count=COUNTS)
    def add_a_beginning(self, count: int) -> None:
        self._add(None, count, {"new_root": True})

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES, count=COUNTS)
    def branch(self, place: int, count: int) -> None:
        parent = self._any(place)
        self._add(parent, count, {"parent_id": parent})

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def add_again(self, place: int) -> None:
        node = self._tree.nodes[self._any(place)]
        self._send([(node.id, node.texts[0])], {"parent_id": node.parent} if node.parent else {})

    @precondition(lambda self: self._tree.deleted)
    @rule(place=PLACES)
    def add_a_deleted_one(self, place: int) -> None:
        gone = sorted(self._tree.deleted)[place % len(self._tree.deleted)]
        parent = self._tree.shown[-1] if self._tree.shown else None
        self._send([(gone, "again")], {})
        self._tree.add(parent, [(gone, "again")])

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def select(self, place: int) -> None:
        node_id = self._any(place)
        self._run(self._services.conversations.select_branch(self._viewer, node_id))
        self._tree.select(node_id)

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        node_id = self._any(place)
        _, deleted = self._run(self._services.messages.delete(self._viewer, node_id))
        before = set(self._tree.nodes)
        self._tree.delete(node_id)
        assert sorted(deleted) == sorted(before - set(self._tree.nodes))

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def take_out(self, place: int) -> None:
        node_id = self._any(place)
        self._run(self._services.messages.delete(self._viewer, node_id, descendants=False))
        self._tree.take_out(node_id)

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def edit(self, place: int) -> None:
        node = self._tree.nodes[self._any(place)]
        node.texts.append(self._text())
        changes = MessageChanges(content=node.texts[-1])
        self._run(self._services.messages.update(self._viewer, node.id, changes))

    @precondition(lambda self: self._tree.nodes)
    @rule(place=PLACES)
    def fork(self, place: int) -> None:
        node_id = self._any(place)
        made = self._run(self._services.conversations.fork(self._viewer, node_id))
        copy = self._run(sound_conversation(self._services.store, self._viewer, made.id))
        path = [self._tree.nodes[each].texts[-1] for each in self._tree.path(node_id)]
        assert contents(copy.active) == path
        assert len(copy.messages) == len(path)
        assert copy.conversation.forked_from_id == node_id

    @invariant()
    def stored_as_in_memory(self) -> None:
        stored = self._stored()
        assert {row.id: row.parent_id for row in stored.messages} == {
            node.id: node.parent for node in self._tree.nodes.values()
        }
        assert {row.id: row.content for row in stored.messages} == {
            node.id: node.texts[-1] for node in self._tree.nodes.values()
        }
        assert [row.id for row in stored.messages] == list(self._tree.nodes)
        assert [row.id for row in stored.active] == self._tree.shown
        assert stored.tombstones.keys() == self._tree.deleted
        self._check_feed(self._before, stored)
        self._before = stored
        shown = self._run(active_branch(self._services.store, self._viewer, self._id))
        assert [row.id for row in shown] == self._tree.shown

    def teardown(self) -> None:
        versions = self._run(self._versions())
        assert versions == {
            node.id: node.texts[:-1] for node in self._tree.nodes.values() if node.texts[1:]
        }

    def _check_feed(self, before: StoredConversation, after: StoredConversation) -> None:
        """Who read up to the revision before sees what changed by reading what is newer."""
        seen = before.conversation.revision
        old = {row.id: row for row in before.messages}
        for row in after.messages:
            if old.get(row.id, row._replace(content="")).content != row.content:
                assert row.revision > seen
        for gone in self._tree.deleted & old.keys():
            assert after.tombstones[gone] > seen
        was = [row.id for row in before.active]
        grown = [row.id for row in after.active][: len(was)] == was
        assert grown or after.conversation.own_revision > seen

    def _add(self, parent: str | None, count: int, where: dict[str, Any]) -> None:
        texts = [(new_id(), self._text()) for _ in range(count)]
        self._send(texts, where)
        self._tree.add(parent, texts)

    def _send(self, texts: list[tuple[str, str]], where: dict[str, Any]) -> None:
        drafts = [message_draft(text, id=node_id) for node_id, text in texts]
        added = self._run(self._services.messages.add(self._viewer, self._id, drafts, **where))
        assert [row.id for row in added] == [node_id for node_id, _ in texts]

    def _any(self, place: int) -> str:
        return list(self._tree.nodes)[place % len(self._tree.nodes)]

    def _text(self) -> str:
        self._said += 1
        return f"text {self._said}"

    def _stored(self) -> StoredConversation:
        stored: StoredConversation = self._run(
            sound_conversation(self._services.store, self._viewer, self._id)
        )
        return stored

    async def _versions(self) -> dict[str, list[str]]:
        async with self._services.store.read(self._viewer) as unit:
            found = await unit.versions.list_by_messages(list(self._tree.nodes))
        return {each: [version.content for version in rows] for each, rows in found.items()}

    def _run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)


def test_any_history_leaves_a_sound_tree(settings: Settings, viewer: Viewer) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = Database(settings)
        services = Services(Store(database))
        try:
            run_state_machine_as_test(
                cast("Any", lambda: Histories(runner, services, viewer)),
                settings=hypothesis_settings(
                    max_examples=10,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())
