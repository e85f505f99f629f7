"""Declaring fields: a type is a list of names with descriptions, resolvers stand beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry


def leaf(description: str, **options: Any) -> Any:
    """A field read from the attribute of the same name of the row behind the object."""
    return strawberry.field(description=description, **options)


def resolved(resolver: Callable[..., Any], description: str, **options: Any) -> Any:
    """A field with a resolver. The annotation beside it is the type clients see; the resolver
    returns the row or view that stands for it."""
    return strawberry.field(resolver=resolver, description=description, **options)


def stands_for(record: type) -> Callable[[Any, Any], bool]:
    """An ``is_type_of`` for a type whose objects are rows of this class, just as they are."""

    def is_type_of(value: Any, _info: Any) -> bool:
        return isinstance(value, record)

    is_type_of.record = record  # type: ignore[attr-defined]
    return is_type_of
