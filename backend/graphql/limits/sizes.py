"""How long a list can become, read from the slicing arguments a document gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql.language import (
    ArgumentNode,
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)
from graphql.validation.validate import ValidationAbortedError

from backend.graphql.limits.errors import VALIDATION_FAILED

LARGEST = 1_000_000
"""No list is that long; larger numbers only serve to overflow."""


@dataclass(frozen=True, slots=True)
class SlicingArgument:
    """An argument, or a path into one, whose value bounds a list; ``default`` is the schema's."""

    path: tuple[str, ...]
    default: int | None = None


@dataclass(frozen=True, slots=True)
class ListRule:
    """What the schema says of a list's length."""

    assumed: int
    slicing: tuple[SlicingArgument, ...] = ()
    sized_fields: tuple[str, ...] = ()
    require_one: bool = False


@dataclass(frozen=True, slots=True)
class VariableSlice:
    """A slicing argument given by a variable, or by what lies at ``path`` inside the variable."""

    variable: str
    path: tuple[str, ...]
    default: int | None


@dataclass(frozen=True, slots=True)
class VariableSize:
    """A length that the variables of the request decide."""

    slices: tuple[VariableSlice, ...]
    known: int | None
    assumed: int

    def value(self, variables: Mapping[str, Any]) -> int:
        """The largest length any of the slicing arguments gives, or the assumed one."""
        given = [self.known, *(_from_variables(item, variables) for item in self.slices)]
        found = [number for number in given if number is not None]
        return max(found, default=self.assumed)


def size_of(rule: ListRule, field: FieldNode) -> int | VariableSize:
    """The length of the list at ``field``; a missing required slice is a ValidationAbortedError."""
    known: list[int] = []
    slices: list[VariableSlice] = []
    given = 0
    for argument in rule.slicing:
        value, rest = _argument(field, argument.path)
        if argument.default == 0:
            # It adds to a list that is there without it, and that the others make no shorter.
            if value is None:
                continue
            known.append(rule.assumed)
        given += value is not None
        if isinstance(value, VariableNode):
            default = argument.default if not rest else None
            slices.append(VariableSlice(value.name.value, rest, default))
        elif (number := _literal(value, argument)) is not None:
            known.append(number)
    if rule.require_one and given != 1 and not (given == 0 and known):
        names = " or ".join(".".join(argument.path) for argument in rule.slicing)
        message = f"Field '{field.name.value}' needs exactly one of the arguments {names}."
        raise ValidationAbortedError(message, field, extensions={"code": VALIDATION_FAILED})
    largest = max(known, default=None)
    if slices:
        return VariableSize(tuple(slices), largest, rule.assumed)
    return rule.assumed if largest is None else largest


def _argument(field: FieldNode, path: tuple[str, ...]) -> tuple[ValueNode | None, tuple[str, ...]]:
    """What is given at ``path``; a variable on the way ends the search, with what is left of it."""
    nodes: Sequence[ArgumentNode | ObjectFieldNode] = field.arguments or ()
    for position, name in enumerate(path):
        value = next((node.value for node in nodes if node.name.value == name), None)
        rest = path[position + 1 :]
        if isinstance(value, VariableNode):
            return value, rest
        if not rest or not isinstance(value, ObjectValueNode):
            return (None if rest or isinstance(value, NullValueNode) else value), ()
        nodes = value.fields
    return None, ()


def _literal(value: ValueNode | None, argument: SlicingArgument) -> int | None:
    if value is None:
        return argument.default
    if isinstance(value, IntValueNode):
        return count(int(value.value[:10]))
    if isinstance(value, ListValueNode):
        return count(len(value.values))
    return None


def _from_variables(item: VariableSlice, variables: Mapping[str, Any]) -> int | None:
    if item.variable not in variables:
        return item.default
    value = variables[item.variable]
    for name in item.path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return count(value)


def count(value: Any) -> int | None:
    """A slicing value as a length; None for what coercion will refuse or takes as not given."""
    if isinstance(value, list | tuple):
        return min(len(value), LARGEST)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN and infinity arrive from lenient JSON readers; both fail this comparison one way.
    return int(value) if 0 <= value <= LARGEST else (LARGEST if value > LARGEST else 0)
