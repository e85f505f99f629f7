from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.security.rate import (
    Allowance,
    Bucket,
    LeakyBuckets,
    Verdict,
    address_key,
    rate_headers,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


USUAL = Allowance(100, 10)


async def take(buckets: LeakyBuckets, key: str, cost: int, allowance: Allowance = USUAL) -> Verdict:
    [verdict] = await buckets.take([Bucket(key, allowance)], cost)
    return verdict


async def peek(buckets: LeakyBuckets, key: str) -> Verdict:
    return await buckets.peek(Bucket(key, Allowance(100, 10)))


async def test_points_are_taken_until_the_bucket_is_full(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)

    first = await take(buckets, "ann", 60)
    second = await take(buckets, "ann", 50)

    assert (first.allowed, first.remaining, first.reset_after) == (True, 40, 6.0)
    assert (second.allowed, second.remaining, second.retry_after) == (False, 40, 1.0)


async def test_a_refusal_adds_nothing(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)
    await take(buckets, "ann", 100)
    for _ in range(50):
        await take(buckets, "ann", 10)

    clock.now += 1.0

    assert (await take(buckets, "ann", 10)).allowed


async def test_what_was_refused_fits_when_it_was_said_to(clock: Clock) -> None:
    buckets, slow = LeakyBuckets(clock=clock), Allowance(100, 7)
    await take(buckets, "ann", 95, slow)
    refused = await take(buckets, "ann", 40, slow)
    assert refused.retry_after is not None

    clock.now += refused.retry_after + 1e-6

    assert (await take(buckets, "ann", 40, slow)).allowed


async def test_a_full_bucket_drains(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)
    await take(buckets, "ann", 100)

    clock.now += 100.0
    state = await peek(buckets, "ann")

    assert (state.remaining, state.reset_after, state.cost) == (100, 0.0, 0)


async def test_keys_do_not_share(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)
    await take(buckets, "ann", 100)

    assert (await take(buckets, "bob", 100)).allowed


async def test_more_than_a_bucket_holds_never_fits(clock: Clock) -> None:
    verdict = await take(LeakyBuckets(clock=clock), "ann", 101)

    assert (verdict.allowed, verdict.retry_after) == (False, None)


async def test_memory_is_bounded_and_the_longest_unused_are_forgotten(clock: Clock) -> None:
    buckets = LeakyBuckets(max_keys=3, clock=clock)
    await take(buckets, "old", 100)
    await take(buckets, "busy", 50)
    for number in range(2):
        await take(buckets, f"new {number}", 1)
    await take(buckets, "busy", 1)
    await take(buckets, "newest", 1)

    assert buckets.count == 3
    assert (await peek(buckets, "old")).remaining == 100
    assert (await peek(buckets, "busy")).remaining == 49


async def test_a_refused_stranger_takes_no_memory(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)

    await take(buckets, "eve", 1000)
    await peek(buckets, "eve")

    assert buckets.count == 0


async def test_a_negative_cost_is_a_mistake(clock: Clock) -> None:
    with pytest.raises(ValueError, match="negative"):
        await take(LeakyBuckets(clock=clock), "ann", -1)


@pytest.mark.parametrize(("capacity", "per_second"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_that_could_never_work_is_refused(capacity: int, per_second: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Allowance(capacity, per_second)


def test_buckets_that_keep_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        LeakyBuckets(max_keys=0)


async def test_what_fits_into_one_bucket_alone_goes_into_neither(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)
    owner, address = Bucket("ann", Allowance(100, 10)), Bucket("home", Allowance(40, 10))

    verdicts = await buckets.take([owner, address], 50)

    assert [verdict.allowed for verdict in verdicts] == [True, False]
    assert [(await buckets.peek(each)).remaining for each in (owner, address)] == [100, 40]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 120), st.floats(0, 20, allow_nan=False)), min_size=1, max_size=40
    )
)
async def test_never_more_than_a_bucket_and_what_drained(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    buckets = LeakyBuckets(clock=clock)
    started, taken = clock.now, 0
    for cost, pause in steps:
        clock.now += pause
        verdict = await take(buckets, "ann", cost)
        taken += cost * verdict.allowed
        assert taken <= 100 + 10 * (clock.now - started) + 1e-6
        assert 0 <= verdict.remaining <= 100


async def test_the_headers_say_what_is_left_of_each(clock: Clock) -> None:
    buckets = LeakyBuckets(clock=clock)
    owner = await take(buckets, "ann", 96)
    address = await take(buckets, "home", 96, Allowance(1000, 100))

    assert rate_headers({"owner": owner, "address": address}) == {
        "RateLimit-Policy": '"owner";q=100, "address";q=1000',
        "RateLimit": '"owner";r=4;t=10, "address";r=904;t=1',
    }


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
