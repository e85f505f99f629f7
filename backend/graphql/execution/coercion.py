"""Values of variables made into what their types mean, by functions made once for each type.

graphql-core asks for every field of every value what kind of type it has: a tenth of what adding a
message takes. What is out of the ordinary is Undefined here, a mistake as well as what only has to
be looked at closer: graphql-core coerces it again, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLString,
    Undefined,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

from backend.graphql.execution.errors import Unsupported

Coerce = Callable[[Any], Any]
"""What a value means; Undefined where graphql-core has to say it."""


def coercer(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...] = ()) -> Coerce:
    """How values of a type are coerced; raises Unsupported of a type that stands within itself."""
    if is_non_null_type(type_):
        return _present(type_.of_type, above)
    present = _present(type_, above)
    return lambda value: None if value is None else present(value)


def _present(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...]) -> Coerce:
    """The same of a type that has no null, which is Undefined then."""
    if is_list_type(type_):
        return _list(coercer(type_.of_type, above))
    if is_input_object_type(type_):
        return _object(type_, above)
    return _PLAIN.get(type_) or _leaf(type_)


def _leaf(type_: Any) -> Coerce:
    def coerce_leaf(value: Any) -> Any:
        try:
            return Undefined if value is None else type_.coerce_input_value(value)
        except Exception:
            return Undefined

    return coerce_leaf


def _list(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> Any:
        if type(value) is not list:
            return Undefined
        coerced = [coerce(each) for each in value]
        # Undefined is equal to None.
        return Undefined if any(each is Undefined for each in coerced) else coerced

    return coerce_list


@lru_cache(maxsize=256)
def _object(type_: GraphQLInputObjectType, above: tuple[GraphQLInputType, ...]) -> Coerce:
    if type_.is_one_of or type_ in above:
        raise Unsupported("an input of one field, or one within itself")
    fields = {
        name: (_kept_as(name, field), coercer(field.type, (*above, type_)))
        for name, field in type_.fields.items()
    }
    required = {name for name, field in type_.fields.items() if is_required_input_field(field)}
    defaults, out = _defaults(type_), type_.out_type

    def coerce_object(value: Any) -> Any:
        if type(value) is not dict or not value.keys() >= required:
            return Undefined
        coerced = defaults.copy()
        for name, given in value.items():
            field = fields.get(name)
            if field is None:
                return Undefined
            kept_as, coerce = field
            found = coerced[kept_as] = coerce(given)
            if found is Undefined:
                return Undefined
        try:
            return out(coerced)
        except GraphQLError:
            return Undefined

    return coerce_object


def _kept_as(name: str, field: GraphQLInputField) -> str:
    return field.out_name or name


def _defaults(type_: GraphQLInputObjectType) -> dict[str, Any]:
    found = {
        _kept_as(name, field): coerce_default_value(field) for name, field in type_.fields.items()
    }
    return {name: value for name, value in found.items() if value is not Undefined}


def _text(value: Any) -> Any:
    return value if type(value) is str else Undefined


def _int(value: Any) -> Any:
    return value if type(value) is int and -2147483648 <= value <= 2147483647 else Undefined


def _bool(value: Any) -> Any:
    return value if type(value) is bool else Undefined


_PLAIN: dict[Any, Coerce] = {
    GraphQLString: _text,
    GraphQLID: _text,
    GraphQLInt: _int,
    GraphQLBoolean: _bool,
}
