"""Which endpoint is called, what may be called again, and how much of it."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import backend
from weir_gateway.adapters.resilience import retry
from weir_gateway.adapters.resilience.backend_state import (
    BURST,
    MIN_SAMPLES,
    WINDOW_SIZE,
    BackendState,
    FirstTokenTimes,
    RetryBudget,
)
from weir_gateway.adapters.resilience.circuit import State
from weir_gateway.adapters.resilience.endpoints import Endpoint, choose, least_busy
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend
from weir_gateway.domain.table import Endpoint as Target
from weir_policy.spec.resilience import Breaker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = list[Endpoint]()


def endpoint(weight: int = 10, name: str = "a") -> Endpoint:
    return Endpoint(backend(name), weight, lambda _: None)


def drawn(endpoints: list[Endpoint], count: int = 4000) -> Counter[int]:
    chance = random.Random(7)
    found = (choose(endpoints, NOBODY, 0.0, chance) for _ in range(count))
    return Counter(endpoints.index(one) for one in found if one is not None)


def failed(status: int | None = None, failure: str = "status", **more: object) -> UpstreamError:
    after = more.get("retry_after")
    return UpstreamError(
        "x",
        failure=UpstreamFailure(failure),
        upstream_status=status,
        retry_after=str(after) if after is not None else None,
        transient=bool(more.get("transient", True)),
    )


def test_idle_endpoints_are_called_by_their_weights() -> None:
    counts = drawn([endpoint(10), endpoint(30)])
    assert counts[1] / counts.total() == pytest.approx(0.75, abs=0.03)


def test_the_less_loaded_is_called() -> None:
    busy, idle = endpoint(), endpoint()
    busy.begin(0.0)
    assert drawn([busy, idle]) == Counter({1: 4000})


def test_load_is_relative_to_weight() -> None:
    small, large = endpoint(10), endpoint(30)
    for _ in range(2):
        large.begin(0.0)
    small.begin(0.0)
    assert drawn([small, large]) == Counter({1: 4000})


def test_an_endpoint_that_fails_is_avoided_until_time_has_healed_it() -> None:
    ill, well = endpoint(), endpoint()
    for _ in range(5):
        ill.begin(0.0)
        ill.failed(0.0)
        ill.ended()
    assert ill.health(0.0) == pytest.approx(0.9**5)
    assert drawn([ill, well]) == Counter({1: 4000})
    chance = random.Random(7)
    assert any(choose([ill, well], NOBODY, 100.0, chance) is ill for _ in range(50))


def test_one_that_was_not_tried_goes_first_and_the_same_again_where_there_is_no_other() -> None:
    one, two = endpoint(), endpoint()
    chance = random.Random(1)
    assert {choose([one, two], [one], 0.0, chance) for _ in range(20)} == {two}
    assert choose([one], [one], 0.0, chance) is one


def test_ejected_ones_are_left_alone_but_for_a_few_calls_where_there_is_nobody_else() -> None:
    told = list[Endpoint]()
    ill = Endpoint(replace(backend("a"), breaker=Breaker(failures=2, share=0.1)), 10, told.append)
    for _ in range(2):
        ill.begin(0.0)
        ill.failed(0.0)
        ill.ended()
    assert told == [ill]
    assert ill.circuit.state is State.OPEN
    assert choose([ill], NOBODY, 0.0, random.Random(1)) is None
    assert choose([ill, ill], NOBODY, 0.0, random.Random(1)) is None
    for _ in range(2):
        assert least_busy([ill]) is ill
        ill.begin(0.0)
    assert least_busy([ill]) is None


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.integers(0, 2**32))
def test_somebody_is_always_chosen(weights: list[int], seed: int) -> None:
    endpoints = [endpoint(weight) for weight in weights]
    assert choose(endpoints, NOBODY, 0.0, random.Random(seed)) in endpoints


@pytest.mark.parametrize(
    ("error", "again", "fault"),
    [
        (failed(failure="connect"), True, retry.Fault.ENDPOINT),
        (failed(failure="broken"), True, retry.Fault.ENDPOINT),
        (failed(failure="broken", transient=False), False, retry.Fault.ENDPOINT),
        (failed(failure="timeout"), False, retry.Fault.ENDPOINT),
        (failed(failure="credential"), False, retry.Fault.ENDPOINT),
        (failed(408), True, retry.Fault.ENDPOINT),
        (failed(409), True, retry.Fault.NONE),
        (failed(429), True, retry.Fault.LIMIT),
        (failed(500), True, retry.Fault.ENDPOINT),
        (failed(529), True, retry.Fault.ENDPOINT),
        (failed(400, "context_length"), False, retry.Fault.NONE),
        (failed(400, "content_filter"), False, retry.Fault.NONE),
        (failed(429, "rate_limit"), True, retry.Fault.LIMIT),
        (failed(529, "overloaded"), True, retry.Fault.ENDPOINT),
        (failed(429, "overloaded"), True, retry.Fault.LIMIT),
        (failed(429, "quota"), False, retry.Fault.NONE),
        (failed(401, "auth"), False, retry.Fault.NONE),
        (failed(404, "model_not_found"), False, retry.Fault.NONE),
    ],
    ids=str,
)
def test_what_is_called_again_and_whose_fault_it_is(
    error: UpstreamError, *, again: bool, fault: retry.Fault
) -> None:
    assert (retry.is_retryable(error), retry.fault(error)) == (again, fault)


@given(st.integers(1, 10), st.floats(0.01, 60), st.floats(0, 1, exclude_max=True))
def test_waits_are_random_grow_and_are_bounded(attempt: int, longest: float, at: float) -> None:
    wait = retry.backoff(attempt, longest, None, at)
    assert wait is not None
    assert 0 <= wait <= min(longest, retry.INITIAL_BACKOFF * 2 ** (attempt - 1))


def test_a_provider_that_asks_for_time_gets_it_or_is_not_called_again() -> None:
    wait = retry.backoff(1, 2.0, 1.5, 0.5)
    assert wait == pytest.approx(1.55)
    assert retry.backoff(1, 2.0, 17.0, 0.5) is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, None),
        ("17", 17.0),
        (" 0.5 ", 0.5),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("Thu, 01 Jan 2026 00:00:09 -0000", 9.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_in_both_of_its_forms(written: str | None, seconds: float | None) -> None:
    assert retry.retry_after_seconds(written, lambda: NOW) == seconds


@given(st.lists(st.booleans(), max_size=500), st.floats(0.01, 0.5))
def test_a_budget_is_a_share_of_requests_and_a_burst(takes: list[bool], share: float) -> None:
    budget, given_ = RetryBudget(share, 0.0, per_second=0.0), 0
    for take in takes:
        budget.deposit()
        given_ += take and budget.try_withdraw(0.0)
    assert given_ <= BURST + share * len(takes)


def test_where_requests_are_few_a_budget_comes_with_time() -> None:
    budget = RetryBudget(0.2, 0.0, per_second=1.0)
    assert sum(budget.try_withdraw(0.0) for _ in range(20)) == BURST
    assert not budget.try_withdraw(0.5)
    assert budget.try_withdraw(1.5)


def test_late_is_told_from_the_last_streams_alone() -> None:
    tokens = FirstTokenTimes()
    for _ in range(MIN_SAMPLES - 1):
        tokens.add(9.0)
    assert tokens.quantile(0.95) is None
    tokens.add(9.0)
    assert tokens.quantile(0.95) == 9.0
    for number in range(WINDOW_SIZE):
        tokens.add(number / WINDOW_SIZE)
    assert tokens.quantile(0.95) == pytest.approx(0.95, abs=0.01)
    assert tokens.quantile(0.5) == pytest.approx(0.5, abs=0.01)


def _several(*endpoints: str) -> Backend:
    plain = backend("weak")
    targets = tuple(Target(replace(plain, endpoint=endpoint), 10) for endpoint in endpoints)
    return replace(plain, endpoints=targets)


def test_a_new_table_keeps_what_is_known_of_the_endpoints_that_stay() -> None:
    group = BackendState(_several("http://a", "http://b"), 0.0, lambda _: None)
    a, b = group.endpoints
    gone = group.update(_several("http://b", "http://c"), 1.0)
    assert gone == (a,)
    assert group.endpoints[0] is b
    assert group.endpoints[1].backend.endpoint == "http://c"
