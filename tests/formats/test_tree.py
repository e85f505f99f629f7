"""Trees out of wrong parents, stale children, circles and very long chains."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from backend.formats.document import DocumentMessage
from backend.formats.tree import Node, Tree, arrange, branch, free_id, newest_leaf


def node(name: str, parent: str | None, *children: str, time: int | None = None) -> Node:
    moment = None if time is None else datetime.fromtimestamp(time, UTC)
    return Node(parent, DocumentMessage(name, None, "user", [], created_at=moment), list(children))


def nothing(parent: str | None) -> Node:
    return Node(parent, None)


def parents(tree: Tree) -> list[tuple[str, str | None]]:
    return [(message.id, message.parent_id) for message in tree.messages]


def test_parents_come_first_whatever_the_order_of_the_source() -> None:
    tree = arrange({"c": node("c", "b"), "b": node("b", "a"), "a": node("a", None)})
    assert parents(tree) == [("a", None), ("b", "a"), ("c", "b")]


def test_nodes_without_a_message_are_stepped_over() -> None:
    tree = arrange(
        {
            "root": nothing(None),
            "a": node("a", "root"),
            "gap": nothing("a"),
            "gap2": nothing("gap"),
            "b": node("b", "gap2"),
        }
    )
    assert parents(tree) == [("a", None), ("b", "a")]
    assert tree.nearest["gap2"] == "a"
    assert tree.nearest["root"] is None


def test_siblings_stand_in_the_order_of_the_list_of_children() -> None:
    nodes = {
        "root": node("root", None, "second", "first", "stale"),
        "first": node("first", "root"),
        "unlisted": node("unlisted", "root"),
        "second": node("second", "root"),
    }
    assert [name for name, _ in parents(arrange(nodes))] == ["root", "second", "first", "unlisted"]


def test_children_lists_are_not_believed_about_parents() -> None:
    nodes = {"a": node("a", None, "b", "c"), "b": node("b", "a"), "c": node("c", "b")}
    assert parents(arrange(nodes)) == [("a", None), ("b", "a"), ("c", "b")]


def test_a_missing_parent_and_a_node_that_is_its_own_make_roots() -> None:
    tree = arrange({"a": node("a", "gone"), "b": node("b", "b"), "c": node("c", "b")})
    assert parents(tree) == [("a", None), ("b", None), ("c", "b")]


def test_a_circle_is_opened_at_its_first_node() -> None:
    nodes = {
        "tail": node("tail", "c"),
        "b": node("b", "a"),
        "a": node("a", "c"),
        "c": node("c", "b"),
        "ok": node("ok", None),
    }
    assert parents(arrange(nodes)) == [
        ("ok", None),
        ("b", None),
        ("c", "b"),
        ("tail", "c"),
        ("a", "c"),
    ]


def test_a_chain_of_100_000() -> None:
    count = 100_000
    nodes = {str(n): node(str(n), str(n - 1) if n else None) for n in reversed(range(count))}
    tree = arrange(nodes)
    assert [message.id for message in tree.messages] == [str(n) for n in range(count)]
    assert tree.active_leaf(None) == str(count - 1)
    assert len(branch(tree.messages, None)) == count


def test_a_circle_of_20_000() -> None:
    count = 20_000
    nodes = {str(n): node(str(n), str((n - 1) % count)) for n in range(count)}
    found = parents(arrange(nodes))
    assert found[:2] == [("0", None), ("1", "0")]
    assert len(found) == count


def test_the_active_leaf() -> None:
    nodes = {
        "root": nothing(None),
        "a": node("a", "root", time=1),
        "old": node("old", "a", time=2),
        "new": node("new", "a", time=4),
        "deep": node("deep", "old", time=3),
        "end": nothing("deep"),
    }
    tree = arrange(nodes)
    assert tree.active_leaf("deep") == "deep"
    assert tree.active_leaf("end") == "deep"
    assert tree.active_leaf("old") == "deep"
    assert tree.active_leaf("a") == "new"
    assert tree.active_leaf("root") == "new"
    assert tree.active_leaf("gone") == "new"
    assert tree.active_leaf(None) == "new"
    assert arrange({}).active_leaf("gone") is None


def test_without_times_the_last_leaf_is_the_newest() -> None:
    tree = arrange({"a": node("a", None), "b": node("b", "a"), "c": node("c", "a")})
    assert newest_leaf(tree.messages) == "c"


def test_ids_are_made_unique() -> None:
    taken: dict[str, None] = {}
    for wanted in (None, "a", "a", None, "3", "a#2"):
        taken[free_id(taken, wanted)] = None
    assert list(taken) == ["0", "a", "a#2", "3", "3#4", "a#2#5"]


NAMES = st.sampled_from("abcdefgh")


@given(
    st.dictionaries(
        NAMES, st.tuples(st.none() | NAMES, st.booleans(), st.lists(NAMES, max_size=4)), max_size=8
    )
)
def test_nothing_is_lost_and_parents_come_first(
    raw: dict[str, tuple[str | None, bool, list[str]]],
) -> None:
    nodes = {
        name: node(name, parent, *children) if kept else Node(parent, None, list(children))
        for name, (parent, kept, children) in raw.items()
    }
    tree = arrange(nodes)
    seen: set[str | None] = {None}
    for message in tree.messages:
        assert message.parent_id in seen
        seen.add(message.id)
    assert seen - {None} == {name for name, (_, kept, _) in raw.items() if kept}
    assert set(tree.nearest) == set(nodes)
    for wanted in "abcdefgh":
        leaf = tree.active_leaf(wanted)
        assert (leaf is None) == (not tree.messages)
        assert leaf is None or leaf not in {message.parent_id for message in tree.messages}
