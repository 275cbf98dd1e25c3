"""Sums in statuses: whatever comes twice, late or over another replica is counted once."""

from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeClock
from weir_operator.apply.usage import (
    MAX_RUNS,
    GatewayRun,
    Tally,
    Usage,
    add_new_usage,
    tally_fields,
    tally_in,
)
from weir_operator.apply.usage_reports import RETENTION_SECONDS, UsageReports
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage

POLICY, UID = "shop/chat", "u1"


def used(requests: int) -> Usage:
    """So many requests, half of them strong."""
    return Usage(requests, requests // 2, requests * 10, -requests, requests, requests // 4)


def entry(requests: int, uid: str = UID) -> PolicyUsage:
    """The same, as a gateway reports it."""
    usage = used(requests)
    return PolicyUsage(
        policy=POLICY,
        uid=uid,
        requests=usage.requests,
        strong=usage.strong,
        paid_micro_usd=usage.paid,
        saved_micro_usd=usage.saved,
        judged=usage.judged,
        unknown=usage.unknown,
    )


Growth = list[tuple[str, int, int]]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.integers(0, 50)), max_size=30)
)
def test_every_request_counts_once_whoever_reads_and_writes(grown: Growth) -> None:
    """Several writers, each from a status that may be an older one; reports in any order."""
    sums: dict[GatewayRun, int] = {}
    written = [Tally()]
    for number, (name, life, more) in enumerate(sorted(grown, key=lambda g: g[1])):
        source = GatewayRun(name, life)
        sums[source] = sums.get(source, 0) + more
        seen = {s: used(n) for s, n in sums.items() if (number + s.started) % 3}
        base = written[max(len(written) - 1 - number % 2, 0)]
        written.append(add_new_usage(base, seen, {"a", "b", "c"}))
    last = add_new_usage(written[-1], {s: used(n) for s, n in sums.items()}, {"a", "b", "c"})
    again = add_new_usage(last, {s: used(n) for s, n in sums.items()}, {"a", "b", "c"})
    assert again is last
    newest = {name: max(s.started for s in sums if s.gateway == name) for name, _, _ in grown}
    least = sum(n for s, n in sums.items() if s.started == newest[s.gateway])
    assert least <= last.totals.requests <= sum(sums.values())


def test_lives_of_one_gateway_add_up_and_the_former_is_forgotten() -> None:
    first, second = GatewayRun("a", 1), GatewayRun("a", 2)
    tally = add_new_usage(Tally(), {first: used(10), second: used(4)}, {"a"})
    assert tally.totals == used(14)
    assert [source for source, _ in tally.by_run] == [second]
    assert add_new_usage(tally, {first: used(10)}, {"a"}) is tally


def test_the_longest_unheard_of_are_forgotten_but_nobody_who_is_there() -> None:
    sources = [GatewayRun(f"g{n}", 1) for n in range(MAX_RUNS + 5)]
    tally = add_new_usage(Tally(), dict.fromkeys(sources, used(1)), {"g0"})
    assert tally.totals.requests == MAX_RUNS + 5
    assert len(tally.by_run) == MAX_RUNS
    assert GatewayRun("g0", 1) in dict(tally.by_run)


def test_a_status_keeps_the_tally_exactly() -> None:
    tally = add_new_usage(
        Tally(), {GatewayRun("a", 7): used(3), GatewayRun("b", 8): used(2)}, {"a", "b"}
    )
    assert tally_in(tally_fields(tally)) == tally
    assert tally_in({}) == Tally()
    assert tally_fields(Tally()) == {}


def test_the_ledger_keeps_the_larger_sum_and_tells_of_growth() -> None:
    usage = UsageReports(FakeClock())
    heard: list[tuple[GatewayRun, tuple[str, str]]] = []
    end = usage.on_growth(lambda source, key: heard.append((source, key)))
    a = GatewayRun("a", 1)
    for requests in (5, 3, 5, 8):
        usage.record(a, [entry(requests)])
    assert usage.of(POLICY, UID) == {a: used(8)}
    assert heard == [(a, (POLICY, UID))] * 2
    end()
    usage.record(a, [entry(9)])
    assert len(heard) == 2


def test_a_policy_made_anew_begins_at_nothing() -> None:
    usage = UsageReports(FakeClock())
    usage.record(GatewayRun("a", 1), [entry(5, "old")])
    assert usage.of(POLICY, "new") == {}
    usage.prune({"a"}, {(POLICY, "new")})
    assert list(usage.keys()) == []


def test_the_ledger_forgets_who_has_been_gone_for_long() -> None:
    clock = FakeClock()
    usage = UsageReports(clock)
    usage.record(GatewayRun("gone", 1), [entry(5)])
    usage.record(GatewayRun("here", 1), [entry(6)])
    clock.advance(RETENTION_SECONDS + 1)
    usage.prune({"here"}, {(POLICY, UID)})
    assert usage.of(POLICY, UID) == {GatewayRun("here", 1): used(6)}
