"""Who writes: the holder of the Lease, by each replica's own clock."""

import asyncio

from support.fake_cluster import FakeCluster
from support.fakes import FakeClock
from weir_operator.apply.cluster import ClusterError
from weir_operator.apply.election import ADDRESS, Election, LeaseTiming

TERMS = LeaseTiming(duration=15.0, retry_interval=4.0)


def made(cluster: FakeCluster, name: str, clock: FakeClock) -> Election:
    """One replica."""
    return Election(cluster, name, f"{name}:50052", clock, TERMS)


async def test_the_first_one_leads_and_the_other_knows_where_it_is() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, two = made(cluster, "one", clock), made(cluster, "two", clock)
    await one.round()
    await two.round()
    assert (one.leading, two.leading) == (True, False)
    assert (one.holder_address, two.holder_address) == ("", "one:50052")
    assert cluster.lease is not None
    assert cluster.lease["metadata"]["annotations"] == {ADDRESS: "one:50052"}
    assert cluster.lease["spec"]["leaseTransitions"] == 1


async def test_who_can_t_renew_stops_writing_before_another_may_begin() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, two = made(cluster, "one", clock), made(cluster, "two", clock)
    await one.round()
    await two.round()
    cluster.failing = ClusterError("away")
    clock.advance(TERMS.duration - TERMS.retry_interval)
    await one.round()
    cluster.failing = None
    await two.round()
    assert [one.leading, two.leading] == [False, False]  # for it the Lease has not run out
    clock.advance(TERMS.retry_interval)
    await two.round()
    assert [one.leading, two.leading] == [False, True]
    await one.round()
    assert (one.leading, one.holder_address) == (False, "two:50052")


async def test_a_lease_that_is_renewed_is_never_taken_whatever_its_clock_says() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, two = made(cluster, "one", clock), made(cluster, "two", clock)
    for _ in range(10):
        await one.round()
        assert cluster.lease is not None
        cluster.lease["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
        await two.round()
        clock.advance(TERMS.retry_interval)
        assert not two.leading


async def test_who_ends_gives_the_lease_up() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, two = made(cluster, "one", clock), made(cluster, "two", clock)
    led = asyncio.Event()
    one.on_round(led.set)
    running = asyncio.create_task(one.run(), name="election")
    await led.wait()
    running.cancel()
    await asyncio.wait({running})
    assert not one.leading
    await two.round()
    assert two.leading


async def test_of_two_that_try_at_once_one_loses_the_race() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, two = made(cluster, "one", clock), made(cluster, "two", clock)
    await asyncio.gather(one.round(), two.round())
    assert [one.leading, two.leading].count(True) == 1
