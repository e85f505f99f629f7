"""The circuit breaker."""

from __future__ import annotations

from backend.retrieval.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_it_opens_after_failures_in_a_row_and_lets_one_try_later() -> None:
    clock = Clock()
    circuit = Circuit(failures=2, seconds=30, now=clock)
    circuit.failed()
    circuit.succeeded()
    circuit.failed()
    assert circuit.enter()
    circuit.failed()
    assert not circuit.enter()
    assert circuit.seconds_left == 30
    clock.seconds += 30
    assert circuit.enter()
    assert not circuit.enter(), "one tries, the others wait"
    circuit.failed()
    clock.seconds += 29
    assert not circuit.enter()
    clock.seconds += 1
    assert circuit.enter()
    circuit.succeeded()
    assert circuit.enter()
    assert circuit.enter()
    assert circuit.seconds_left == 0
