"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SCOPES = ("read", "write", "admin")
# Who administers may write, and who writes may read.
_GRANTING = {scope: frozenset(SCOPES[place:]) for place, scope in enumerate(SCOPES)}


@dataclass(frozen=True, slots=True)
class Viewer:
    """The one on whose behalf something is done: every statement is scoped to ``owner_id``.

    ``expires_at`` is when the proof of who he is ends; None where it does not. ``key_id`` is the
    API key that is the proof, if one is.
    """

    owner_id: str
    name: str
    scopes: tuple[str, ...] = SCOPES
    expires_at: datetime | None = None
    key_id: str | None = None

    def may(self, scope: str) -> bool:
        """Whether a scope is granted, by itself or by a greater one."""
        return not _GRANTING[scope].isdisjoint(self.scopes)


LOCAL_VIEWER = Viewer(owner_id="local", name="local")
"""The only one there is where nobody has to say who he is."""
