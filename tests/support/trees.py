"""A conversation's tree in memory, as simple as it can be: what the database is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Node:
    """A message; ``texts`` holds its earlier texts and, last, the present one."""

    id: str
    parent: str | None
    texts: list[str]


@dataclass
class Tree:
    """Messages in the order they were added, and the branch that is shown."""

    nodes: dict[str, Node] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def path(self, node_id: str | None) -> list[str]:
        """From the first message down to one."""
        path: list[str] = []
        while node_id is not None:
            path.insert(0, node_id)
            node_id = self.nodes[node_id].parent
        return path

    def children(self, parent: str | None) -> list[str]:
        """The messages right below one, or the first messages, oldest first."""
        return [node.id for node in self.nodes.values() if node.parent == parent]

    def add(self, parent: str | None, texts: Sequence[tuple[str, str]]) -> None:
        """Hangs messages, pairs of id and text, one below the other, and shows them."""
        for node_id, text in texts:
            self.nodes[node_id] = Node(node_id, parent, [text])
            self.deleted.discard(node_id)
            parent = node_id
        self.shown = self.path(parent)

    def select(self, node_id: str) -> None:
        """Shows the branch through a message, on through the newest each time."""
        if node_id not in self.shown:
            self.shown = self._to_the_end(self.path(node_id))

    def delete(self, node_id: str) -> None:
        """Removes a message and all below it."""
        parent = self.nodes[node_id].parent
        gone = [each for each in self.nodes if node_id in self.path(each)]
        for each in gone:
            del self.nodes[each]
        self.deleted.update(gone)
        if node_id in self.shown:
            self.shown = self._to_the_end(self.path(parent))

    def take_out(self, node_id: str) -> None:
        """Removes a message alone; what hung on it hangs one higher."""
        children = self.children(node_id)
        if not children:
            self.delete(node_id)
            return
        for child in children:
            self.nodes[child].parent = self.nodes[node_id].parent
        del self.nodes[node_id]
        self.deleted.add(node_id)
        self.shown = [each for each in self.shown if each != node_id]

    def _to_the_end(self, path: list[str]) -> list[str]:
        while below := self.children(path[-1] if path else None):
            path.append(below[-1])
        return path
