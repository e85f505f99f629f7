"""What a resolver may know of a field below it, so that what both want is read at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

Resolver = TypeVar("Resolver", bound=Callable[..., Any])

FORESEES = "__foresees__"


class Below(NamedTuple):
    """A field below, as it is compiled: its arguments, or their number among those of a run that
    take variables, and what is read of the records it returns."""

    arguments: Mapping[str, Any] | int
    reads: Mapping[Any, frozenset[str] | None]


class Foresight(Protocol):
    """What is known of a field below while an operation is executed."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What its resolver will be called with; raises where a value does not fit."""
        ...

    @property
    def reads(self) -> Mapping[Any, frozenset[str] | None]:
        """The columns that are read of its records, by their class; None for all."""
        ...

    def answer(self, parent: Any, value: Any) -> None:
        """Says what the field's resolver would return for this parent, and spares it the call."""
        ...


def foresees(below: Callable[..., Any]) -> Callable[[Resolver], Resolver]:
    """Says that a resolver makes use of knowing of a field that has this other resolver."""

    def marked(resolver: Resolver) -> Resolver:
        setattr(resolver, FORESEES, below)
        return resolver

    return marked


def foreseen(info: Any) -> Foresight | None:
    """The field below, where it is selected and known: never where graphql-core executes."""
    found: Foresight | None = getattr(info, "foresight", None)
    return found
