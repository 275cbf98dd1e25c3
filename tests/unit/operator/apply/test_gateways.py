"""Who counts as a gateway: streams here, streams to other replicas, and those that broke."""

from support.fakes import FakeClock
from weir_operator.apply.gateways import Gateways, GatewayState
from weir_proto.routing.v2.routetable_pb2 import Report

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
    return [(state.gateway, state.running) for state in gateways.active()]


def test_a_gateway_that_says_goodbye_is_gone_at_once() -> None:
    gateways, _ = made()
    session = gateways.connect(Report(gateway="a", version="1"))
    gateways.record_report(session, Report(gateway="a", goodbye=True))
    gateways.disconnect(session)
    assert gateways.active() == ()
    assert gateways.next_expiry() is None


def test_a_gateway_whose_stream_breaks_counts_until_its_grace_is_over() -> None:
    gateways, clock = made()
    session = gateways.connect(Report(gateway="a", version="1"))
    gateways.disconnect(session)
    clock.advance(GRACE - 1)
    assert running(gateways) == [("a", "1")]
    assert gateways.next_expiry() == 1
    clock.advance(1)
    assert gateways.active() == ()


def test_of_two_streams_of_one_gateway_the_newer_counts() -> None:
    gateways, _ = made()
    old = gateways.connect(Report(gateway="a", version="1", started=5, stream=1))
    new = gateways.connect(Report(gateway="a", version="2", started=5, stream=2))
    gateways.record_report(old, acked("late"))
    assert running(gateways) == [("a", "2")]
    gateways.disconnect(old)
    assert running(gateways) == [("a", "2")]
    assert gateways.next_expiry() is None
    gateways.disconnect(new)
    assert gateways.next_expiry() == GRACE


def test_of_two_gateways_by_one_name_the_one_that_stays_counts() -> None:
    gateways, _ = made()
    gateways.connect(Report(gateway="a", version="1", started=5, stream=1))
    brief = gateways.connect(Report(gateway="a", version="2", started=6, stream=1))
    gateways.record_report(brief, Report(gateway="a", goodbye=True))
    gateways.disconnect(brief)
    assert running(gateways) == [("a", "1")]


def test_a_gateway_that_goes_to_another_replica_is_there_once() -> None:
    gateways, _ = made()
    link = object()
    here = gateways.connect(Report(gateway="a", version="1", started=5, stream=1))
    gateways.record_relayed(link, GatewayState("a", 5, 2, "2"))
    assert running(gateways) == [("a", "2")]
    gateways.disconnect(here)  # this end was noticed last
    assert gateways.next_expiry() is None
    gateways.drop_link(link)
    assert gateways.next_expiry() == GRACE


def test_what_a_replica_still_says_of_a_gateway_that_came_here_is_not_looked_at() -> None:
    gateways, _ = made()
    link = object()
    gateways.record_relayed(link, GatewayState("a", 5, 1, "1"))
    gateways.connect(Report(gateway="a", version="2", started=5, stream=2))
    gateways.record_relayed(link, GatewayState("a", 5, 1, "1"))
    gateways.record_relayed_end(link, "a", goodbye=True)
    gateways.drop_link(link)
    assert running(gateways) == [("a", "2")]
    assert gateways.next_expiry() is None


def test_a_dead_replica_s_gateways_vanish_unless_they_come_back() -> None:
    gateways, clock = made()
    link = object()
    for name in ("a", "b"):
        gateways.record_relayed(link, GatewayState(name, 5, 1, "1"))
    gateways.drop_link(link)
    assert [name for name, _ in running(gateways)] == ["a", "b"]
    gateways.connect(Report(gateway="b", version="1", started=5, stream=2))
    clock.advance(GRACE)
    assert [name for name, _ in running(gateways)] == ["b"]


def test_a_refusal_does_not_change_what_runs() -> None:
    gateways, _ = made()
    session = gateways.connect(Report(gateway="a"))
    gateways.record_report(session, acked("1"))
    refused = Report(gateway="a", version="2")
    refused.nack.reason = "no"
    gateways.record_report(session, refused)
    (state,) = gateways.active()
    assert state.running == "1"
    assert state.refusal is not None
    assert state.refusal.version == "2"


def test_listeners_hear_of_changes_and_of_nothing_else() -> None:
    gateways, _ = made()
    heard: list[str] = []
    gateways.on_change(lambda: heard.append("any"))
    end = gateways.on_local_change(heard.append)
    session = gateways.connect(Report(gateway="a"))
    assert heard == ["any", "a"]
    gateways.record_report(session, Report(gateway="a"))
    assert heard == ["any", "a"]
    gateways.record_relayed(object(), GatewayState("b"))
    assert heard == ["any", "a", "any"]  # what others relay is not told on
    end()
    gateways.record_report(session, acked("1"))
    assert heard[3:] == ["any"]
