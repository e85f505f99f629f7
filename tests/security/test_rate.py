from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.security.rate import LeakyBuckets, address_key, rate_headers


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_points_are_taken_until_the_bucket_is_full(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)

    first = await buckets.take("ann", 60)
    second = await buckets.take("ann", 50)

    assert (first.allowed, first.remaining, first.reset_after) == (True, 40, 6.0)
    assert (second.allowed, second.remaining, second.retry_after) == (False, 40, 1.0)


async def test_a_refusal_adds_nothing(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)
    await buckets.take("ann", 100)
    for _ in range(50):
        await buckets.take("ann", 10)

    clock.now += 1.0

    assert (await buckets.take("ann", 10)).allowed


async def test_what_was_refused_fits_when_it_was_said_to(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 7, clock=clock)
    await buckets.take("ann", 95)
    refused = await buckets.take("ann", 40)
    assert refused.retry_after is not None

    clock.now += refused.retry_after + 1e-6

    assert (await buckets.take("ann", 40)).allowed


async def test_a_full_bucket_drains(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)
    await buckets.take("ann", 100)

    clock.now += 100.0
    state = await buckets.peek("ann")

    assert (state.remaining, state.reset_after, state.cost) == (100, 0.0, 0)


async def test_keys_do_not_share(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)
    await buckets.take("ann", 100)

    assert (await buckets.take("bob", 100)).allowed


async def test_more_than_a_bucket_holds_never_fits(clock: Clock) -> None:
    verdict = await LeakyBuckets(100, 10, clock=clock).take("ann", 101)

    assert (verdict.allowed, verdict.retry_after) == (False, None)
    assert "Retry-After" not in rate_headers(verdict)


async def test_memory_is_bounded_and_the_longest_unused_are_forgotten(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, max_keys=3, clock=clock)
    await buckets.take("old", 100)
    await buckets.take("busy", 50)
    for number in range(2):
        await buckets.take(f"new {number}", 1)
    await buckets.take("busy", 1)
    await buckets.take("newest", 1)

    assert buckets.count == 3
    assert (await buckets.peek("old")).remaining == 100
    assert (await buckets.peek("busy")).remaining == 49


async def test_a_refused_stranger_takes_no_memory(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)

    await buckets.take("eve", 1000)
    await buckets.peek("eve")

    assert buckets.count == 0


async def test_a_negative_cost_is_a_mistake(clock: Clock) -> None:
    with pytest.raises(ValueError, match="negative"):
        await LeakyBuckets(100, 10, clock=clock).take("ann", -1)


@pytest.mark.parametrize("bad", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_bucket_that_could_never_work_is_refused(bad: tuple[int, int, int]) -> None:
    capacity, per_second, max_keys = bad
    with pytest.raises(ValueError, match="above 0"):
        LeakyBuckets(capacity, per_second, max_keys=max_keys)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 120), st.floats(0, 20, allow_nan=False)), min_size=1, max_size=40
    )
)
async def test_never_more_than_a_bucket_and_what_drained(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    buckets = LeakyBuckets(100, 10, clock=clock)
    started, taken = clock.now, 0
    for cost, pause in steps:
        clock.now += pause
        verdict = await buckets.take("ann", cost)
        taken += cost * verdict.allowed
        assert taken <= 100 + 10 * (clock.now - started) + 1e-6
        assert 0 <= verdict.remaining <= 100


async def test_the_headers_say_what_is_left_and_when_to_come_again(clock: Clock) -> None:
    buckets = LeakyBuckets(100, 10, clock=clock)
    await buckets.take("ann", 95)

    allowed = rate_headers(await buckets.take("ann", 1))
    refused = rate_headers(await buckets.take("ann", 15))

    assert allowed == {"RateLimit-Policy": '"cost";q=100', "RateLimit": '"cost";r=4;t=10'}
    assert refused["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1%eth1"),
    ],
)
def test_addresses_of_one_client_share_a_key(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("192.0.2.7", "192.0.2.8"), ("2001:db8:0:1::1", "2001:db8:0:2::1"), ("a", "b")],
)
def test_addresses_of_others_do_not(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)
