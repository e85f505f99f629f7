"""Prints a schema in its definition language, sorted, so that prints differ only where it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import strawberry
from graphql import parse, print_ast

# What of a definition is a set in all but name. Values of an input object are not listed: their
# order is the one they were written in.
SORTED = ("definitions", "fields", "arguments", "values", "types", "interfaces", "operation_types")
# A schema definition and the like have no name and come first.
UNNAMED = ""
# The library prints the directive of the specification without a word about it.
UNDESCRIBED = "directive @oneOf on INPUT_OBJECT"
ONE_OF = '"""Exactly one field of such an input is given, and not as null."""'


def sorted_sdl(schema: strawberry.Schema) -> str:
    """The whole schema, directives and descriptions included; ends in a line break."""
    text = schema.as_str().replace(f"\n{UNDESCRIBED}", f"\n{ONE_OF}\n{UNDESCRIBED}")
    return print_ast(_sorted(parse(text))).rstrip() + "\n"


def _sorted(node: Any) -> Any:
    changes = {
        name: tuple(sorted(map(_sorted, children), key=_name))
        for name in SORTED
        if (children := getattr(node, name, None))
    }
    return replace(node, **changes) if changes else node


def _name(node: Any) -> str:
    named = getattr(node, "name", None)
    return named.value if named is not None else UNNAMED
