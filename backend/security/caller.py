"""The one who sends a request, for as long as it lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.errors import ConversaError, Forbidden
from backend.security.errors import Unauthenticated
from backend.security.meter import Meter, refusal
from backend.security.rate import LeakyBuckets, Verdict
from backend.security.viewer import Viewer

acts = logging.getLogger("conversa.acts")

STATE = "caller"


class Holds(Protocol):
    """What keeps account of connections that last."""

    def arrived(self, address: str) -> AbstractContextManager[None]:
        """Counts one of an address while the block lasts."""
        ...

    def held(self, viewer: Viewer, end: Callable[[], None]) -> AbstractContextManager[None]:
        """Counts one of an owner, and calls ``end`` when its proof is withdrawn meanwhile."""
        ...


@dataclass(slots=True)
class Caller:
    """Who asks, from where, and what it took. ``admin`` is who acts in the viewer's place.

    ``operation`` and ``cost`` are of the last thing that was asked, ``verdicts`` what is left.
    """

    viewer: Viewer
    address: str = "-"
    admin: str | None = None
    meter: Meter = field(default_factory=lambda: Meter(LeakyBuckets()), repr=False)
    holds: Holds | None = field(default=None, repr=False)
    operation: str | None = None
    cost: int | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict, repr=False)

    def require(self, scope: str) -> None:
        """Raises Forbidden unless the scope is granted."""
        if not self.viewer.may(scope):
            raise Forbidden(f"This takes the scope {scope}.")

    async def charge(self, cost: int) -> None:
        """Takes points for what is about to be done; raises RateLimited."""
        self.cost = cost
        if not self.meter.counts:
            return
        self.verdicts = await self.meter.charge(self.viewer.owner_id, self.address, cost)
        refused = refusal(self.verdicts.values())
        if refused is not None:
            raise refused

    def tell_act(self, what: str) -> None:
        """Logs that an admin does this in another's place."""
        if self.admin is not None:
            fields = {"admin": self.admin, "owner": self.viewer.owner_id, "act": what}
            acts.info("act", extra={"fields": fields})

    @contextmanager
    def connected(self, end: Callable[[], None], *, arrived: bool = False) -> Iterator[None]:
        """Counts a connection that lasts; ``end`` is called if its proof is withdrawn meanwhile.

        One that ``arrived`` is counted for its address already. Raises LimitExceeded where there
        are too many.
        """
        with ExitStack() as stack:
            if self.holds is not None:
                if not arrived:
                    stack.enter_context(self.holds.arrived(self.address))
                stack.enter_context(self.holds.held(self.viewer, end))
            yield


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who sends a request; raises what kept him from being known.

    It is in the ``state`` of the request's scope, or the viewer alone is.
    """
    state = scope.get("state", {})
    found: Caller | ConversaError | None = state.get(STATE)
    if isinstance(found, ConversaError):
        raise found
    if found is not None:
        return found
    if "viewer" not in state:
        raise Unauthenticated("Nobody has said who is asking.")
    return Caller(state["viewer"])
