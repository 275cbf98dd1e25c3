"""Who counts as a gateway: streams here, streams to other replicas, and those that broke."""

from support.fakes import FakeClock
from weir_operator.apply.gateways import Gateways, Standing
from weir_proto.routing.v1.routetable_pb2 import Report

GRACE = 10.0


def acked(version: str) -> Report:
    """An acknowledgement."""
    report = Report(gateway="a", version=version)
    report.ack.SetInParent()
    return report


def made() -> tuple[Gateways, FakeClock]:
    """None yet."""
    clock = FakeClock()
    return Gateways(clock, GRACE), clock


def running(gateways: Gateways) -> list[tuple[str, str]]:
    """Who runs what."""
    return [(standing.gateway, standing.running) for standing in gateways.counted()]


def test_a_gateway_that_says_goodbye_is_gone_at_once() -> None:
    gateways, _ = made()
    session = gateways.join(Report(gateway="a", version="1"))
    gateways.note(session, Report(gateway="a", goodbye=True))
    gateways.leave(session)
    assert gateways.counted() == ()
    assert gateways.changes_in() is None


def test_a_gateway_whose_stream_breaks_counts_until_its_grace_is_over() -> None:
    gateways, clock = made()
    session = gateways.join(Report(gateway="a", version="1"))
    gateways.leave(session)
    clock.advance(GRACE - 1)
    assert running(gateways) == [("a", "1")]
    assert gateways.changes_in() == 1
    clock.advance(1)
    assert gateways.counted() == ()


def test_of_two_streams_of_one_gateway_the_newer_counts() -> None:
    gateways, _ = made()
    old = gateways.join(Report(gateway="a", version="1", started=5, stream=1))
    new = gateways.join(Report(gateway="a", version="2", started=5, stream=2))
    gateways.note(old, acked("late"))
    assert running(gateways) == [("a", "2")]
    gateways.leave(old)
    assert running(gateways) == [("a", "2")]
    assert gateways.changes_in() is None
    gateways.leave(new)
    assert gateways.changes_in() == GRACE


def test_of_two_gateways_by_one_name_the_one_that_stays_counts() -> None:
    gateways, _ = made()
    gateways.join(Report(gateway="a", version="1", started=5, stream=1))
    brief = gateways.join(Report(gateway="a", version="2", started=6, stream=1))
    gateways.note(brief, Report(gateway="a", goodbye=True))
    gateways.leave(brief)
    assert running(gateways) == [("a", "1")]


def test_a_gateway_that_goes_to_another_replica_is_there_once() -> None:
    gateways, _ = made()
    link = object()
    here = gateways.join(Report(gateway="a", version="1", started=5, stream=1))
    gateways.relayed(link, Standing("a", 5, 2, "2"))
    assert running(gateways) == [("a", "2")]
    gateways.leave(here)  # this end was noticed last
    assert gateways.changes_in() is None
    gateways.unlink(link)
    assert gateways.changes_in() == GRACE


def test_what_a_replica_still_says_of_a_gateway_that_came_here_is_not_looked_at() -> None:
    gateways, _ = made()
    link = object()
    gateways.relayed(link, Standing("a", 5, 1, "1"))
    gateways.join(Report(gateway="a", version="2", started=5, stream=2))
    gateways.relayed(link, Standing("a", 5, 1, "1"))
    gateways.relayed_end(link, "a", goodbye=True)
    gateways.unlink(link)
    assert running(gateways) == [("a", "2")]
    assert gateways.changes_in() is None


def test_a_dead_replica_s_gateways_vanish_unless_they_come_back() -> None:
    gateways, clock = made()
    link = object()
    for name in ("a", "b"):
        gateways.relayed(link, Standing(name, 5, 1, "1"))
    gateways.unlink(link)
    assert [name for name, _ in running(gateways)] == ["a", "b"]
    gateways.join(Report(gateway="b", version="1", started=5, stream=2))
    clock.advance(GRACE)
    assert [name for name, _ in running(gateways)] == ["b"]


def test_a_refusal_does_not_change_what_runs() -> None:
    gateways, _ = made()
    session = gateways.join(Report(gateway="a"))
    gateways.note(session, acked("1"))
    refused = Report(gateway="a", version="2")
    refused.nack.reason = "no"
    gateways.note(session, refused)
    (standing,) = gateways.counted()
    assert standing.running == "1"
    assert standing.refusal is not None
    assert standing.refusal.version == "2"


def test_listeners_hear_of_changes_and_of_nothing_else() -> None:
    gateways, _ = made()
    heard: list[str] = []
    gateways.listen(lambda: heard.append("any"))
    end = gateways.follow(heard.append)
    session = gateways.join(Report(gateway="a"))
    assert heard == ["any", "a"]
    gateways.note(session, Report(gateway="a"))
    assert heard == ["any", "a"]
    gateways.relayed(object(), Standing("b"))
    assert heard == ["any", "a", "any"]  # what others relay is not told on
    end()
    gateways.note(session, acked("1"))
    assert heard[3:] == ["any"]
