"""graphql-http's audits of conformance with GraphQL over HTTP, in both profiles."""

from __future__ import annotations

from tests.clients.conftest import RunNode, Serve

AUDITS = 61

MALFORMED = {
    "423L", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "6C00", "6C01", "6C02", "6C03", "4760", "4761", "4762",
    "4763", "58B0", "58B1", "58B2", "58B3", "3E3A",
}  # fmt: skip
"""They allow 400 for JSON that is no GraphQL request; the edition of September 2026 has 422."""

INVALID = {"86EE"}
"""It wants 400 for variables that do not fit; the edition has 422."""

ALWAYS_OK = {"572B", "FDE2", "7B9B"}
"""They want 200 for a failure in plain JSON; the edition gives such a failure its own status."""

ANY_TYPE = {"47DE", "80D8"}
"""They want plain JSON for one who takes any; the edition prefers GraphQL's own media type."""


def failures(outcomes: list[dict[str, str]]) -> dict[str, str]:
    assert len({each["id"] for each in outcomes}) == AUDITS
    return {each["id"]: each["reason"] for each in outcomes if each["status"] != "ok"}


def test_the_default_profile_passes_every_audit(serve: Serve, run_node: RunNode) -> None:
    assert failures(run_node("audits.mjs", serve())) == {}


def test_the_edition_of_2026_fails_those_it_contradicts(serve: Serve, run_node: RunNode) -> None:
    outcomes = run_node("audits.mjs", serve(http_profile="2026-09"))
    assert set(failures(outcomes)) == MALFORMED | INVALID | ALWAYS_OK | ANY_TYPE
