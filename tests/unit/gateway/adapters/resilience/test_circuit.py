"""The breaker: when it opens, who may try, when it closes; and the counts it goes by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.resilience.circuit import (
    MAX_BACKOFF,
    PROBE_GRACE,
    Circuit,
    SlidingWindow,
    State,
)
from weir_policy.spec.resilience import Breaker

SETTINGS = Breaker(failures=3, share=0.5, window=10, open=5, trials=2)


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit(SETTINGS)
    for _ in range(3):
        circuit.begin(now)
        circuit.failed(now)
    assert circuit.state is State.OPEN
    return circuit


def half_open(now: float = 5.0) -> Circuit:
    circuit = opened()
    circuit.probe_succeeded()
    assert circuit.state is State.HALF_OPEN
    assert circuit.allows(now)
    return circuit


def test_it_opens_with_the_last_failure_and_not_before() -> None:
    circuit = Circuit(SETTINGS)
    for _ in range(2):
        circuit.failed(1.0)
        assert circuit.state is State.CLOSED
    circuit.failed(1.0)
    assert circuit.state is State.OPEN
    assert not circuit.allows(1.0)


def test_a_few_failures_among_many_calls_open_nothing() -> None:
    circuit = Circuit(SETTINGS)
    for _ in range(100):
        circuit.succeeded(1.0)
    for _ in range(99):
        circuit.failed(1.0)
    assert circuit.state is State.CLOSED
    circuit.failed(1.0)
    assert circuit.state is State.OPEN


def test_failures_out_of_the_window_are_forgotten() -> None:
    circuit = Circuit(SETTINGS)
    circuit.failed(0.0)
    circuit.failed(0.0)
    circuit.failed(10.5)
    assert circuit.state is State.CLOSED


def test_it_waits_for_a_probe_to_be_answered_but_not_for_ever() -> None:
    circuit = opened()
    assert circuit.probe_at == 5.0
    assert not circuit.allows(5.0)
    assert circuit.allows(5.0 + PROBE_GRACE)
    circuit.begin(5.0 + PROBE_GRACE)
    assert circuit.state is State.HALF_OPEN


def test_one_trial_at_a_time_and_as_many_as_it_takes_close_it() -> None:
    circuit = half_open()
    circuit.begin(5.0)
    assert not circuit.allows(5.0)
    circuit.succeeded(5.1)
    assert circuit.state is State.HALF_OPEN
    circuit.begin(5.1)
    circuit.succeeded(5.2)
    assert circuit.state is State.CLOSED
    circuit.failed(5.3)
    assert circuit.state is State.CLOSED  # what was before is forgotten


def test_a_trial_that_fails_doubles_the_wait_up_to_a_bound() -> None:
    circuit = opened()
    waits = list[float]()
    for _ in range(6):
        circuit.probe_succeeded()
        circuit.begin(circuit.probe_at)
        before = circuit.probe_at
        circuit.failed(before)
        waits.append(circuit.probe_at - before)
    assert waits == [10, 20, 40, 40, 40, 40]
    assert waits[-1] == SETTINGS.open * MAX_BACKOFF


def test_a_trial_that_says_nothing_makes_room_for_the_next() -> None:
    circuit = half_open()
    circuit.begin(5.0)
    circuit.undecided()
    assert circuit.allows(5.0)
    assert circuit.state is State.HALF_OPEN


def test_a_call_that_went_out_for_want_of_another_and_succeeds_is_a_trial() -> None:
    circuit = opened()
    circuit.begin(1.0)
    circuit.succeeded(1.0)
    assert circuit.state is State.HALF_OPEN
    circuit.begin(1.1)
    circuit.succeeded(1.1)
    assert circuit.state is State.CLOSED


def _end(circuit: Circuit, now: float, how: str) -> None:
    match how:
        case "succeeded":
            circuit.succeeded(now)
        case "failed":
            circuit.failed(now)
        case _:
            circuit.undecided()


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.sampled_from(["succeeded", "failed", "undecided", "probe"])),
        max_size=200,
    )
)
def test_it_is_never_stuck(steps: list[tuple[float, str]]) -> None:
    """Whatever came before: after enough time and successes it is closed."""
    circuit, now = Circuit(SETTINGS), 0.0
    for step, what in steps:
        now += step
        if what == "probe":
            circuit.probe_succeeded()
        elif circuit.allows(now):
            circuit.begin(now)
            _end(circuit, now, what)
    now += SETTINGS.open * MAX_BACKOFF + PROBE_GRACE
    for _ in range(SETTINGS.trials):
        assert circuit.allows(now)
        circuit.begin(now)
        circuit.succeeded(now)
    assert circuit.state is State.CLOSED


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=300))
def test_a_window_counts_what_is_in_it(calls: list[tuple[float, bool]]) -> None:
    window, now, told = SlidingWindow(10.0), 0.0, list[tuple[float, bool]]()
    for step, failed in calls:
        now += step
        window.add(now, failed=failed)
        told.append((now, failed))
    total, failures = window.counts(now)
    surely = [one for one in told if one[0] > now - 9.0]
    at_most = [one for one in told if one[0] >= now - 10.0 - 1e-6]
    assert len(surely) <= total <= len(at_most)
    assert sum(f for _, f in surely) <= failures <= sum(f for _, f in at_most)


@pytest.mark.parametrize("seconds", [10.0, 1000.0])
def test_a_window_that_was_silent_long_is_empty(seconds: float) -> None:
    window = SlidingWindow(10.0)
    window.add(3.0, failed=True)
    assert window.counts(4.0 + seconds) == (0, 0)
