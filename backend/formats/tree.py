"""Building the tree of a conversation out of what exports say about it, however wrong that is.

Only a node's parent is believed. Lists of children give the order of siblings and nothing else,
because exports are known to leave them stale. Nodes that hold no message are stepped over: their
children hang on the nearest message above. Nothing here recurses: a chain may be 100,000 long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backend.formats.document import DocumentMessage

_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Node:
    """A place in a source's tree; ``message`` is None where there is nothing worth keeping."""

    parent_id: str | None
    message: DocumentMessage | None
    children: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Tree:
    """Messages, parents before children, and for each node of the source the message it came to."""

    messages: list[DocumentMessage]
    nearest: dict[str, str | None]

    def active_leaf(self, wanted: str | None) -> str | None:
        """The end of the branch that goes through ``wanted``; unknown: the newest leaf of all.

        A pointer to a node that was stepped over means the message above it; a pointer to a message
        that has children means the newest leaf below it.
        """
        return newest_leaf(self.messages, self.nearest.get(wanted) if wanted else None)


def free_id(taken: dict[str, Any], wanted: str | None) -> str:
    """``wanted`` if it is still free, or made free; without one, the number of those taken."""
    count = len(taken)
    base = str(count) if wanted is None else wanted
    name = base
    while name in taken:
        name = f"{base}#{count}"
        count += 1
    return name


def chain(messages: list[DocumentMessage]) -> str | None:
    """Hang each message on the one before it; gives the id of the last."""
    last: str | None = None
    for message in messages:
        message.parent_id = last
        last = message.id
    return last


def arrange(nodes: dict[str, Node]) -> Tree:
    """The messages of the nodes as one or several trees.

    A parent that is not there, and a node that is its own, make a root; a circle is opened at its
    first node in the source's order. Siblings stand in the order of the parent's list of children
    where it names them, the rest after them in the source's order.
    """
    children = _children(nodes)
    tree = Tree([], {})
    for name in children[None]:
        _walk(name, nodes, children, tree)
    if len(tree.nearest) < len(nodes):
        order = {name: place for place, name in enumerate(nodes)}
        for name in nodes:
            if name not in tree.nearest:
                _walk(_circle_start(name, nodes, order), nodes, children, tree)
    return tree


def _children(nodes: dict[str, Node]) -> dict[str | None, list[str]]:
    children: dict[str | None, list[str]] = {None: []}
    for name, node in nodes.items():
        parent = node.parent_id
        if parent not in nodes or parent == name:
            parent = None
        children.setdefault(parent, []).append(name)
    for parent, names in children.items():
        if parent is not None and len(names) > 1:
            names.sort(key=_ranks(nodes[parent].children).__getitem__)
    return children


class _Ranks(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return len(self)


def _ranks(names: list[Any]) -> _Ranks:
    return _Ranks((name, rank) for rank, name in enumerate(names) if isinstance(name, str))


def _walk(
    start: str, nodes: dict[str, Node], children: dict[str | None, list[str]], tree: Tree
) -> None:
    pending: list[tuple[str, str | None]] = [(start, None)]
    while pending:
        name, above = pending.pop()
        if name in tree.nearest:
            continue
        message = nodes[name].message
        if message is not None:
            message.parent_id = above
            tree.messages.append(message)
            above = message.id
        tree.nearest[name] = above
        below = children.get(name)
        if below:
            pending.extend((child, above) for child in reversed(below))


def _circle_start(name: str, nodes: dict[str, Node], order: dict[str, int]) -> str:
    """The first node, in the source's order, of the circle that the parents of ``name`` end in."""
    seen: set[str] = set()
    for above in _upwards(name, nodes):
        if above in seen:
            name = above
            break
        seen.add(above)
    first = name
    for above in _upwards(nodes[name].parent_id or name, nodes):
        if order[above] < order[first]:
            first = above
        if above == name:
            break
    return first


def _upwards(name: str, nodes: dict[str, Node]) -> Iterator[str]:
    current: str | None = name
    while current is not None and current in nodes:
        yield current
        current = nodes[current].parent_id


def newest_leaf(messages: list[DocumentMessage], start: str | None = None) -> str | None:
    """The leaf created last among those below ``start``, or of all; without times, the last one."""
    best: dict[str | None, tuple[datetime, int, str]] = {}
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        leaf = best.pop(message.id, None) or (message.created_at or _NO_TIME, place, message.id)
        if message.id == start:
            return leaf[2]
        above = best.get(message.parent_id)
        if above is None or leaf > above:
            best[message.parent_id] = leaf
    return best[None][2] if messages else None


def branch(messages: list[DocumentMessage], leaf_id: str | None) -> list[DocumentMessage]:
    """The messages from the root to a leaf, in reading order; a leaf of None: to the newest."""
    by_id = {message.id: message for message in messages}
    current = by_id.get(leaf_id or "") or by_id.get(newest_leaf(messages) or "")
    path: list[DocumentMessage] = []
    while current is not None:
        path.append(current)
        current = by_id.get(current.parent_id) if current.parent_id is not None else None
    path.reverse()
    return path
