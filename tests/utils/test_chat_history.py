from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.utils.chat_history import (
    Window,
    fit_budget,
    last_messages,
    prompt_tokens,
    read_window,
    to_openai,
)
from tests.utils.histories import (
    ListReader,
    Row,
    call,
    history,
    orderly_histories,
    result,
    row,
    wild_histories,
)
from tests.utils.test_prompts import assert_accepted

EVERYTHING = 1_000_000
budgets = st.integers(0, 250)
recents = st.one_of(st.none(), st.integers(0, 12))


def ids(window: Window[Row]) -> list[str]:
    return [message.id for message in window.kept]


def run_of(window: Window[Row]) -> list[Row]:
    """The window without the instructions at its start."""
    kept = window.kept
    while kept and kept[0].role in ("system", "developer"):
        kept = kept[1:]
    return kept


@given(wild_histories, budgets, recents)
def test_the_count_is_exact_and_never_over(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    window = fit_budget(rows, budget, recent)
    assert window.token_count == prompt_tokens(to_openai(window.kept)) <= budget
    assert_accepted(to_openai(window.kept))


@given(wild_histories, budgets, recents)
def test_messages_keep_their_order_and_the_rest_is_counted(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    window = fit_budget(rows, budget, recent)
    positions = [message.position for message in window.kept]
    assert positions == sorted(set(positions))
    assert window.omitted_count == len(rows) - len(window.kept)


@given(orderly_histories(), budgets, recents)
def test_instructions_are_kept_or_nothing_is(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    instructions = [message for message in rows if message.role == "system"]
    window = fit_budget(rows, budget, recent)
    if prompt_tokens(to_openai(instructions)) <= budget:
        assert window.kept[: len(instructions)] == instructions
    else:
        assert window.kept == []


@given(orderly_histories(), budgets, recents)
def test_the_run_starts_at_a_users_turn_or_holds_none(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    run = run_of(fit_budget(rows, budget, recent))
    assert not run or run[0].role == "user" or "user" not in {message.role for message in run}


@given(orderly_histories(), budgets, recents)
def test_the_run_is_the_newest_without_gaps(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    run = run_of(fit_budget(rows, budget, recent))
    assert run == last_messages(rows, len(run))
    assert recent is None or len(run) <= recent


@given(orderly_histories(), budgets, recents)
def test_calls_stay_with_all_their_results(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    kept = set(ids(fit_budget(rows, budget, recent)))
    for place, message in enumerate(rows):
        calls = [part for part in message.parts if part["type"] == "tool_call"]
        group = {one.id for one in rows[place : place + len(calls) + 1]} if calls else set()
        assert group <= kept or not group & kept


@given(wild_histories, budgets, budgets, recents)
def test_more_tokens_never_show_less(
    rows: list[Row], one: int, other: int, recent: int | None
) -> None:
    smaller, larger = sorted([one, other])
    few, many = fit_budget(rows, smaller, recent), fit_budget(rows, larger, recent)
    assert set(ids(few)) <= set(ids(many))


@given(wild_histories, budgets, recents)
def test_a_window_fits_its_own_count_and_no_less(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    window = fit_budget(rows, budget, recent)
    assert fit_budget(rows, window.token_count, recent) == window
    if window.kept:
        assert len(fit_budget(rows, window.token_count - 1, recent).kept) < len(window.kept)


@given(wild_histories)
def test_with_room_for_all_only_what_precedes_the_first_user_is_missing(rows: list[Row]) -> None:
    window = fit_budget(rows, EVERYTHING)
    missing = [message for message in rows if message.id not in ids(window)]
    first = next((m.position for m in window.kept if m.role == "user"), 0)
    for message in missing:
        before = [one for one in rows if one.position <= message.position]
        assert message.position < first or not sends_alone(before)


def sends_alone(rows: list[Row]) -> bool:
    """Whether the last of the messages has text of its own to send."""
    texts = [part for part in rows[-1].parts if part["type"] in ("text", "media")]
    return rows[-1].role != "tool" and any(part.get("text", "media") for part in texts)


def test_a_greeting_before_the_first_user_is_left_out() -> None:
    rows = history(row("assistant", "Welcome!"), row("user", "Hi"), row("assistant", "Hello"))
    assert ids(fit_budget(rows, EVERYTHING)) == ["2", "3"]


def test_where_no_users_turn_fits_the_newest_are_kept() -> None:
    rows = history(row("user", "word " * 500), row("assistant", "Yes."), row("assistant", "No."))
    assert ids(fit_budget(rows, 30)) == ["2", "3"]


def test_instructions_that_do_not_fit_leave_nothing() -> None:
    rows = history(row("system", "word " * 100), row("user", "Hi"))
    assert fit_budget(rows, 50) == Window([], 2, 0)
    assert ids(fit_budget(rows, 120)) == ["1", "2"]


def test_instructions_in_the_middle_are_messages_like_others() -> None:
    rows = history(row("developer", "A"), row("user", "B"), row("system", "C"), row("user", "D"))
    assert ids(fit_budget(rows, EVERYTHING, recent=2)) == ["1", "4"]
    assert ids(fit_budget(rows, EVERYTHING, recent=3)) == ["1", "2", "3", "4"]


def test_a_call_and_its_results_fit_together_or_not_at_all() -> None:
    rows = history(
        row("user", "Look"),
        row("assistant", call("1"), call("2")),
        row("tool", result("1", "x")),
        row("tool", result("2", "word " * 60)),
        row("assistant", "Done"),
    )
    assert ids(fit_budget(rows, 60)) == ["5"]
    assert ids(fit_budget(rows, EVERYTHING)) == ["1", "2", "3", "4", "5"]
    assert ids(fit_budget(rows, EVERYTHING, recent=3)) == ["5"]


def test_an_empty_history_costs_nothing() -> None:
    assert fit_budget([], EVERYTHING) == Window([], 0, 0)


@pytest.mark.parametrize("bounds", [(-1, None), (10, -1)])
async def test_negative_bounds_are_refused(bounds: tuple[int, int | None]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        fit_budget([], *bounds)
    with pytest.raises(ValueError, match="must not be negative"):
        await read_window(ListReader([]), "c", *bounds)


@given(st.lists(st.integers(), max_size=10), st.integers(0, 12))
def test_the_last_messages(numbers: list[int], count: int) -> None:
    rows = history(*(row("user", str(number)) for number in numbers))
    assert last_messages(rows, count) == rows[max(0, len(rows) - count) :]


def test_a_negative_number_of_messages_is_refused() -> None:
    with pytest.raises(ValueError, match="count must not be negative"):
        last_messages([], -1)


@given(orderly_histories(most_turns=60), st.integers(0, 1500), recents)
async def test_a_window_that_is_read_is_the_window_of_the_whole(
    rows: list[Row], budget: int, recent: int | None
) -> None:
    window = await read_window(ListReader(rows), "c", budget, recent)
    assert window == fit_budget(rows, budget, recent)


def long_history(turns: int, instructions: int = 1) -> list[Row]:
    said = [row("user", "Hello there"), row("assistant", "Hello to you")] * turns
    return history(*[row("system", "Be brief.")] * instructions, *said)


async def test_a_short_conversation_is_one_read() -> None:
    reader = ListReader(long_history(15))
    await read_window(reader, "c", EVERYTHING)
    assert reader.reads == [31]


@pytest.mark.parametrize("turns", [300, 30_000])
async def test_what_is_read_depends_on_the_window_and_not_on_the_length(turns: int) -> None:
    reader = ListReader(long_history(turns))
    window = await read_window(reader, "c", max_tokens=400)
    assert len(window.kept) > 32
    assert reader.reads == [32, 8, 64]
    assert window.omitted_count == 2 * turns + 1 - len(window.kept)


async def test_no_more_is_read_than_the_recent_ones_and_the_instructions() -> None:
    reader = ListReader(long_history(300))
    window = await read_window(reader, "c", EVERYTHING, recent=6)
    assert reader.reads == [6, 8]
    assert len(window.kept) == 7


async def test_pages_grow_up_to_a_limit() -> None:
    reader = ListReader(long_history(500))
    window = await read_window(reader, "c", EVERYTHING)
    assert reader.reads == [32, 8, 64, 128, 256, 256, 256, 9]
    assert window.omitted_count == 0


async def test_many_instructions_are_all_read() -> None:
    rows = long_history(300, instructions=20)
    window = await read_window(ListReader(rows), "c", max_tokens=400)
    assert window == fit_budget(rows, 400)
    assert [message.role for message in window.kept[:21]] == ["system"] * 20 + ["user"]


async def test_a_conversation_of_instructions_alone() -> None:
    rows = history(*[row("system", "Be brief.")] * 100)
    assert await read_window(ListReader(rows), "c", EVERYTHING) == fit_budget(rows, EVERYTHING)


async def test_an_empty_conversation() -> None:
    assert await read_window(ListReader([]), "c", EVERYTHING) == Window([], 0, 0)
