from __future__ import annotations

import pytest

from backend.config import load_settings
from backend.security.meter import Meter, open_meter, refusal
from backend.security.rate import Allowance, LeakyBuckets
from backend.security.rate_redis import RedisBuckets


async def test_nothing_is_counted_in_the_mode_none_unless_it_is_asked_for() -> None:
    silent = open_meter(load_settings(env_file=None))
    asked = open_meter(load_settings(env_file=None, rate_owner_points=50))

    assert await silent.charge("local", "::1", 1_000_000) == {}
    assert await silent.of_owner("local") is None
    assert list(await asked.charge("local", "::1", 10)) == ["owner"]


async def test_the_other_modes_count() -> None:
    meter = open_meter(load_settings(env_file=None, auth="keys"))
    verdicts = await meter.charge("ana", "::1", 10)

    assert {name: verdict.limit for name, verdict in verdicts.items()} == {
        "owner": 100_000,
        "address": 400_000,
    }


async def test_zero_counts_nothing() -> None:
    meter = open_meter(
        load_settings(env_file=None, auth="keys", rate_owner_points=0, rate_address_points=0)
    )
    assert await meter.charge("ana", "::1", 1_000_000) == {}


async def test_nobody_is_charged_by_his_address_alone() -> None:
    meter = Meter(LeakyBuckets(), Allowance(10, 1), Allowance(20, 1))
    assert list(await meter.charge(None, "::1", 5)) == ["address"]


async def test_the_longest_wait_is_told() -> None:
    # The clock stands, so that nothing drains between two charges.
    meter = Meter(LeakyBuckets(clock=lambda: 0), Allowance(10, 1), Allowance(20, 0.1))
    await meter.charge("ana", "::1", 10)
    await meter.charge("bruno", "::1", 10)
    refused = refusal((await meter.charge("ana", "::1", 5)).values())
    assert refused is not None
    assert refused.retry_after == pytest.approx(50)
    assert "50.0 s" in refused.message


async def test_what_never_fits_is_told_without_a_time() -> None:
    meter = Meter(LeakyBuckets(), Allowance(10, 1), Allowance(20, 1))
    refused = refusal((await meter.charge("ana", "::1", 50)).values())
    assert refused is not None
    assert (refused.retry_after, refused.message) == (
        None,
        "This costs 50 points; at most 10 are ever allowed at once.",
    )


async def test_redis_is_used_where_it_is_set() -> None:
    settings = load_settings(env_file=None, rate_url="redis://:word@127.0.0.1:1")
    meter = open_meter(settings)
    assert isinstance(meter.limiter, RedisBuckets)
    assert "word" not in repr(settings)
    await meter.limiter.close()
