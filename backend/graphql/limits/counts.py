"""What is counted in a document as it is written: aliases and directives.

Fragments are counted once, not once per spread. How often an aliased field runs is a matter of
cost; what these limits bound is how much one object of the answer can be made to repeat.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql.language import (
    DocumentNode,
    FieldNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from backend.graphql.limits.errors import QueryLimitExceeded
from backend.graphql.limits.settings import QueryLimits


def check_counts(document: DocumentNode, limits: QueryLimits) -> None:
    """Raises QueryLimitExceeded; time linear in the document, up to the first limit passed."""
    aliases = directives = 0
    for node in _places(document):
        here = len(getattr(node, "directives", None) or ())
        if here > limits.max_directives_per_location:
            raise QueryLimitExceeded(
                "directivesPerLocation", here, limits.max_directives_per_location, node
            )
        directives += here
        if directives > limits.max_directives:
            raise QueryLimitExceeded("directives", directives, limits.max_directives, node)
        if isinstance(node, FieldNode) and node.alias:
            aliases += 1
            if aliases > limits.max_aliases:
                raise QueryLimitExceeded("aliases", aliases, limits.max_aliases, node)


def _places(document: DocumentNode) -> Iterator[Node]:
    for definition in document.definitions:
        yield definition
        if isinstance(definition, OperationDefinitionNode):
            yield from definition.variable_definitions or ()
        pending: list[SelectionSetNode] = []
        if selection_set := getattr(definition, "selection_set", None):
            pending.append(selection_set)
        while pending:
            for selection in pending.pop().selections:
                yield selection
                if (
                    isinstance(selection, FieldNode | InlineFragmentNode)
                    and selection.selection_set
                ):
                    pending.append(selection.selection_set)
