"""A sliding minute: never above the limit in any sixty seconds, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.limits.sliding_minute import SlidingMinute

STEPS = st.lists(st.tuples(st.floats(-5, 40), st.integers(1, 4)), max_size=60)


@given(STEPS, st.integers(1, 12))
def test_in_no_sixty_seconds_more_than_the_limit_passes(
    steps: list[tuple[float, int]], limit: int
) -> None:
    minute = SlidingMinute()
    now, latest = 1000.0, 1000.0
    minute.pass_to(now)
    passed: list[tuple[float, int]] = []
    for forward, amount in steps:
        now += forward  # backwards too
        latest = max(latest, now)
        minute.pass_to(now)
        if minute.total + amount <= limit:
            minute.add(amount)
            passed.append((latest, amount))
    for began, _ in passed:
        within = sum(amount for at, amount in passed if began <= at < began + 60)
        assert within <= limit


@given(STEPS)
def test_what_is_over_is_forgotten_a_second_later_at_most(steps: list[tuple[float, int]]) -> None:
    minute = SlidingMinute()
    now = 1000.0
    for forward, amount in steps:
        now = max(now, now + forward)
        minute.pass_to(now)
        minute.add(amount)
    minute.pass_to(now + 61)
    assert minute.total == 0


@given(st.integers(1, 50), st.integers(0, 80))
def test_a_correction_counts_down_in_its_own_second_and_up_from_now(held: int, used: int) -> None:
    minute = SlidingMinute()
    minute.pass_to(1000)
    minute.add(held)
    minute.pass_to(1030)
    minute.correct(1000, used - held)
    assert minute.total == used
    minute.pass_to(1061)
    assert minute.total == max(used - held, 0)
    minute.correct(1000, -held)  # over: there is nothing left to take back
    assert minute.total == max(used - held, 0)


def test_the_wait_is_until_enough_is_forgotten() -> None:
    minute = SlidingMinute()
    minute.pass_to(1000)
    minute.add(3)
    minute.pass_to(1020)
    minute.add(2)
    assert minute.wait(1, 1030) == 31
    assert minute.wait(4, 1030) == 51
    assert minute.wait(9, 1030) == 60
