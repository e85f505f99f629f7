"""Operations of all kinds over the schema, generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from tests.graphql.execution.library import UNKNOWN, Library

BAD: dict[str, list[Any]] = {
    "Int": [-1, 201, 2**31 - 1, 2**31, 1.5, "1", None],
    "ID": [UNKNOWN, "nonsense", "", 7, None],
    "Cursor": ["garbage", "MW1bMTAwMDAwMF0", "", 3, None],
    "String": ["", "\0", 1, None],
    "DateTime": ["yesterday", "2026-01-01", None],
    "Boolean": ["true", None],
    "Float": ["1", -1.0, 7.5, None],
}
GOOD: dict[str, list[Any]] = {
    "Int": [0, 1, 2, 3, 20],
    "String": ["x", "y", "pla", "É"],
    "DateTime": ["2026-01-01T12:02:00Z", "2030-01-01T00:00:00+02:00", "1999-12-31T23:59:59.5Z"],
    "Boolean": [True, False],
    "Float": [0.25, 0.5],
}
PAGES: list[tuple[str, ...]] = [(), ("first",), ("last",), ("first", "after"), ("last", "before")]


@dataclass
class Operation:
    """A document of one operation and its variables; ``good`` if nothing in it should fail."""

    text: str
    variables: dict[str, Any]
    good: bool


@dataclass
class _Writer:
    draw: Any
    schema: GraphQLSchema
    library: Library
    good: bool
    fields: int = 40
    aliases: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) < percent)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def alias(self) -> str:
        self.aliases += 1
        return f"a{self.aliases}: "

    def selection(self, type_: Any, depth: int, *, unique: bool = False) -> str:
        """A selection set; ``unique``: no response name may meet another."""
        if is_abstract_type(type_):
            return self.abstract(type_, depth)
        names = list(type_.fields)
        chosen = [self.one_of(names) for _ in range(self.draw(st.integers(1, 6)))]
        written = [self.field(type_, name, depth, unique=unique) for name in chosen]
        if self.chance(20):
            written.append(f"{self.alias() if unique else ''}__typename")
        return (
            "{ " + " ".join(self.wrapped(type_, each) for each in written if each) + " __typename }"
        )

    def abstract(self, type_: Any, depth: int) -> str:
        pieces = ["__typename"]
        if isinstance(type_, GraphQLInterfaceType) and self.chance(50):
            pieces += [self.field(type_, name, depth, unique=True) for name in type_.fields]
        for possible in self.schema.get_possible_types(type_):
            if self.chance(60):
                inner = self.selection(possible, depth, unique=True)
                pieces.append(f"... on {possible.name} {self.condition()}{inner}")
        return "{ " + " ".join(pieces) + " }"

    def field(self, parent: Any, name: str, depth: int, *, unique: bool) -> str:
        definition: GraphQLField = parent.fields[name]
        leaf = is_leaf_type(get_named_type(definition.type))
        self.fields -= 1
        if not leaf and (depth <= 0 or self.fields <= 0):
            return ""
        arguments = self.arguments(name, definition)
        alias = self.alias() if unique or arguments or self.chance(20) else ""
        below = "" if leaf else " " + self.selection(get_named_type(definition.type), depth - 1)
        return f"{alias}{name}{arguments}{self.condition()}{below}"

    def wrapped(self, type_: GraphQLObjectType, written: str) -> str:
        """A selection as it is, or in a fragment."""
        if self.chance(75):
            return written
        if self.chance(50):
            on = f" on {type_.name}" if self.chance(50) else ""
            return f"...{on} {self.condition()}{{ {written} }}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {type_.name} {{ {written} }}")
        spread = f"...{name} {self.condition()}"
        return f"{spread} {spread}" if self.chance(30) else spread

    def condition(self) -> str:
        if self.chance(88):
            return ""
        names = self.one_of([("include",), ("skip",), ("skip", "include")])
        boolean = GraphQLNonNull(GraphQLBoolean)
        return (
            "".join(f" @{name}(if: {self.given(boolean, self.chance(50))})" for name in names) + " "
        )

    def arguments(self, name: str, definition: GraphQLField) -> str:
        wanted = self.wanted(definition)
        given = {
            key: self.given(argument.type, self.value(name, key, argument))
            for key, argument in definition.args.items()
            if key in wanted
        }
        return f"({', '.join(f'{key}: {each}' for key, each in given.items())})" if given else ""

    def wanted(self, definition: GraphQLField) -> set[str]:
        required = {k for k, a in definition.args.items() if isinstance(a.type, GraphQLNonNull)}
        required &= {k for k, a in definition.args.items() if a.default is None}
        others = [key for key in definition.args if key not in required]
        if not self.good:
            return required | {key for key in others if self.chance(35)}
        if "after" in others and "last" in others:
            paging = set(self.one_of(PAGES))
            free = {k for k in others if k not in ("first", "last", "after", "before", "around")}
            # A cursor of the list belongs to the default order of it.
            free -= {"orderBy"} if paging & {"after", "before"} else set()
            return required | paging | {key for key in free if self.chance(30)}
        return required | {key for key in others if key != "leafId" and self.chance(50)}

    def value(self, field_name: str, name: str, argument: GraphQLArgument) -> Any:
        if name == "maxTokens" and self.good:
            return self.one_of([50, 1000])
        if name in ("id", "ids") and self.good:
            pool = self.library.messages
            pool = self.library.conversations if field_name == "conversation" else pool
            pool = pool + self.library.conversations if field_name in ("node", "nodes") else pool
            return [self.one_of(pool), self.one_of(pool)] if name == "ids" else self.one_of(pool)
        return self.of_type(argument.type, field_name)

    def of_type(self, type_: Any, field_name: str) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self.of_type(type_.of_type, field_name)
        if isinstance(type_, GraphQLList):
            count = self.draw(st.integers(0, 2))
            return [self.of_type(type_.of_type, field_name) for _ in range(count)]
        if isinstance(type_, GraphQLEnumType):
            return self.one_of(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self.of_type(each.type, field_name)
                for key, each in type_.fields.items()
                if self.chance(25)
            }
        return self.leaf(type_.name, field_name)

    def leaf(self, name: str, field_name: str) -> Any:
        pool = list(GOOD.get(name, []))
        if name == "ID":
            pool = self.library.conversations + self.library.messages
        if name == "Cursor":
            pool = self.library.cursors.get(field_name) or self.library.cursors["messages"]
        if not self.good and self.chance(40):
            pool = BAD[name]
        return self.one_of(pool)

    def given(self, type_: Any, value: Any) -> str:
        """A value as it stands in the document: literally, or as a variable."""
        if self.chance(50) and _is_literal(type_, value):
            return _literal(type_, value)
        name = f"v{len(self.variables)}x{len(self.declared)}"
        default = ""
        if self.chance(20) and _is_literal(type_, value) and value is not None:
            default = f" = {_literal(type_, value)}"
        if not default or self.chance(50):
            self.variables[name] = value
        self.declared.append(f"${name}: {type_}{default}")
        return f"${name}"


def _new_id(writer: _Writer) -> str:
    return f"01900000-0000-7000-8000-{writer.draw(st.integers(0, 2**48 - 1)):012x}"


def _message(writer: _Writer) -> dict[str, Any]:
    said = [{"content": "Said"}, {"parts": [{"text": {"text": "a"}}]}, {}]
    return {"role": "USER", "id": _new_id(writer), **writer.one_of(said)}


def _some_message(writer: _Writer) -> str:
    return str(writer.one_of([*writer.library.messages, UNKNOWN]))


def _some_conversation(writer: _Writer) -> str:
    return str(writer.one_of([*writer.library.conversations, UNKNOWN]))


INPUTS: dict[str, Callable[[_Writer], dict[str, Any]]] = {
    "createConversation": lambda w: {"id": _new_id(w), "tags": ["n"], "messages": [_message(w)]},
    "updateConversation": lambda w: {
        "id": _some_conversation(w),
        **w.one_of([{"title": "New"}, {"tags": []}, {"expectedRevision": 1}, {"metadata": [1]}]),
    },
    "deleteConversation": lambda w: {"id": _some_conversation(w)},
    "selectBranch": lambda w: {"messageId": _some_message(w)},
    "addMessage": lambda w: {"conversationId": _some_conversation(w), **_message(w)},
    "addMessages": lambda w: {
        "conversationId": _some_conversation(w),
        "messages": [_message(w), _message(w)],
    },
    "updateMessage": lambda w: {"id": _some_message(w), "content": "Changed"},
    "deleteMessage": lambda w: {"id": _some_message(w), "descendants": w.chance(50)},
    "setFeedback": lambda w: {"messageId": _some_message(w), "rating": w.one_of([-1, 0, 1, 5])},
    "startMessage": lambda w: {
        "conversationId": _some_conversation(w),
        "id": _new_id(w),
        "role": "ASSISTANT",
    },
    "appendToMessage": lambda w: {"id": _some_message(w), "offset": 18, "text": "!"},
    "finishMessage": lambda w: {"id": _some_message(w), "status": "COMPLETE"},
    "importConversations": lambda w: {"data": w.one_of([[[{"role": "user", "content": "a"}]], 1])},
}


@st.composite
def events(draw: Any, schema: GraphQLSchema, library: Library) -> Operation:
    """What followers of a conversation may ask of its events."""
    writer = _Writer(draw, schema, library, good=True)
    selected = writer.selection(schema.get_type("ConversationEvent"), 3)
    followed = f'conversationEvents(conversationId: "{library.conversations[0]}")'
    return _operation(writer, "subscription", f"{{ {followed} {selected} }}")


@st.composite
def mutations(draw: Any, schema: GraphQLSchema, library: Library) -> Operation:
    """One to three mutations, one after the other, most of which do something."""
    writer = _Writer(draw, schema, library, good=True)
    kinds = [draw(st.sampled_from(sorted(INPUTS))) for _ in range(draw(st.integers(1, 3)))]
    written = []
    for kind in kinds:
        name = f"input{len(writer.variables)}"
        definition = schema.mutation_type.fields[kind]  # type: ignore[union-attr]
        writer.variables[name] = INPUTS[kind](writer)
        writer.declared.append(f"${name}: {definition.args['input'].type}")
        below = writer.selection(get_named_type(definition.type), 4)
        written.append(f"{writer.alias()}{kind}(input: ${name}) {below}")
    return _operation(writer, "mutation", f"{{ {' '.join(written)} }}")


@st.composite
def queries(draw: Any, schema: GraphQLSchema, library: Library) -> Operation:
    """Queries over the whole schema: two in three have nothing wrong about them."""
    writer = _Writer(draw, schema, library, good=draw(st.integers(0, 2)) > 0)
    return _operation(writer, "query", writer.selection(schema.query_type, 5))


def _operation(writer: _Writer, kind: str, selection: str) -> Operation:
    declared = f"({', '.join(writer.declared)})" if writer.declared else ""
    text = " ".join([f"{kind} Q{declared} {selection}", *writer.fragments])
    return Operation(text, writer.variables, writer.good)


def _is_literal(type_: Any, value: Any) -> bool:
    """Whether a document with this value in it is valid, as far as its kind goes."""
    if isinstance(type_, GraphQLNonNull):
        return value is not None and _is_literal(type_.of_type, value)
    if value is None:
        return True
    if isinstance(type_, GraphQLList):
        return all(_is_literal(type_.of_type, each) for each in value)
    if isinstance(type_, GraphQLInputObjectType):
        return all(_is_literal(type_.fields[key].type, each) for key, each in value.items())
    name = get_named_type(type_).name
    if name in GOOD and value in BAD[name] and not (name == "Int" and value in (-1, 201)):
        return False
    return name != "Cursor" or value not in BAD["Cursor"]


def _literal(type_: Any, value: Any) -> str:
    named = get_named_type(type_)
    if isinstance(value, list):
        return f"[{', '.join(_literal(named, each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{key}: {_literal(named.fields[key].type, each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value) if isinstance(named, GraphQLEnumType) and value else json.dumps(value)
