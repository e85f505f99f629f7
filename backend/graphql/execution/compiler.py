"""Turns a validated operation into Python functions that build its answer.

A function goes from the value of one asynchronous field, or of the operation's root, down to the
asynchronous fields below it; those it hands to the run, with the object they belong in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.language import DocumentNode
from strawberry import Schema
from strawberry.types.field import StrawberryField

from backend.graphql.execution.calls import Arguments, Calls
from backend.graphql.execution.columns import READS, Reads, frozen, note
from backend.graphql.execution.errors import Unsupported
from backend.graphql.execution.foresight import FORESEES, Below
from backend.graphql.execution.leaves import leaf_source, sure_source
from backend.graphql.execution.loading import LOADED
from backend.graphql.execution.rows import PlainRows, RowPicker
from backend.graphql.execution.selections import Details, Fields, Selections
from backend.graphql.execution.source import DEEPEST, Body, Source
from backend.graphql.execution.types import TypeFinder
from backend.graphql.execution.views import KEY, RowViews

LISTS = (list, tuple)
Function = Callable[[Any, Any], Any]


@dataclass(slots=True)
class PendingField:
    """A field whose resolver is awaited: ``call`` makes the coroutine, ``complete`` takes what it
    returns. ``driven``: it awaits nothing but loaders. ``below``: what a field above foresees."""

    key: str
    driven: bool
    below: Below
    call: Function
    complete: Function


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Plan:
    """A compiled operation of so many fields. Either ``root`` completes the root value, or, for a
    mutation, ``steps`` are its fields in order. ``arguments`` are those that take variables."""

    root: Function | None
    steps: tuple[PendingField, ...]
    arguments: tuple[Arguments, ...]
    fields: int


def compile_operation(
    schema: Schema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    most_fields: int,
) -> Plan:
    """The plan for an operation under these values of its conditions; raises Unsupported, also
    where it would have more fields."""
    core = schema._schema
    selections = Selections(core, document, operation, variables, most_fields)
    return _Compiler(schema, operation, selections).plan()


class _Compiler:
    def __init__(
        self, schema: Schema, operation: OperationDefinitionNode, selections: Selections
    ) -> None:
        self._core = schema._schema
        self._kind = operation.operation
        self._selections = selections
        self._source = Source()
        self._calls = Calls(schema, self._source)
        self._pending: list[tuple[PendingField, str, str]] = []
        self._reads: Reads = {}
        self._below: dict[Any, Below] = {}
        self._sure: set[str] = set()
        self._shown: dict[str, Mapping[str, str]] = {}

    def plan(self) -> Plan:
        root_type = self._core.get_root_type(self._kind)
        if root_type is None:
            raise Unsupported(self._kind.value)
        fields = self._selections.root(root_type)
        if self._kind is OperationType.MUTATION:
            steps = tuple(self._step(root_type, key, each) for key, each in fields.items())
            self._finish()
            return self._made(None, steps)
        name = self._source.function(lambda body: self._object(body, root_type, "v", fields, {}))
        return self._made(self._finish()[name], ())

    def _made(self, root: Function | None, steps: tuple[PendingField, ...]) -> Plan:
        plan = Plan(root, steps, tuple(self._calls.dynamic), self._selections.count)
        self._source.ends_with(plan)
        return plan

    def _finish(self) -> dict[str, Any]:
        functions = self._source.compiled()
        for field, call, complete in self._pending:
            field.call, field.complete = functions[call], functions[complete]
        return functions

    def _step(self, root_type: GraphQLObjectType, key: str, details: Details) -> PendingField:
        definition, field = self._selections.definition(root_type, details)
        if field is None or not field.is_async:
            raise Unsupported("a mutation that is not asynchronous")
        return self._awaited(key, definition, field, details)

    def _object(
        self,
        body: Body,
        type_: GraphQLObjectType,
        value: str,
        fields: Fields,
        spelled: Mapping[str, str],
    ) -> str:
        """Writes what an object's fields need beforehand; an expression for the object.

        ``spelled`` are expressions for those of its attributes that are read in another way.
        """
        entries: list[str] = []
        awaited: list[PendingField] = []
        for key, details in fields.items():
            definition, field = self._selections.definition(type_, details)
            if spelled and field and field.python_name not in spelled:
                raise Unsupported(f"{field.python_name} of a view that is not made")
            self._note_reads(type_, field)
            if field is None:
                answer = repr(type_.name)
            elif field.is_async and not field.is_subscription:
                awaited.append(self._awaited(key, definition, field, details))
                answer = "None"
            elif KEY in field.metadata:
                answer = self._views(body, definition.type, field.metadata[KEY], value, details)
            else:
                read = spelled.get(field.python_name)
                read = read or self._read(definition, field, details, value)
                answer = self._value(body, definition.type, read, details)
            entries.append(f"{key!r}: {answer}")
        display = f"{{{', '.join(entries)}}}"
        if not awaited:
            return display
        name = self._source.fresh("d")
        body.line(f"{name} = {display}")
        for pending in awaited:
            body.line(f"pend(({self._source.bind('field', pending)}, {name}, {value}))")
        return name

    def _note_reads(self, type_: GraphQLObjectType, field: StrawberryField | None) -> None:
        record = getattr(type_.is_type_of, "record", None)
        if record is None or field is None:
            return
        resolver = field.base_resolver
        if resolver is None:
            note(self._reads, record, frozenset([field.python_name]))
        else:
            note(self._reads, record, getattr(resolver.wrapped_func, READS, None))

    def _read(
        self, definition: GraphQLField, field: StrawberryField, details: Details, parent: str
    ) -> str:
        """An expression for what a field that is not asynchronous resolves to."""
        if field.is_subscription:
            return parent
        if field.base_resolver is not None:
            given = self._calls.arguments(definition, field, details[0].node)
            return self._calls.call(field, given, parent, "info")
        if field.default_resolver is not getattr:
            raise Unsupported("a default resolver")
        return f"{parent}.{field.python_name}"

    def _awaited(
        self, key: str, definition: GraphQLField, field: StrawberryField, details: Details
    ) -> PendingField:
        resolver = field.base_resolver and field.base_resolver.wrapped_func
        outside, self._reads, self._below = (self._reads, self._below), {}, {}
        complete = self._source.function(
            lambda body: self._value(body, definition.type, "v", details)
        )
        reads = frozen(self._reads)
        ahead = self._below.get(getattr(resolver, FORESEES, None))
        self._reads, self._below = outside
        given = self._calls.arguments(definition, field, details[0].node)
        below = Below(given, reads)
        self._below.setdefault(resolver, below)
        info = self._calls.info(reads, ahead)
        call = self._source.function(lambda _: self._calls.call(field, given, "v", info))
        pending = PendingField(key, getattr(resolver, LOADED, False), below, _nothing, _nothing)
        self._pending.append((pending, call, complete))
        return pending

    def _value(self, body: Body, type_: GraphQLOutputType, read: str, details: Details) -> str:
        """Writes what a value needs beforehand; an expression for it as JSON."""
        nullable = not is_non_null_type(type_)
        inner: Any = type_.of_type if is_non_null_type(type_) else type_
        name = self._source.fresh("v")
        if is_leaf_type(inner):
            bind, stored = self._source.bind, bool(self._shown)
            if read in self._sure and (text := sure_source(inner, read, bind)):
                return text
            return leaf_source(inner, nullable, read, name, bind, stored=stored)
        if body.depth > DEEPEST:
            deeper = self._source.function(lambda deep: self._value(deep, type_, "v", details))
            return f"{deeper}({read}, s)"
        if read.isidentifier():
            name = read
        else:
            body.line(f"{name} = {read}")
        if not nullable:
            if name in self._shown:
                return self._composite(body, inner, name, details)
            body.line(f"if {name} is None: raise {self._source.bind('other', Unsupported)}('null')")
            return self._composite(body, inner, name, details)
        result = self._source.fresh("c")
        body.line(f"{result} = None")
        with body.block(f"if {name} is not None:"):
            body.line(f"{result} = {self._composite(body, inner, name, details)}")
        return result

    def _composite(self, body: Body, type_: Any, value: str, details: Details) -> str:
        if is_list_type(type_):
            return self._list(body, type_.of_type, value, details)
        if is_abstract_type(type_):
            return self._abstract(body, type_, value, details)
        below, shown = self._selections.below(type_, details), self._shown.get(value)
        if shown is not None:
            return self._object(body, type_, value, below, shown)
        self._check(body, type_, value)
        return self._object(body, type_, value, below, {})

    def _list(self, body: Body, item_type: GraphQLOutputType, value: str, details: Details) -> str:
        lists = self._source.bind("lists", LISTS)
        other = self._source.bind("other", Unsupported)
        body.line(f"if type({value}) not in {lists}: raise {other}('no list')")
        result, item = self._source.fresh("l"), self._source.fresh("x")
        body.line(f"{result} = []")
        with body.block(f"for {item} in {value}:"):
            body.line(f"{result}.append({self._value(body, item_type, item, details)})")
        return result

    def _views(self, body: Body, type_: Any, views: RowViews, owner: str, details: Details) -> str:
        """Writes a list of non-null views of rows."""
        item_type = type_.of_type.of_type.of_type
        below = self._selections.below(item_type, details)
        other = self._source.bind("other", Unsupported)
        known = self._source.bind("owner", views.owner)
        body.line(f"if type({owner}) is not {known}: raise {other}('another view')")
        result, row = self._source.fresh("l"), self._source.fresh("x")
        rows, spelled = f"{owner}.{views.rows}", views.spelled(owner, row)
        body.line(f"{result} = []")

        def each(header: str) -> None:
            with body.block(header):
                made = self._object(body, item_type, row, below, spelled)
                body.line(f"{result}.append({made})")

        plain = PlainRows.among(self._selections, item_type, below, views)
        if plain is None:
            each(f"for {row} in {rows}:")
            return result
        picked = self._source.fresh("t")
        picker = self._source.bind("pick", RowPicker(plain.record, plain.names))
        body.line(f"{picked} = {picker}({rows})")
        with body.block(f"if {picked} is None:"):
            each(f"for {row} in {rows}:")
        names = {name: self._source.fresh("p") for name in plain.names}
        columns = {name: self._source.fresh("p") for name in plain.columns}
        inner = Body(body.depth + 2)
        # The same fields once more, of which there are no more for that.
        count, self._shown[row] = self._selections.count, names
        self._sure = {names[name] for name in plain.texts & names.keys()} | {*columns.values()}
        made = self._object(inner, item_type, row, below, {**spelled, **columns})
        self._selections.count, self._sure = count, set()
        del self._shown[row]
        values = f"({', '.join(names.values())})" if len(names) > 1 else names[plain.names[0]]
        sources = {values: picked}
        for name, place in columns.items():
            sources[place] = views.columns[name].format(owner=owner)
        if inner.lines or re.search(rf"\b{row}\b", made):
            sources[row] = rows
        with body.block("else:"):
            body.collect(result, made, inner, sources)
        return result

    def _abstract(
        self, body: Body, type_: GraphQLAbstractType, value: str, details: Details
    ) -> str:
        possible = self._core.get_possible_types(type_)
        finder = self._source.bind("type_of", TypeFinder(possible))
        name, result = self._source.fresh("t"), self._source.fresh("c")
        body.line(f"{name} = {finder}({value}, info)")
        for index, each in enumerate(possible):
            with body.block(f"{'el' if index else ''}if {name} == {each.name!r}:"):
                below = self._selections.below(each, details)
                made = self._object(body, each, value, below, {})
                body.line(f"{result} = {made}")
        return result

    def _check(self, body: Body, type_: GraphQLObjectType, value: str) -> None:
        """Writes the question whether a value is of its type, where the type asks it."""
        if type_.is_type_of is None:
            return
        question = f"{self._source.bind('is_type', type_.is_type_of)}({value}, info)"
        record = getattr(type_.is_type_of, "record", None)
        if record is not None:
            question = f"isinstance({value}, {self._source.bind('record', record)})"
        other = self._source.bind("other", Unsupported)
        body.line(f"if not ({question}): raise {other}({type_.name!r})")


def _nothing(_parent: Any, _run: Any) -> None:
    """In the place of a function that is not compiled yet."""
