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
