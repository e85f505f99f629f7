"""What everything in a schema costs, read once from its ``@cost`` and ``@listSize`` directives.

An operation costs the objects its answer can hold, one point each unless ``@cost`` on the type
says otherwise (scalars and enums are free), plus the weight of every ``@cost`` on a field or
argument for each time it is resolved. Those are the specification's type cost, with its default
weights, and the declared part of its field cost; its default field weight of 1 would count each
object twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)
from strawberry import UNSET
from strawberry.schema.schema_converter import GraphQLCoreConverter

from backend.graphql.limits.directives import Cost, ListSize
from backend.graphql.limits.settings import QueryLimits
from backend.graphql.limits.sizes import ListRule, SlicingArgument, count

Directive = TypeVar("Directive", Cost, ListSize)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of one object type costs and returns.

    ``members`` are the object types it can return, none for a scalar or enum, whose weight is
    ``leaf_weight``. ``sizes`` is set for lists and for connections, whose sized fields it names.
    """

    weight: float
    argument_weights: dict[str, float]
    members: tuple[str, ...]
    leaf_weight: float
    is_list: bool
    sizes: ListRule | None


class CostModel:
    """The prices of one schema. Raises ValueError where its directives contradict the schema."""

    def __init__(self, schema: GraphQLSchema, limits: QueryLimits) -> None:
        self._schema = schema
        self._limits = limits
        self._roots = {kind: _name(schema.get_root_type(kind)) for kind in OperationType}
        self._members = {
            name: tuple(_members(schema, kind)) for name, kind in schema.type_map.items()
        }
        self._weights = {name: self._weight(kind) for name, kind in schema.type_map.items()}
        self._introspection_sizes = _introspection_sizes(schema)
        self._fields = {
            kind.name: {
                name: self._rule(kind, name, field) for name, field in _fields(schema, kind)
            }
            for kind in schema.type_map.values()
            if isinstance(kind, GraphQLObjectType)
        }
        _refuse_what_is_not_counted(schema)

    def root(self, operation: OperationType) -> str | None:
        """The root type of an operation; None if the schema has none."""
        return self._roots[operation]

    def members(self, type_name: str) -> tuple[str, ...]:
        """The object types a value of this type can be; none for leaves and unknown types."""
        return self._members.get(type_name, ())

    def weight(self, type_name: str) -> float:
        """Points for one object of a type."""
        return self._weights[type_name]

    def field(self, type_name: str, field_name: str) -> FieldRule | None:
        """The rule of a field of an object type; None if there is no such field."""
        return self._fields[type_name].get(field_name)

    def _weight(self, kind: GraphQLNamedType) -> float:
        declared = _declared(kind, Cost)
        if declared:
            return max(0.0, _number(declared, kind.name))
        if is_leaf_type(kind):
            return 0.0
        return self._limits.introspection_weight if is_introspection_type(kind) else 1.0

    def _rule(self, kind: GraphQLObjectType, name: str, field: GraphQLField) -> FieldRule:
        where = f"{kind.name}.{name}"
        declared = _declared(field, Cost)
        returned = get_named_type(field.type)
        is_list = is_list_type(get_nullable_type(field.type))
        return FieldRule(
            weight=_number(declared, where) if declared else 0.0,
            argument_weights=_argument_weights(field, where),
            members=self._members[returned.name],
            leaf_weight=self._weights[returned.name] if is_leaf_type(returned) else 0.0,
            is_list=is_list,
            sizes=self._sizes(where, field, is_list),
        )

    def _sizes(self, where: str, field: GraphQLField, is_list: bool) -> ListRule | None:
        declared = _declared(field, ListSize)
        if declared is None:
            assumed = self._introspection_sizes.get(where, self._limits.assumed_list_size)
            return ListRule(assumed) if is_list else None
        sized = tuple(_given(declared.sized_fields) or ())
        _check_sized_fields(where, field, is_list, sized)
        assumed = _given(declared.assumed_size)
        return ListRule(
            assumed=self._limits.assumed_list_size if assumed is None else assumed,
            slicing=tuple(
                _slicing(where, field, path) for path in _given(declared.slicing_arguments) or ()
            ),
            sized_fields=sized,
            require_one=bool(declared.slicing_arguments and declared.require_one_slicing_argument),
        )


@lru_cache(maxsize=8)
def cost_model(schema: GraphQLSchema, limits: QueryLimits) -> CostModel:
    """The model of a schema, made once."""
    return CostModel(schema, limits)


def _name(kind: GraphQLObjectType | None) -> str | None:
    return kind.name if kind else None


def _members(schema: GraphQLSchema, kind: GraphQLNamedType) -> Iterator[str]:
    if isinstance(kind, GraphQLObjectType):
        yield kind.name
    elif is_abstract_type(kind):
        yield from (member.name for member in schema.get_possible_types(kind))


def _fields(schema: GraphQLSchema, kind: GraphQLObjectType) -> Iterator[tuple[str, GraphQLField]]:
    yield from kind.fields.items()
    yield "__typename", TypeNameMetaFieldDef
    if kind is schema.query_type:
        yield "__schema", SchemaMetaFieldDef
        yield "__type", TypeMetaFieldDef


def _declared(holder: Any, kind: type[Directive]) -> Directive | None:
    definition = holder.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    directives = getattr(definition, "directives", None) or ()
    return next((item for item in directives if isinstance(item, kind)), None)


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def _number(declared: Cost, where: str) -> float:
    try:
        return float(declared.weight)
    except ValueError:
        raise ValueError(f"@cost on {where}: {declared.weight!r} is no number") from None


def _argument_weights(field: GraphQLField, where: str) -> dict[str, float]:
    declared = {name: _declared(argument, Cost) for name, argument in field.args.items()}
    return {name: _number(found, f"{where}({name})") for name, found in declared.items() if found}


def _slicing(where: str, field: GraphQLField, path: str) -> SlicingArgument:
    first, *rest = path.split(".")
    argument = field.args.get(first)
    kind: Any = argument and get_named_type(argument.type)
    for name in rest:
        inner = kind.fields.get(name) if isinstance(kind, GraphQLInputObjectType) else None
        kind = inner and get_named_type(inner.type)
    if argument is None or kind is None:
        raise ValueError(f"@listSize on {where}: there is no argument {path}")
    default = None if rest or argument.default_value is Undefined else argument.default_value
    return SlicingArgument((first, *rest), count(default))


def _check_sized_fields(
    where: str, field: GraphQLField, is_list: bool, sized: tuple[str, ...]
) -> None:
    if is_list == bool(sized):
        expected = "a list or" if not sized else "no list, with"
        raise ValueError(f"@listSize on {where}: the field must return {expected} sizedFields")
    inner = getattr(get_named_type(field.type), "fields", {})
    for name in sized:
        if name not in inner or not is_list_type(get_nullable_type(inner[name].type)):
            raise ValueError(f"@listSize on {where}: {name} is no list field of what it returns")


def _refuse_what_is_not_counted(schema: GraphQLSchema) -> None:
    """Weights that would be published and never charged are a mistake in the schema."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                if _declared(field, Cost):
                    raise ValueError(f"@cost on {kind.name}.{name}: put it on the field it is for")


def _introspection_sizes(schema: GraphQLSchema) -> dict[str, int]:
    """The lengths of introspection's lists: true ones at the top, rounded-up means below."""
    kinds = list(schema.type_map.values())
    fields = [field for kind in kinds for field in _output_fields(kind)]
    arguments = sum(len(field.args) for field in fields)

    def mean(amount: int, among: int) -> int:
        return -(-amount // among) if among else 1

    def inner(attribute: str) -> int:
        return mean(sum(len(getattr(kind, attribute, ())) for kind in kinds), len(kinds))

    per_type = mean(len(fields), len(kinds))
    return {
        "__Schema.types": len(kinds),
        "__Schema.directives": len(schema.directives),
        "__Type.fields": per_type,
        "__Type.inputFields": mean(_input_field_count(kinds), len(kinds)),
        "__Type.interfaces": inner("interfaces"),
        "__Type.possibleTypes": inner("types"),
        "__Type.enumValues": inner("values"),
        "__Field.args": mean(arguments, len(fields)),
        "__Directive.args": mean(
            sum(len(d.args) for d in schema.directives), len(schema.directives)
        ),
    }


def _output_fields(kind: GraphQLNamedType) -> list[GraphQLField]:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return list(kind.fields.values())
    return []


def _input_field_count(kinds: list[GraphQLNamedType]) -> int:
    return sum(len(kind.fields) for kind in kinds if isinstance(kind, GraphQLInputObjectType))
