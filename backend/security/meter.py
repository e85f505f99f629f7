"""What callers took lately, and whether more fits: for owners and for addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.config import Settings
from backend.lazy import Lazy
from backend.security.errors import RateLimited
from backend.security.rate import (
    Allowance,
    Bucket,
    LeakyBuckets,
    RateLimiter,
    Verdict,
    address_key,
)

if TYPE_CHECKING:
    from backend.security import rate_redis
else:
    rate_redis = Lazy("backend.security.rate_redis")

OWNER, ADDRESS = "owner", "address"


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts cost points; None in the place of an allowance counts nothing."""

    limiter: RateLimiter
    owners: Allowance | None = None
    addresses: Allowance | None = None
    counts: bool = field(init=False)
    """Whether there is anything to count."""

    def __post_init__(self) -> None:
        counts = self.owners is not None or self.addresses is not None
        object.__setattr__(self, "counts", counts)

    async def charge(self, owner: str | None, address: str, cost: int) -> dict[str, Verdict]:
        """Takes points from an owner and an address, from both or none; returns how each stands.

        ``refusal`` says whether it fitted.
        """
        buckets: dict[str, Bucket] = {}
        if self.owners is not None and owner is not None:
            buckets[OWNER] = Bucket(f"owner:{owner}", self.owners)
        if self.addresses is not None:
            buckets[ADDRESS] = Bucket(address_key(address), self.addresses)
        if not buckets:
            return {}
        verdicts = await self.limiter.take(tuple(buckets.values()), cost)
        return dict(zip(buckets, verdicts, strict=True))

    async def of_owner(self, owner: str) -> Verdict | None:
        """The state of an owner's bucket; None where owners have none."""
        if self.owners is None:
            return None
        return await self.limiter.peek(Bucket(f"owner:{owner}", self.owners))


def refusal(verdicts: Iterable[Verdict]) -> RateLimited | None:
    """Why it was not charged; None where it was."""
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    if not refused:
        return None
    waits = [verdict.retry_after for verdict in refused]
    if None in waits:
        limit = min(verdict.limit for verdict in refused)
        message = f"This costs {refused[0].cost} points; at most {limit} are ever allowed at once."
        return RateLimited(message, None)
    wait = max(each for each in waits if each is not None)
    return RateLimited(f"Too much was asked for lately: try again in {wait:.1f} s.", wait)


def open_meter(settings: Settings) -> Meter:
    """The meter that the settings ask for."""
    url = settings.rate_url.get_secret_value()
    owners = settings.unless_open(settings.rate_owner_points, 100_000)
    addresses = settings.unless_open(settings.rate_address_points, 400_000)
    return Meter(
        rate_redis.RedisBuckets(url) if url else LeakyBuckets(),
        Allowance(owners, settings.rate_owner_refill) if owners else None,
        Allowance(addresses, settings.rate_address_refill) if addresses else None,
    )
