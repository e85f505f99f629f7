"""One pass over a document: its depth, its root fields and the formula of its cost.

Fields are merged by response name across fragments, as execution merges them, so that an object
selected by five fragments is counted once. A merged set of selections is analysed once for each
object type it can meet, and remembered: spreading a fragment again costs nothing. Merging could
still be made to grow without bound by a document written for it, and so could the comparisons that
the specification's own rules make afterwards; both are counted as they happen, against one limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeAlias, cast

from graphql import value_from_ast_untyped
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from backend.graphql.limits.amounts import NOTHING, ONE, Amount, Formula, Length, total
from backend.graphql.limits.counts import check_counts
from backend.graphql.limits.errors import QueryLimitExceeded
from backend.graphql.limits.model import CostModel, FieldRule
from backend.graphql.limits.settings import QueryLimits
from backend.graphql.limits.sizes import size_of

LARGEST_COST = 2**53 - 1
"""Beyond it JSON readers no longer tell neighbouring integers apart."""

DEFINITION_STEPS = 20
"""For each operation and each unused fragment: several of the specification's rules walk anew."""

SelectionSets: TypeAlias = tuple[SelectionSetNode, ...]
Fragment: TypeAlias = FragmentDefinitionNode | InlineFragmentNode


class Measured(NamedTuple):
    """A merged selection on one object: its points, those per item of a list it sizes, levels."""

    own: Amount
    per_item: Amount
    height: int


UNMEASURED = Measured(NOTHING, NOTHING, 0)


@dataclass(frozen=True, slots=True)
class OperationMeasure:
    """What is known of an operation before its variables are."""

    node: OperationDefinitionNode
    depth: int
    root_fields: int
    amount: Amount
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Analysis:
    """Every operation of a document by its name, None for one without."""

    operations: Mapping[str | None, OperationMeasure]
    formula: Formula

    def cost(self, operation_name: str | None, variables: Mapping[str, Any] | None = None) -> int:
        """Points, rounded up, of an operation with these raw variables; microseconds."""
        measure = self.operations[operation_name]
        values = {**measure.defaults, **(variables or {})}
        return _rounded_up(self.formula.evaluate(measure.amount, values))

    def fixed_cost(self, operation_name: str | None) -> int | None:
        """Points where no variable has a say; None where one has."""
        amount = self.operations[operation_name].amount
        return None if amount.terms else _rounded_up(amount.constant)


def analyse(document: DocumentNode, model: CostModel, limits: QueryLimits) -> Analysis:
    """Measure a document that was parsed, and need not be valid.

    Raises QueryLimitExceeded, for any limit but that on cost, and ValidationAbortedError where
    ``@listSize`` requires a slicing argument that is not there. What is unknown to the schema is
    passed over: the validation that follows says so better.
    """
    check_counts(document, limits)
    walk = _Walk(document, model, limits)
    operations = {
        (node.name.value if node.name else None): walk.operation(node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    walk.rest()
    return Analysis(operations, walk.formula)


def _rounded_up(points: float) -> int:
    return -int(-min(points, LARGEST_COST) // 1)


class _Walk:
    def __init__(self, document: DocumentNode, model: CostModel, limits: QueryLimits) -> None:
        self.formula = Formula()
        self._model = model
        self._limits = limits
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._spread: set[str] = set()
        self._measured: dict[tuple[object, ...], Measured] = {}
        self._compared: set[tuple[int, ...]] = set()
        self._work = 0

    def operation(self, node: OperationDefinitionNode) -> OperationMeasure:
        defaults = {
            item.variable.name.value: value_from_ast_untyped(item.default_value)
            for item in node.variable_definitions or ()
            if item.default_value
        }
        self._charge(DEFINITION_STEPS)
        root = self._model.root(node.operation)
        if root is None:
            return OperationMeasure(node, 0, 0, NOTHING, defaults)
        sets = (node.selection_set,)
        fields = sum(map(len, self._collect(sets, root).values()))
        if fields > self._limits.max_root_fields:
            raise QueryLimitExceeded("rootFields", fields, self._limits.max_root_fields, node)
        measured = self._measure(sets, root, (), 0)
        amount = total((Amount(self._model.weight(root)), measured.own))
        return OperationMeasure(node, measured.height, fields, amount, defaults)

    def rest(self) -> None:
        """Fragments no operation reaches: invalid, and still validated at a cost to be bounded."""
        for name, fragment in self._fragments.items():
            if name not in self._spread:
                self._charge(DEFINITION_STEPS)
                for member in self._model.members(fragment.type_condition.name.value):
                    self._measure((fragment.selection_set,), member, (), 0)

    def _measure(
        self, sets: SelectionSets, type_name: str, sized: tuple[str, ...], depth: int
    ) -> Measured:
        key = (type_name, sized, *map(id, sets))
        known = self._measured.get(key)
        if known is None:
            # A fragment that reaches itself finds this; the rule on cycles refuses it afterwards.
            self._measured[key] = UNMEASURED
            known = self._measured[key] = self._measure_fields(sets, type_name, sized, depth)
        elif depth + known.height > self._limits.max_depth:
            self._refuse_depth(depth + known.height, sets[0])
        return known

    def _measure_fields(
        self, sets: SelectionSets, type_name: str, sized: tuple[str, ...], depth: int
    ) -> Measured:
        own: list[Amount] = [NOTHING]
        per_item: list[Amount] = [NOTHING]
        height = 0
        for nodes in self._collect(sets, type_name).values():
            first = nodes[0]
            if depth >= self._limits.max_depth:
                self._refuse_depth(depth + 1, first)
            rule = self._model.field(type_name, first.name.value)
            if rule is None:
                continue
            length = self._length(rule, first)
            item, levels = self._item(nodes, rule, length, depth + 1)
            own.append(_calls(rule, first))
            if first.name.value in sized:
                per_item.append(item)
            else:
                own.append(self.formula.times(item, length) if rule.is_list else item)
            height = max(height, levels + 1)
        shared = self.formula.shared
        return Measured(shared(total(own)), shared(total(per_item)), height)

    def _length(self, rule: FieldRule, field: FieldNode) -> Length:
        return self.formula.length(size_of(rule.sizes, field)) if rule.sizes else ONE

    def _item(
        self, nodes: list[FieldNode], rule: FieldRule, length: Length, depth: int
    ) -> tuple[Amount, int]:
        """Points and levels of one thing the field returns, the dearest where it can be several."""
        sets = tuple(node.selection_set for node in nodes if node.selection_set)
        if not rule.members or not sets:
            return Amount(rule.leaf_weight), 0
        sized = rule.sizes.sized_fields if rule.sizes else ()
        choices: list[Amount] = []
        height = 0
        for member in rule.members:
            own, per_item, levels = self._measure(sets, member, sized, depth)
            parts = (Amount(self._model.weight(member)), own, self.formula.times(per_item, length))
            choices.append(total(parts))
            height = max(height, levels)
        return self.formula.largest(choices), height

    def _collect(self, sets: SelectionSets, type_name: str) -> dict[str, list[FieldNode]]:
        """The fields that apply to an object type, by response name, through all fragments."""
        self._charge_comparisons(sets)
        fields: dict[str, list[FieldNode]] = {}
        met: set[str] = set()
        pending = list(sets)
        while pending:
            selections = pending.pop().selections
            self._charge(len(selections))
            for selection in selections:
                if isinstance(selection, FieldNode):
                    fields.setdefault(_response_name(selection), []).append(selection)
                elif (fragment := self._fragment(selection, met)) and self._applies(
                    fragment, type_name
                ):
                    pending.append(fragment.selection_set)
        self._spread |= met
        return fields

    def _charge_comparisons(self, sets: SelectionSets) -> None:
        """What the rule on overlapping fields will do here, whatever the types: it takes every pair
        of fields with one response name, and every pair of fragments, and is not to be waited for.
        """
        key = tuple(map(id, sets))
        if key in self._compared:
            return
        self._compared.add(key)
        same: Counter[str] = Counter()
        met: set[str] = set()
        pending = list(sets)
        while pending:
            for selection in pending.pop().selections:
                if isinstance(selection, FieldNode):
                    name = _response_name(selection)
                    self._charge(same[name])
                    same[name] += 1
                elif fragment := self._fragment(selection, met):
                    if isinstance(selection, FragmentSpreadNode):
                        self._charge(len(met))
                    pending.append(fragment.selection_set)

    def _fragment(self, selection: SelectionNode, met: set[str]) -> Fragment | None:
        """What a selection that is no field stands for; None if met before, or unknown."""
        if isinstance(selection, InlineFragmentNode):
            return selection
        name = cast(FragmentSpreadNode, selection).name.value
        if name in met:
            return None
        met.add(name)
        return self._fragments.get(name)

    def _applies(self, fragment: Fragment, type_name: str) -> bool:
        condition = fragment.type_condition
        return not condition or type_name in self._model.members(condition.name.value)

    def _charge(self, steps: int) -> None:
        self._work += steps
        if self._work > self._limits.max_complexity:
            raise QueryLimitExceeded("complexity", self._work, self._limits.max_complexity)

    def _refuse_depth(self, depth: int, node: Node) -> NoReturn:
        raise QueryLimitExceeded("depth", depth, self._limits.max_depth, node)


def _response_name(field: FieldNode) -> str:
    return (field.alias or field.name).value


def _calls(rule: FieldRule, field: FieldNode) -> Amount:
    """Points of resolving the field once. A negative weight makes it cheaper, never a gain."""
    if not rule.argument_weights:
        return Amount(max(0.0, rule.weight))
    given = {argument.name.value for argument in field.arguments or ()}
    extra = sum(weight for name, weight in rule.argument_weights.items() if name in given)
    return Amount(max(0.0, rule.weight + extra))
