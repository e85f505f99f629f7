"""How much may be asked for over time: a leaky bucket of cost points for each key.

A bucket holds ``capacity`` points and drains at ``per_second``; what does not fit is refused and
adds nothing. A key is whatever is to be limited: an owner, an address, a socket.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

IPV6_PREFIX = 64
"""One customer has a whole such network, and could use an address of it for every request."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a bucket after a request. Times are in seconds from now.

    ``retry_after`` is when the same request fits: 0 if it was allowed, None if it never will.
    ``reset_after`` is when the bucket is empty.
    """

    allowed: bool
    limit: int
    cost: int
    remaining: int
    retry_after: float | None
    reset_after: float


class RateLimiter(Protocol):
    """What every backend of the rate limit offers."""

    async def take(self, key: str, cost: int) -> Verdict:
        """Put ``cost`` points into the bucket of ``key``, if they fit."""
        ...

    async def peek(self, key: str) -> Verdict:
        """The bucket of ``key`` as it is, with a cost of 0."""
        ...


class LeakyBuckets:
    """Buckets in this process. At most ``max_keys`` are kept: the longest unused go first."""

    def __init__(
        self,
        capacity: int,
        per_second: float,
        *,
        max_keys: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity <= 0 or per_second <= 0 or max_keys <= 0:
            raise ValueError("capacity, per_second and max_keys must be above 0")
        self._capacity = capacity
        self._per_second = per_second
        self._max_keys = max_keys
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def count(self) -> int:
        """How many keys are kept."""
        return len(self._levels)

    async def take(self, key: str, cost: int) -> Verdict:
        if cost < 0:
            raise ValueError("cost must not be negative")
        now = self._clock()
        level = self._level(key, now)
        allowed = level + cost <= self._capacity
        if allowed:
            level += cost
            self._levels[key] = (level, now)
            self._levels.move_to_end(key)
            self._forget()
        return self._verdict(level, cost, allowed)

    async def peek(self, key: str) -> Verdict:
        return self._verdict(self._level(key, self._clock()), 0, True)

    def _level(self, key: str, now: float) -> float:
        level, since = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - since) * self._per_second)

    def _verdict(self, level: float, cost: int, allowed: bool) -> Verdict:
        return Verdict(
            allowed=allowed,
            limit=self._capacity,
            cost=cost,
            remaining=math.floor(self._capacity - level),
            retry_after=0.0 if allowed else self._fits_after(level, cost),
            reset_after=level / self._per_second,
        )

    def _fits_after(self, level: float, cost: int) -> float | None:
        if cost > self._capacity:
            return None
        return (level + cost - self._capacity) / self._per_second

    def _forget(self) -> None:
        while len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)


def rate_headers(verdict: Verdict, name: str = "cost") -> dict[str, str]:
    """The header fields that tell a client its state, for an answer or a refusal.

    ``RateLimit`` is that of the IETF's draft-ietf-httpapi-ratelimit-headers: points remaining and
    seconds until all are available again. ``Retry-After`` (RFC 9110) comes with a refusal.
    """
    reset = math.ceil(verdict.reset_after)
    headers = {
        "RateLimit-Policy": f'"{name}";q={verdict.limit}',
        "RateLimit": f'"{name}";r={verdict.remaining};t={reset}',
    }
    if verdict.retry_after:
        headers["Retry-After"] = str(math.ceil(verdict.retry_after))
    return headers


def address_key(address: str) -> str:
    """The key of a client's IP address: IPv6 by its network, IPv4 in IPv6 by the IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            network = ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False)
            return f"address:{network}"
        parsed = parsed.ipv4_mapped
    return f"address:{parsed}"
