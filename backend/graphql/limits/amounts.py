"""Costs as formulas: what is known while a document is analysed, and what its variables decide.

Validation sees no variables, so ``messages(first: $n)`` cannot be priced when the document is
first read. An ``Amount`` is a constant plus multiples of list lengths; a ``Formula`` holds the
lengths and the shared parts, and is evaluated once per request in one pass, without recursion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from backend.graphql.limits.sizes import VariableSize


class Term(NamedTuple):
    """``coefficient × length[size] × step[slot]``; index 0 of either is the number one."""

    coefficient: float
    size: int
    slot: int


class Amount(NamedTuple):
    """``constant + Σ terms``, in points."""

    constant: float
    terms: tuple[Term, ...] = ()


class Length(NamedTuple):
    """How long a list is: ``factor × length[size]``."""

    factor: float
    size: int = 0


NOTHING = Amount(0.0)
ONE = Length(1.0)


def total(amounts: Sequence[Amount]) -> Amount:
    """Their sum."""
    if len(amounts) == 1:
        return amounts[0]
    return Amount(
        sum(amount.constant for amount in amounts),
        tuple(term for amount in amounts for term in amount.terms),
    )


class Formula:
    """Built while a document is walked; read-only, and safe to share, afterwards."""

    def __init__(self) -> None:
        self._sizes: dict[VariableSize, int] = {}
        self._steps: list[tuple[Amount, ...]] = []

    @property
    def steps(self) -> int:
        """How many steps an evaluation takes."""
        return len(self._steps)

    def length(self, size: int | VariableSize) -> Length:
        """The length a number or the variables give."""
        if isinstance(size, int):
            return Length(float(size))
        return Length(1.0, self._sizes.setdefault(size, len(self._sizes) + 1))

    def times(self, amount: Amount, length: Length) -> Amount:
        """``amount × length``."""
        factor, size = length
        if size and any(term.size for term in amount.terms):
            amount = self._step((amount,))
        terms = [
            Term(term.coefficient * factor, size or term.size, term.slot) for term in amount.terms
        ]
        if not size:
            return Amount(amount.constant * factor, tuple(terms))
        if amount.constant:
            terms.append(Term(amount.constant * factor, size, 0))
        return Amount(0.0, tuple(terms))

    def largest(self, amounts: Iterable[Amount]) -> Amount:
        """The greatest of them, whatever the variables turn out to be."""
        fixed = NOTHING
        open_amounts: dict[Amount, None] = {}
        for amount in amounts:
            if amount.terms:
                open_amounts[amount] = None
            elif amount.constant > fixed.constant:
                fixed = amount
        if not open_amounts:
            return fixed
        choices = (*open_amounts, fixed) if fixed.constant else tuple(open_amounts)
        return choices[0] if len(choices) == 1 else self._step(choices)

    def shared(self, amount: Amount) -> Amount:
        """The same in at most one term: using it again costs the same however long it is."""
        return self._step((amount,)) if len(amount.terms) > 1 else amount

    def evaluate(self, amount: Amount, variables: Mapping[str, Any]) -> float:
        """Its value in points for these variables, in time linear in the size of the formula."""
        if not amount.terms:
            return amount.constant
        sizes = [1.0, *(float(size.value(variables)) for size in self._sizes)]
        slots = [1.0]
        for choices in self._steps:
            slots.append(max(_value(choice, sizes, slots) for choice in choices))
        return _value(amount, sizes, slots)

    def _step(self, choices: tuple[Amount, ...]) -> Amount:
        self._steps.append(choices)
        return Amount(0.0, (Term(1.0, 0, len(self._steps)),))


def _value(amount: Amount, sizes: list[float], slots: list[float]) -> float:
    value = amount.constant
    for coefficient, size, slot in amount.terms:
        value += coefficient * sizes[size] * slots[slot]
    return value
