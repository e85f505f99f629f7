"""What a resolver may reach: the services, the viewer, and the loaders of this operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from strawberry.types.info import Info as StrawberryInfo

from backend.graphql.dataloaders import Loaders
from backend.graphql.execution.loading import Turn
from backend.graphql.limits import Admission
from backend.graphql.outlets import Answers, Outlet, Put, View
from backend.repositories.store import Store
from backend.security.caller import Caller
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.utils.kept import kept


class Context:
    """One operation's surroundings. Neither a session nor a connection is in it."""

    def __init__(
        self,
        services: Services,
        viewer: Viewer,
        *,
        streaming: bool = False,
        caller: Caller | None = None,
    ) -> None:
        self.services = services
        self.viewer = viewer
        self.caller = caller or Caller(viewer)
        self._streaming = streaming
        # Where a transport's own way of resuming (Last-Event-ID) says to go on: a client that
        # connects again by itself sends it with the arguments it began with.
        self.resume_after: str | None = None
        # The operation under way and its cost; None where nothing was checked before.
        self.admission: Admission | None = None
        self.turn = Turn()
        # What a subscription calls once it is known where it begins.
        self.begun: Callable[[], None] | None = None
        # Where a subscription's answers can be put at once, and what makes them.
        self.put: Put | None = None
        self.answers: Answers | None = None

    @property
    def store(self) -> Store:
        """The door for reading."""
        return self.services.store

    @kept
    def loaders(self) -> Loaders:
        """The loaders; on a stream they keep nothing."""
        return Loaders(self.services.store, self.viewer, self.turn, cache=not self._streaming)

    def outlet(self, view: View) -> Outlet | None:
        """Where the changes of this subscription can be put, as events that ``view`` makes."""
        if self.put is None or self.answers is None:
            return None
        return Outlet(self.answers, view, self.put)

    def renew(self) -> None:
        """Forgets what the loaders have read."""
        self.__dict__.pop("loaders", None)


if TYPE_CHECKING:
    Info = StrawberryInfo["Context", None]
else:
    Info = StrawberryInfo
