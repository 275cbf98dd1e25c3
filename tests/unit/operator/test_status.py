"""Statuses: what they say, and when their times change."""

from support.resources import backend, policy
from weir_operator.apply.board import Board, snapshot_of
from weir_operator.apply.gateways import Gateways, Session, Usage
from weir_operator.apply.progress import Held, progress_of
from weir_operator.apply.status import (
    PROGRAM_MEANINGS,
    Programmed,
    ProgramReason,
    conditions_in,
    status_of,
    usage_in,
)
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import Finding
from weir_operator.resources.objects import gather
from weir_operator.resources.parse import parse
from weir_proto.routing.v1.routetable_pb2 import PolicyUsage, Report

DONE = Programmed(True, ProgramReason.PROGRAMMED, "done", 2, 2)  # noqa: FBT003 - its first field
WAITING = Programmed(False, ProgramReason.PROGRESSING, "1 of 2", 1, 2)  # noqa: FBT003 - its first field


def planned(**spec: object) -> tuple[Plan, Finding]:
    """A plan over one policy, and what it found of it."""
    documents = (backend("weak"), backend("strong"), policy("chat", "shop", **spec))
    plan = compile_table(
        gather(p.resource for p in map(parse, documents) if p.resource), Form.CLUSTER
    )
    return plan, next(f for f in plan.findings if f.ref.name == "chat")


def test_the_time_changes_with_the_status_and_with_nothing_else() -> None:
    _, finding = planned()
    first = status_of(finding, WAITING, Usage(), {}, "2026-01-01T00:00:00Z")
    second = status_of(finding, DONE, Usage(), first, "2026-01-02T00:00:00Z")
    times = {kind: c["lastTransitionTime"] for kind, c in conditions_in(second).items()}
    assert times == {
        "Accepted": "2026-01-01T00:00:00Z",
        "ResolvedRefs": "2026-01-01T00:00:00Z",
        "Programmed": "2026-01-02T00:00:00Z",
        "Ready": "2026-01-02T00:00:00Z",
    }
    assert status_of(finding, DONE, Usage(), second, "2026-01-03T00:00:00Z") == second


def test_ready_has_the_reason_of_what_keeps_it_from_it() -> None:
    _, finding = planned(cascade={"accept": "0.7"})
    status = status_of(finding, WAITING, Usage(), {}, "2026-01-01T00:00:00Z")
    assert conditions_in(status)["Ready"]["reason"] == "NotSupported"


def test_usage_is_written_for_people_and_kept_exactly() -> None:
    _, finding = planned()
    used = Usage(requests=81234, strong=15597, paid=5, saved=412_100_000)
    status = status_of(finding, DONE, used, {}, "2026-01-01T00:00:00Z")
    assert (status["strongShare"], status["saved"], status["requests"]) == (
        *("19.2%", "$412.10", 81234),
    )
    assert usage_in(status) == used
    loss = status_of(finding, DONE, Usage(1, 1, 1, -2_500_000), {}, "2026-01-01T00:00:00Z")
    assert loss["saved"] == "-$2.50"


def test_progress_follows_acknowledgements() -> None:
    plan, finding = planned()
    board = Board()
    assert progress_of(finding, board, (), None).reason is ProgramReason.NO_GATEWAYS
    board.publish(snapshot_of(plan))
    sessions = (Session("a", running=plan.table.version), Session("b"))
    behind = progress_of(finding, board, sessions, None)
    assert (behind.reason, behind.running, behind.gateways) == (ProgramReason.PROGRESSING, 1, 2)
    assert progress_of(finding, board, sessions[:1], None).holds


def test_a_failing_probe_holds_its_policy_and_the_table() -> None:
    _, finding = planned()
    held = Held({finding.ref.id: "expected weak, decided strong"})
    assert progress_of(finding, Board(), (), held).reason is ProgramReason.PROBE_FAILED
    other = Held({"shop/other": "x"})
    assert progress_of(finding, Board(), (), other).reason is ProgramReason.HELD_BACK


def test_every_reason_is_documented() -> None:
    assert set(PROGRAM_MEANINGS) == set(ProgramReason)


def usage(requests: int) -> PolicyUsage:
    """Of the one policy."""
    return PolicyUsage(policy="shop/chat", requests=requests, strong=requests // 2)


def test_sums_survive_reconnects_and_restarts_of_gateways() -> None:
    gateways = Gateways()
    session = gateways.join("a")
    gateways.note(session, Report(gateway="a", usage=[usage(10)]))  # counted before: not again
    gateways.note(session, Report(gateway="a", usage=[usage(15)]))
    gateways.leave(session)
    again = gateways.join("a")
    gateways.note(again, Report(gateway="a", usage=[usage(18)]))
    gateways.note(again, Report(gateway="a", usage=[usage(2)]))  # started anew
    assert gateways.take_usage()["shop/chat"].requests == 5 + 3 + 2
    assert gateways.take_usage() == {}


def test_of_two_streams_of_one_gateway_the_newer_counts() -> None:
    gateways = Gateways()
    old, new = gateways.join("a"), gateways.join("a")
    assert gateways.connected() == (new,)
    gateways.leave(old)
    assert gateways.connected() == (new,)


def test_a_refusal_does_not_change_what_runs() -> None:
    gateways = Gateways()
    session = gateways.join("a")
    acked = Report(gateway="a", version="1")
    acked.ack.SetInParent()
    gateways.note(session, acked)
    refused = Report(gateway="a", version="2")
    refused.nack.reason = "no"
    gateways.note(session, refused)
    assert session.running == "1"
    assert session.refusal is not None
    assert session.refusal.version == "2"
