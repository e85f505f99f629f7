"""Whether a caller may have an operation that was admitted, and what it takes from him."""

from __future__ import annotations

from graphql.language import OperationType

from backend.graphql.limits import Admission
from backend.security.caller import Caller

UNNAMED = "(unnamed)"


async def permit(admission: Admission, caller: Caller) -> None:
    """Takes the operation's cost; raises Forbidden or RateLimited.

    What an admin does in another's place is logged.
    """
    operation = admission.operation
    caller.operation = operation.name.value[:100] if operation.name else UNNAMED
    caller.cost = admission.cost
    caller.require("write" if operation.operation is OperationType.MUTATION else "read")
    await caller.charge(admission.cost)
    if caller.admin is not None:
        caller.tell_act(f"{operation.operation.value} {caller.operation}")
