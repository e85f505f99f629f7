"""Which type of a union or interface a value is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType
from strawberry.types import get_object_definition

from backend.graphql.execution.errors import Unsupported


class TypeFinder:
    """Finds the type among the possible ones.

    An instance of a Strawberry type is of that type; what that answers is kept by class. Rows and
    views are asked for by ``is_type_of``, in the order of the types.
    """

    def __init__(self, possible: Sequence[GraphQLObjectType]) -> None:
        self._possible = possible
        self._by_class: dict[type, str] = {}

    def __call__(self, value: Any, info: Any) -> str:
        """The type's name; raises Unsupported where there is none."""
        return self._by_class.get(type(value)) or self._find(value, info)

    def _find(self, value: Any, info: Any) -> str:
        definition = get_object_definition(type(value))
        for type_ in self._possible:
            if definition is not None:
                if type_.extensions.get("strawberry-definition") is definition:
                    return self._by_class.setdefault(type(value), type_.name)
            elif type_.is_type_of is not None and type_.is_type_of(value, info):
                return type_.name
        raise Unsupported(f"a type for {type(value).__name__}")
