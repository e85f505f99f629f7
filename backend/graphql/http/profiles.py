"""Which status answers what: as every client knows it, or as specified in September 2026."""

from __future__ import annotations

from dataclasses import dataclass

from backend.config import Settings
from backend.graphql.http.negotiation import GRAPHQL_JSON, JSON
from backend.graphql.operations import Stage


@dataclass(frozen=True, slots=True)
class Profile:
    """Status codes. Whatever is not here is the same in every profile.

    ``default_type`` is the media type for a client that takes any. ``malformed`` answers JSON that
    is no GraphQL request, ``invalid`` a document or variables that do not fit the schema,
    ``partial`` data that came with errors. ``json_is_ok``: where ``application/json`` was wanted,
    every request that is well formed is answered 200, for such a client trusts no other answer to
    be GraphQL.
    """

    default_type: str
    malformed: int
    invalid: int
    partial: int
    json_is_ok: bool

    def rejected(self, stage: Stage, media_type: str) -> int:
        """The status of a request that was not executed."""
        if stage is Stage.FAULT:
            return 500
        if self.json_is_ok and media_type == JSON and stage is not Stage.SELECTION:
            return 200
        return 400 if stage in (Stage.LOOKUP, Stage.SYNTAX) else self.invalid

    def executed(self, has_errors: bool, media_type: str) -> int:
        """The status of a request that was executed."""
        return self.partial if has_errors and media_type == GRAPHQL_JSON else 200

    def type_of(self, status: int, media_type: str) -> str:
        """The media type to send: under plain JSON only a 2xx is known to come from GraphQL."""
        return media_type if self.json_is_ok or status < 300 else GRAPHQL_JSON


DEFAULT = Profile(JSON, malformed=400, invalid=400, partial=200, json_is_ok=True)
SEPTEMBER_2026 = Profile(GRAPHQL_JSON, malformed=422, invalid=422, partial=294, json_is_ok=False)


def profile_of(settings: Settings) -> Profile:
    """The profile that is set."""
    return DEFAULT if settings.http_profile == "default" else SEPTEMBER_2026
