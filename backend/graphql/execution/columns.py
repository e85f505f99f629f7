"""Which columns of rows an operation reads, so that no others are fetched.

Leaves read the attribute of their name. A resolver says what it reads of its parent; one that does
not say reads all of it. What is not fetched fails when it is used, and graphql-core, which has
every column fetched, executes the operation instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Resolver = TypeVar("Resolver", bound=Callable[..., Any])
Reads = dict[Any, set[str] | None]
"""By the class of a record, its columns that are read; None where it may be any."""

READS = "__reads__"


def reads(*columns: str) -> Callable[[Resolver], Resolver]:
    """Says which columns of its parent a resolver reads."""

    def marked(resolver: Resolver) -> Resolver:
        setattr(resolver, READS, frozenset(columns))
        return resolver

    return marked


def columns_read(info: Any, record: type) -> frozenset[str] | None:
    """The columns of the records a resolver returns that will be read; None for all."""
    found: Mapping[type, frozenset[str] | None] = getattr(info, "reads", {})
    return found.get(record)


def note(into: Reads, record: Any, columns: frozenset[str] | None) -> None:
    """Adds what is read of a record."""
    known = into.setdefault(record, set())
    if columns is None or known is None:
        into[record] = None
    else:
        known.update(columns)


def frozen(reads: Reads) -> Mapping[Any, frozenset[str] | None]:
    """The same, to be kept."""
    return {record: None if names is None else frozenset(names) for record, names in reads.items()}
