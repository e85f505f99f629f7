"""The rate limit in a real Redis, shared and absent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from backend.security import rate_redis
from backend.security.meter import Meter, refusal
from backend.security.rate import Allowance, Bucket
from backend.security.rate_redis import PREFIX, RedisBuckets
from tests.support.following import PATIENCE
from tests.support.redis import RedisServer, redis_server

SLOW = Allowance(100, 0.001)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for all of these tests."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    """A connection to it; it is empty."""
    redis = Redis.from_url(server.url)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
async def buckets(redis: Redis, server: RedisServer) -> AsyncIterator[RedisBuckets]:
    buckets = RedisBuckets(server.url, patience=PATIENCE)
    yield buckets
    await buckets.close()


async def test_points_are_taken_until_the_bucket_is_full(buckets: RedisBuckets) -> None:
    bucket = Bucket("owner:ann", SLOW)
    [first] = await buckets.take([bucket], 60)
    [second] = await buckets.take([bucket], 50)

    assert (first.allowed, first.remaining, first.limit, first.cost) == (True, 40, 100, 60)
    assert (second.allowed, second.remaining) == (False, 40)
    assert second.retry_after == pytest.approx(10_000, rel=0.01)
    assert (await buckets.peek(bucket)).remaining == 40


async def test_a_bucket_drains(buckets: RedisBuckets) -> None:
    await buckets.take([Bucket("owner:ann", SLOW)], 100)
    [refused] = await buckets.take([Bucket("owner:ann", SLOW)], 100)
    assert not refused.allowed

    # Now it drains so fast that it is empty after this, however little the time that has passed.
    await asyncio.sleep(0.02)

    assert (await buckets.take([Bucket("owner:ann", Allowance(100, 10_000))], 100))[0].allowed


async def test_what_fits_into_one_bucket_alone_goes_into_neither(buckets: RedisBuckets) -> None:
    owner, address = Bucket("owner:ann", SLOW), Bucket("address:home", Allowance(40, 0.001))

    verdicts = await buckets.take([owner, address], 50)

    assert [verdict.allowed for verdict in verdicts] == [True, False]
    assert [(await buckets.peek(each)).remaining for each in (owner, address)] == [100, 40]


async def test_more_than_a_bucket_holds_never_fits(buckets: RedisBuckets) -> None:
    [verdict] = await buckets.take([Bucket("owner:ann", SLOW)], 101)
    assert (verdict.allowed, verdict.retry_after) == (False, None)


async def test_processes_count_as_one(buckets: RedisBuckets, server: RedisServer) -> None:
    """Two limiters as two processes have them, with 200 requests for 100 points between them."""
    other = RedisBuckets(server.url, patience=PATIENCE)
    bucket = Bucket("owner:ann", SLOW)
    taken = await asyncio.gather(
        *(each.take([bucket], 1) for each in (buckets, other) for _ in range(100))
    )
    await other.close()
    assert sum(verdict.allowed for [verdict] in taken) == 100


async def test_an_empty_bucket_is_forgotten(buckets: RedisBuckets, redis: Redis) -> None:
    bucket = Bucket("owner:ann", Allowance(100, 0.05))
    await buckets.take([bucket], 100)
    await buckets.take([bucket], 0)
    assert 0 < await redis.pttl(f"{PREFIX}owner:ann") <= 2_001_000


async def test_a_refused_stranger_takes_no_memory(buckets: RedisBuckets, redis: Redis) -> None:
    await buckets.take([Bucket("owner:eve", SLOW)], 101)
    await buckets.peek(Bucket("owner:eve", SLOW))
    assert await redis.dbsize() == 0


async def test_a_negative_cost_is_a_mistake(buckets: RedisBuckets) -> None:
    with pytest.raises(ValueError, match="negative"):
        await buckets.take([Bucket("owner:ann", SLOW)], -1)


async def test_while_redis_is_away_each_process_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_redis, "REST", 3600.0)
    bucket = Bucket("owner:ann", SLOW)
    with redis_server(tmp_path) as server:
        buckets = RedisBuckets(server.url, patience=PATIENCE)
        await buckets.take([bucket], 90)

    calls = 0

    def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.close()

    async with await asyncio.start_server(called, "127.0.0.1", server.port):
        verdicts = await buckets.take([bucket], 60)
        before = calls
        verdicts += [(await buckets.take([bucket], 60))[0] for _ in range(19)]
        assert (await buckets.peek(bucket)).remaining == 40
        assert calls == before, "it asks Redis each time"

    assert [verdict.allowed for verdict in verdicts] == [True] + [False] * 19
    assert len(caplog.records) == 1
    await buckets.close()


async def test_a_meter_charges_owner_and_address(buckets: RedisBuckets) -> None:
    meter = Meter(buckets, SLOW, Allowance(150, 0.001))
    assert refusal((await meter.charge("ann", "192.0.2.7", 100)).values()) is None
    refused = refusal((await meter.charge("bob", "192.0.2.7", 100)).values())
    assert refused is not None
    assert refused.retry_after == pytest.approx(50_000, rel=0.01)
    state = await meter.of_owner("bob")
    assert state is not None
    assert state.remaining == 100
