"""Whether a page of another site may have sent a request without its user's knowledge."""

from __future__ import annotations

from collections.abc import Mapping

from backend.graphql.http.refusals import unproven_origin

OWN_PAGES = (b"same-origin", b"none")
"""Values of Sec-Fetch-Site for our own pages, and for what a user typed or bookmarked."""

# A page cannot add any of these to a request for another site unless that site agreed beforehand.
PROOFS = (b"apollo-require-preflight", b"x-apollo-operation-name", b"x-requested-with")


class OriginCheck:
    """For requests by GET, which are sent across sites without asking.

    A query changes nothing and its answer stays hidden from the page, and still a page should not
    be able to make a server behind its visitor's firewall work, nor time the answers. Browsers say
    where a request comes from, but to safe addresses only (HTTPS, or the machine itself); so where
    ``strict``, a request that does not say is not taken either.
    """

    def __init__(self, allowed: tuple[str, ...], *, strict: bool) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)
        self._strict = strict

    def __call__(self, headers: Mapping[bytes, bytes]) -> None:
        """Raises Refused."""
        site = headers.get(b"sec-fetch-site")
        if site in OWN_PAGES or (site is None and not self._strict):
            return
        if headers.get(b"origin") in self._allowed or _is_proven(headers):
            return
        raise unproven_origin()


def _is_proven(headers: Mapping[bytes, bytes]) -> bool:
    return (
        any(name in headers for name in PROOFS)
        or headers.get(b"authorization", b"")[:7].lower() == b"bearer "
        or headers.get(b"content-type", b"").partition(b";")[0].strip() == b"application/json"
    )
