"""Leaky buckets in Redis, for several processes that are to count as one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from backend.security.rate import Bucket, LeakyBuckets, Verdict, filled, judge

logger = logging.getLogger("conversa.rate")

PREFIX = "conversa:rate:"
PATIENCE = 0.5
"""Seconds Redis may take. A limit is not worth more waiting than what it limits."""
CONNECTIONS = 16
REST = 5.0
"""Seconds in which Redis is left alone after it failed."""

# One step in Redis, by its one clock, so that two processes never both take what fits once. A
# bucket is a hash of its level and the moment of it, and is forgotten once it is empty.
TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local cost = tonumber(ARGV[1])
local levels, fits = {}, 1
for i, key in ipairs(KEYS) do
  local capacity, rate = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local stored = redis.call('HMGET', key, 'level', 'at')
  local level = tonumber(stored[1] or 0)
  level = math.max(0, level - math.max(0, now - tonumber(stored[2] or now)) * rate)
  if level + cost > capacity then fits = 0 end
  levels[i] = level
end
if fits == 1 and cost > 0 then
  for i, key in ipairs(KEYS) do
    local level = levels[i] + cost
    redis.call('HSET', key, 'level', string.format('%.6f', level), 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', key, math.ceil(level / tonumber(ARGV[2 * i + 1]) * 1000) + 1000)
  end
end
for i, level in ipairs(levels) do levels[i] = string.format('%.6f', level) end
return {fits, unpack(levels)}
"""


class RedisBuckets:
    """Buckets that all processes on one Redis share.

    While Redis is away each process counts for itself.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=patience,
            socket_timeout=patience,
            socket_connect_timeout=patience,
        )
        self._redis = Redis(connection_pool=self._pool)
        self._take = self._redis.register_script(TAKE)
        self._own = LeakyBuckets()
        self._away_until = 0.0

    async def take(self, buckets: Sequence[Bucket], cost: int) -> list[Verdict]:
        if cost < 0:
            raise ValueError("cost must not be negative")
        levels = await self._levels(buckets, cost)
        if levels is None:
            return await self._own.take(buckets, cost)
        fits, *found = levels
        return [
            filled(bucket.allowance, level + cost, cost)
            if fits
            else judge(bucket.allowance, level, cost)
            for bucket, level in zip(buckets, found, strict=True)
        ]

    async def peek(self, bucket: Bucket) -> Verdict:
        levels = await self._levels([bucket], 0)
        if levels is None:
            return await self._own.peek(bucket)
        return judge(bucket.allowance, levels[1], 0)

    async def close(self) -> None:
        await self._redis.aclose()
        await self._pool.aclose()

    async def _levels(self, buckets: Sequence[Bucket], cost: int) -> list[float] | None:
        """Whether it fitted, and how full each bucket was before; None while Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        keys = [PREFIX + bucket.key for bucket in buckets]
        numbers: list[float] = [cost]
        for bucket in buckets:
            numbers += (bucket.allowance.capacity, bucket.allowance.per_second)
        try:
            answer = await self._take(keys=keys, args=numbers)
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return None
        return [float(each) for each in answer]

    def _leave_alone(self, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._away_until:
            logger.warning("each process counts for itself: %s", type(error).__name__)
        self._away_until = now + REST
