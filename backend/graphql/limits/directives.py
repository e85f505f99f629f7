"""The cost directives published in the schema, and short ways to attach them.

Names, arguments and locations are those of the GraphQL Cost Directives specification
(https://ibm.github.io/graphql-specs/cost-spec.html), so tools that read it can price an operation
from the printed schema alone.
"""

from collections.abc import Sequence

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    description="What one object of this type, one call of this field or one use of this argument "
    "adds to the cost of an operation.",
    locations=[
        Location.ARGUMENT_DEFINITION,
        Location.ENUM,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
    ],
)
class Cost:
    """``@cost``: the weight is a decimal number in text, and may be negative on an argument."""

    weight: str = strawberry.directive_field(name="weight")


@strawberry.schema_directive(
    name="listSize",
    description="How long the list of this field can be at most, or which arguments say so.",
    locations=[Location.FIELD_DEFINITION],
)
class ListSize:
    """``@listSize``: a field's length, or with ``sized_fields`` that of lists one level below it.

    Beyond the specification, a slicing argument may be a dotted path into an input object, and may
    be a list, whose length then counts.
    """

    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = True


def cost(weight: float) -> Cost:
    """``@cost(weight: "3")``."""
    return Cost(weight=f"{weight:g}")


def connection_size(default: int) -> ListSize:
    """For a connection as long as ``first`` or ``last`` says; with neither, ``default``."""
    return ListSize(
        assumed_size=default,
        slicing_arguments=["first", "last"],
        sized_fields=["edges", "nodes"],
        require_one_slicing_argument=False,
    )


def list_size(assumed: int) -> ListSize:
    """For a list that holds at most, or in practice, ``assumed`` items."""
    return ListSize(assumed_size=assumed, require_one_slicing_argument=False)


def sized_by(*arguments: str, default: int, fields: Sequence[str] = ()) -> ListSize:
    """For a list as long as one of these arguments is large, or long; none given: ``default``.

    With ``fields`` it is for an object, such as a payload, of which these are the lists.
    """
    return ListSize(
        assumed_size=default,
        slicing_arguments=list(arguments),
        sized_fields=list(fields) or strawberry.UNSET,
        require_one_slicing_argument=False,
    )
