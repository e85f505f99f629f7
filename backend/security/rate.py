"""How much may be asked for over time: a leaky bucket of cost points for each key.

A bucket holds ``capacity`` points and drains at ``per_second``; what does not fit is refused and
adds nothing. A key is whatever is to be limited: an owner, an address.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

IPV6_PREFIX = 64
"""One customer has a whole such network, and could use an address of it for every request."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The size of a bucket in points, and how many of them drain in a second."""

    capacity: int
    per_second: float

    def __post_init__(self) -> None:
        if self.capacity <= 0 or self.per_second <= 0:
            raise ValueError("capacity and per_second must be above 0")


class Bucket(NamedTuple):
    """The bucket of one key."""

    key: str
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a bucket after a request. Times are in seconds from now.

    ``retry_after`` is when the same request fits: 0 if it does now, None if it never will.
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

    async def take(self, buckets: Sequence[Bucket], cost: int) -> list[Verdict]:
        """Put ``cost`` points into each of the buckets if they fit into all of them.

        A verdict says whether they fit into its bucket.
        """
        ...

    async def peek(self, bucket: Bucket) -> Verdict:
        """The bucket as it is, with a cost of 0."""
        ...

    async def close(self) -> None:
        """Lets go of what it holds."""
        ...


class LeakyBuckets:
    """Buckets in this process. At most ``max_keys`` are kept: the longest unused go first."""

    def __init__(
        self, *, max_keys: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if max_keys <= 0:
            raise ValueError("max_keys must be above 0")
        self._max_keys = max_keys
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def count(self) -> int:
        """How many keys are kept."""
        return len(self._levels)

    async def take(self, buckets: Sequence[Bucket], cost: int) -> list[Verdict]:
        if cost < 0:
            raise ValueError("cost must not be negative")
        now = self._clock()
        levels = [self._level(bucket, now) for bucket in buckets]
        verdicts = [
            judge(bucket.allowance, level, cost)
            for bucket, level in zip(buckets, levels, strict=True)
        ]
        if all(verdict.allowed for verdict in verdicts):
            for bucket, level in zip(buckets, levels, strict=True):
                self._levels[bucket.key] = (level + cost, now)
                self._levels.move_to_end(bucket.key)
            self._forget()
            return [
                filled(bucket.allowance, level + cost, cost)
                for bucket, level in zip(buckets, levels, strict=True)
            ]
        return verdicts

    async def peek(self, bucket: Bucket) -> Verdict:
        return judge(bucket.allowance, self._level(bucket, self._clock()), 0)

    async def close(self) -> None:
        self._levels.clear()

    def _level(self, bucket: Bucket, now: float) -> float:
        level, since = self._levels.get(bucket.key, (0.0, now))
        return max(0.0, level - (now - since) * bucket.allowance.per_second)

    def _forget(self) -> None:
        while len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)


def judge(allowance: Allowance, level: float, cost: int) -> Verdict:
    """Whether so many points fit into a bucket that is filled up to ``level``."""
    allowed = level + cost <= allowance.capacity
    return Verdict(
        allowed=allowed,
        limit=allowance.capacity,
        cost=cost,
        remaining=max(0, math.floor(allowance.capacity - level)),
        retry_after=0.0 if allowed else _fits_after(allowance, level, cost),
        reset_after=level / allowance.per_second,
    )


def filled(allowance: Allowance, level: float, cost: int) -> Verdict:
    """A bucket after ``cost`` points were put in, which made it stand at ``level``."""
    remaining = max(0, math.floor(allowance.capacity - level))
    reset_after = level / allowance.per_second
    return Verdict(True, allowance.capacity, cost, remaining, 0.0, reset_after)


def _fits_after(allowance: Allowance, level: float, cost: int) -> float | None:
    if cost > allowance.capacity:
        return None
    return (level + cost - allowance.capacity) / allowance.per_second


def rate_headers(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """The header fields that tell a client its state under each policy.

    They are those of the IETF's draft-ietf-httpapi-ratelimit-headers: points remaining and seconds
    until all are available again.
    """
    policies = (f'"{name}";q={verdict.limit}' for name, verdict in verdicts.items())
    states = (
        f'"{name}";r={verdict.remaining};t={math.ceil(verdict.reset_after)}'
        for name, verdict in verdicts.items()
    )
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


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
