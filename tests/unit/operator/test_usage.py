"""Sums in statuses: whatever comes twice, late or over another replica is counted once."""

from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeClock
from weir_operator.apply.reported import KEEP, Reported
from weir_operator.apply.usage import (
    SOURCES,
    Source,
    Tally,
    Usage,
    brought_up,
    tally_fields,
    tally_in,
)
from weir_proto.routing.v1.routetable_pb2 import PolicyUsage

POLICY, UID = "shop/chat", "u1"


def used(requests: int) -> Usage:
    """So many requests, half of them strong."""
    return Usage(requests, requests // 2, requests * 10, -requests)


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
    )


Growth = list[tuple[str, int, int]]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.integers(0, 50)), max_size=30)
)
def test_every_request_counts_once_whoever_reads_and_writes(grown: Growth) -> None:
    """Several writers, each from a status that may be an older one; reports in any order."""
    sums: dict[Source, int] = {}
    written = [Tally()]
    for number, (name, life, more) in enumerate(sorted(grown, key=lambda g: g[1])):
        source = Source(name, life)
        sums[source] = sums.get(source, 0) + more
        seen = {s: used(n) for s, n in sums.items() if (number + s.started) % 3}
        base = written[max(len(written) - 1 - number % 2, 0)]
        written.append(brought_up(base, seen, {"a", "b", "c"}))
    last = brought_up(written[-1], {s: used(n) for s, n in sums.items()}, {"a", "b", "c"})
    again = brought_up(last, {s: used(n) for s, n in sums.items()}, {"a", "b", "c"})
    assert again is last
    newest = {name: max(s.started for s in sums if s.gateway == name) for name, _, _ in grown}
    least = sum(n for s, n in sums.items() if s.started == newest[s.gateway])
    assert least <= last.totals.requests <= sum(sums.values())


def test_lives_of_one_gateway_add_up_and_the_former_is_forgotten() -> None:
    first, second = Source("a", 1), Source("a", 2)
    tally = brought_up(Tally(), {first: used(10), second: used(4)}, {"a"})
    assert tally.totals == used(14)
    assert [source for source, _ in tally.counted] == [second]
    assert brought_up(tally, {first: used(10)}, {"a"}) is tally


def test_the_longest_unheard_of_are_forgotten_but_nobody_who_is_there() -> None:
    sources = [Source(f"g{n}", 1) for n in range(SOURCES + 5)]
    tally = brought_up(Tally(), dict.fromkeys(sources, used(1)), {"g0"})
    assert tally.totals.requests == SOURCES + 5
    assert len(tally.counted) == SOURCES
    assert Source("g0", 1) in dict(tally.counted)


def test_a_status_keeps_the_tally_exactly() -> None:
    tally = brought_up(Tally(), {Source("a", 7): used(3), Source("b", 8): used(2)}, {"a", "b"})
    assert tally_in(tally_fields(tally)) == tally
    assert tally_in({}) == Tally()
    assert tally_fields(Tally()) == {}


def test_the_ledger_keeps_the_larger_sum_and_tells_of_growth() -> None:
    reported = Reported(FakeClock())
    heard: list[tuple[Source, tuple[str, str]]] = []
    end = reported.follow(lambda source, key: heard.append((source, key)))
    a = Source("a", 1)
    for requests in (5, 3, 5, 8):
        reported.note(a, [entry(requests)])
    assert reported.of(POLICY, UID) == {a: used(8)}
    assert heard == [(a, (POLICY, UID))] * 2
    end()
    reported.note(a, [entry(9)])
    assert len(heard) == 2


def test_a_policy_made_anew_begins_at_nothing() -> None:
    reported = Reported(FakeClock())
    reported.note(Source("a", 1), [entry(5, "old")])
    assert reported.of(POLICY, "new") == {}
    reported.tidy({"a"}, {(POLICY, "new")})
    assert list(reported.all()) == []


def test_the_ledger_forgets_who_has_been_gone_for_long() -> None:
    clock = FakeClock()
    reported = Reported(clock)
    reported.note(Source("gone", 1), [entry(5)])
    reported.note(Source("here", 1), [entry(6)])
    clock.advance(KEEP + 1)
    reported.tidy({"here"}, {(POLICY, UID)})
    assert reported.of(POLICY, UID) == {Source("here", 1): used(6)}
