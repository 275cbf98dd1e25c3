"""Calendar periods and the plan of spending over one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.routing.budget.plan import DAY, HOUR, HOURS, LEAST, by_traffic, even, span
from weir_policy.spec.objective import Period

MOMENTS = st.floats(min_value=0, max_value=4e9)
DAYS = st.lists(
    st.lists(st.integers(0, 1000), min_size=HOURS, max_size=HOURS), min_size=0, max_size=20
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("period", "moment", "key", "start", "end"),
    [
        (Period.HOUR, "2026-12-31T23:59:59", "2026-12-31T23", "2026-12-31T23:00", "2027-01-01"),
        (Period.DAY, "2026-02-28T12:00", "2026-02-28", "2026-02-28", "2026-03-01"),
        (Period.DAY, "2028-02-28T12:00", "2028-02-28", "2028-02-28", "2028-02-29"),
        (Period.MONTH, "2026-12-31T23:59:59", "2026-12", "2026-12-01", "2027-01-01"),
        (Period.MONTH, "2027-02-01", "2027-02", "2027-02-01", "2027-03-01"),
        (Period.MONTH, "2027-01-31", "2027-01", "2027-01-01", "2027-02-01"),
    ],
)
def test_periods_are_the_calendars_in_utc(
    period: Period, moment: str, key: str, start: str, end: str
) -> None:
    found = span(period, at(moment))
    assert (found.key, found.start, found.end) == (key, at(start), at(end))


@given(MOMENTS, st.sampled_from(Period))
def test_every_moment_lies_in_its_period_and_periods_follow_one_another(
    moment: float, period: Period
) -> None:
    found = span(period, moment)
    assert found.start <= moment < found.end
    after = span(period, found.end)
    assert after.start == found.end
    assert after.key > found.key


def test_an_even_plan_is_a_straight_line() -> None:
    plan = even(span(Period.DAY, at("2026-11-24")))
    assert plan.share(at("2026-11-24T06:00")) == pytest.approx(0.25)
    assert plan.share(at("2026-11-23")) == 0.0
    assert plan.share(at("2026-11-26")) == 1.0


@given(DAYS, st.sampled_from(Period), st.lists(st.floats(-DAY, 40 * DAY), min_size=2))
def test_a_plan_rises_from_nothing_to_all(
    days: list[list[int]], period: Period, moments: list[float]
) -> None:
    today = span(period, at("2026-11-24"))
    first = round(today.start / HOUR) - len(days) * HOURS
    counts = {first + n: c for n, c in enumerate(c for day in days for c in day) if c}
    plan = by_traffic(period, today, counts)
    shares = [plan.share(today.start + moment) for moment in sorted(moments)]
    assert shares == sorted(shares)
    assert plan.share(today.start) == 0.0
    assert plan.share(today.end) == pytest.approx(1.0)


def test_the_plan_is_the_hours_median_of_whole_days() -> None:
    today = span(Period.DAY, at("2026-11-24"))
    first = round(today.start / HOUR)
    counts: dict[int, int] = {first - 4 * HOURS + 22: 999}  # a day that is only known from 22:00
    for day, noon in ((3, 200), (2, 300), (1, 99_000)):  # a burst on one of three days
        begin = first - day * HOURS
        counts |= {begin + hour: 100 for hour in range(HOURS)} | {begin + 12: noon}
    plan = by_traffic(Period.DAY, today, counts)
    total = 23 * 100 + 300
    assert plan.share(today.start + 12 * HOUR) == pytest.approx(1200 / total)
    assert plan.share(today.start + 13 * HOUR) == pytest.approx(1500 / total)


def test_hours_without_requests_get_a_little() -> None:
    today = span(Period.DAY, at("2026-11-24"))
    first = round(today.start / HOUR) - HOURS
    plan = by_traffic(Period.DAY, today, {first: 2400})
    least = LEAST * 100
    assert plan.share(today.start + HOUR) == pytest.approx(2400 / (2400 + 23 * least))


def test_nothing_whole_is_known_and_the_plan_is_even() -> None:
    today = span(Period.DAY, at("2026-11-24"))
    now = round(today.start / HOUR)
    for counts in ({}, {now - 1: 5}, {now + 3: 7}):
        assert by_traffic(Period.DAY, today, counts).edges == even(today).edges
    hour = span(Period.HOUR, at("2026-11-24"))
    assert by_traffic(Period.HOUR, hour, {now - 30: 5}).edges == even(hour).edges


def test_a_month_knows_its_weekdays_once_each_was_seen() -> None:
    month = span(Period.MONTH, at("2026-12-01"))  # a Tuesday
    first = round(month.start / HOUR)
    counts = {
        first - day * HOURS + hour: 10 if (1 - day) % 7 in {5, 6} else 100  # Monday is 0
        for day in range(1, 15)
        for hour in range(HOURS)
    }
    plan = by_traffic(Period.MONTH, month, counts)
    friday, saturday = month.start + 3 * DAY, month.start + 4 * DAY

    def share(day: float) -> float:
        return plan.share(day + DAY) - plan.share(day)

    assert share(saturday) == pytest.approx(share(friday) / 10)
