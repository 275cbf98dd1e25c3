"""Statuses: what they say, and when their times change."""

from dataclasses import replace

from support.resources import backend, policy
from weir_operator.apply.gateways import GatewayState, Refusal
from weir_operator.apply.progress import BlockedTable, RolloutState, progress_of
from weir_operator.apply.status import (
    PROGRAM_MEANINGS,
    Programmed,
    ProgramReason,
    conditions_in,
    status_of,
)
from weir_operator.apply.table_publisher import TablePublisher, contents_of, snapshot_of
from weir_operator.apply.usage import Tally, Usage, tally_in
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import Finding
from weir_operator.plan.promises import Certificate, Proofs, RouterProof
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

DONE = Programmed(True, ProgramReason.PROGRAMMED, "done", 2, 2)  # noqa: FBT003 - its first field
WAITING = Programmed(False, ProgramReason.PROGRESSING, "1 of 2", 1, 2)  # noqa: FBT003 - its first field


def planned(*, proofs: Proofs | None = None, **spec: object) -> tuple[Plan, Finding]:
    """A plan over one policy, and what it found of it."""
    documents = (backend("weak"), backend("strong"), policy("chat", "shop", **spec))
    plan = compile_table(
        gather(p.resource for p in map(parse, documents) if p.resource),
        Form.CLUSTER,
        proofs=proofs,
    )
    return plan, next(f for f in plan.findings if f.ref.name == "chat")


def test_the_time_changes_with_the_status_and_with_nothing_else() -> None:
    _, finding = planned()
    first = status_of(finding, WAITING, Tally(), {}, "2026-01-01T00:00:00Z")
    second = status_of(finding, DONE, Tally(), first, "2026-01-02T00:00:00Z")
    times = {kind: c["lastTransitionTime"] for kind, c in conditions_in(second).items()}
    assert times == {
        "Accepted": "2026-01-01T00:00:00Z",
        "ResolvedRefs": "2026-01-01T00:00:00Z",
        "Programmed": "2026-01-02T00:00:00Z",
        "Ready": "2026-01-02T00:00:00Z",
    }
    assert status_of(finding, DONE, Tally(), second, "2026-01-03T00:00:00Z") == second


def test_ready_has_the_reason_of_what_keeps_it_from_it() -> None:
    _, finding = planned(rules=[{"name": "r", "when": "request.tols > 0", "use": "weak"}])
    status = status_of(finding, WAITING, Tally(), {}, "2026-01-01T00:00:00Z")
    assert conditions_in(status)["Ready"]["reason"] == "InvalidRule"


def test_a_promise_that_exams_certify_is_unproven_and_ready_all_the_same() -> None:
    exams = {"": RouterProof((Certificate(0.95, 0.95),))}
    own = {"": RouterProof((Certificate(0.95, 0.95, own=True),))}
    objective = {"quality": {"retention": "95%"}}
    shown: list[tuple[object, object]] = []
    for proofs in (exams, own):
        _, finding = planned(proofs=proofs, objective=objective)
        conditions = conditions_in(status_of(finding, DONE, Tally(), {}, "2026-01-01T00:00:00Z"))
        shown.append((conditions["Proven"]["status"], conditions["Proven"]["reason"]))
        assert conditions["Ready"]["status"] == "True"
    assert shown == [("False", "Unproven"), ("True", "OwnLabels")]


def test_the_share_of_unknown_prompts_is_of_those_that_were_judged() -> None:
    _, finding = planned()
    used = Usage(requests=100, strong=20, judged=80, unknown=20)
    status = status_of(finding, DONE, Tally(used), {}, "2026-01-01T00:00:00Z")
    assert status["unknownShare"] == "25.0%"
    assert tally_in(status).totals == used
    older = status_of(finding, DONE, Tally(Usage(requests=100)), {}, "2026-01-01T00:00:00Z")
    assert "unknownShare" not in older


def test_usage_is_written_for_people_and_kept_exactly() -> None:
    _, finding = planned()
    used = Usage(requests=81234, strong=15597, paid=5, saved=412_100_000)
    status = status_of(finding, DONE, Tally(used), {}, "2026-01-01T00:00:00Z")
    assert (status["strongShare"], status["saved"], status["requests"]) == (
        *("19.2%", "$412.10", 81234),
    )
    assert tally_in(status) == Tally(used)
    lost = Tally(Usage(1, 1, 1, -2_500_000))
    loss = status_of(finding, DONE, lost, {}, "2026-01-01T00:00:00Z")
    assert loss["saved"] == "-$2.50"


def test_progress_follows_acknowledgements() -> None:
    plan, finding = planned()
    publisher = TablePublisher()
    wanted = contents_of(plan.table)
    assert (
        progress_of(finding, RolloutState(publisher, wanted, ())).reason
        is ProgramReason.NO_GATEWAYS
    )
    publisher.publish(snapshot_of(plan))
    gateways = (GatewayState("a", running=plan.table.version), GatewayState("b"))
    behind = progress_of(finding, RolloutState(publisher, wanted, gateways))
    assert (behind.reason, behind.running, behind.gateways) == (ProgramReason.PROGRESSING, 1, 2)
    assert progress_of(finding, RolloutState(publisher, wanted, gateways[:1])).holds


def test_a_policy_that_one_gateway_leaves_out_says_which_gateway_and_why() -> None:
    plan, finding = planned()
    publisher = TablePublisher()
    publisher.publish(snapshot_of(plan))
    version = plan.table.version
    refusal = Refusal(version, finding.ref.id, "needs mirrors, which this version lacks")
    other = replace(refusal, policy="shop/other")
    gateways = (
        GatewayState("new", running=version),
        GatewayState("old", running=version, refused=(other, refusal)),
    )
    told = progress_of(finding, RolloutState(publisher, contents_of(plan.table), gateways))
    assert (told.reason, told.running, told.gateways) == (ProgramReason.GATEWAY_REFUSED, 1, 2)
    assert told.message == "old: needs mirrors, which this version lacks"


def test_a_policy_made_anew_is_not_programmed_by_its_namesake() -> None:
    plan, _ = planned(mode="Shadow")
    namesake = tuple(replace(entry, uid="another") for entry in plan.table.policies)
    before = replace(plan, table=replace(plan.table, policies=namesake))
    plan, finding = planned()
    publisher = TablePublisher()
    publisher.publish(snapshot_of(before))
    wanted = contents_of(plan.table)
    running = GatewayState("a", running=before.table.version)
    facts = RolloutState(publisher, wanted, (running,))
    assert finding.generation == before.table.policies[0].generation
    assert progress_of(finding, facts).reason is ProgramReason.PROGRESSING


def test_a_table_of_another_version_s_replica_with_the_same_resources_counts() -> None:
    plan, finding = planned()
    publisher = TablePublisher()
    publisher.publish(snapshot_of(plan))
    publisher.record_relayed("compiled otherwise", contents_of(plan.table))
    running = GatewayState("a", running="compiled otherwise")
    assert progress_of(finding, RolloutState(publisher, contents_of(plan.table), (running,))).holds


def test_a_failing_probe_holds_its_policy_and_the_table() -> None:
    plan, finding = planned()
    wanted = contents_of(plan.table)
    held = BlockedTable({finding.ref.id: "expected weak, decided strong"})
    facts = RolloutState(TablePublisher(), wanted, (), held)
    assert progress_of(finding, facts).reason is ProgramReason.PROBE_FAILED
    facts = RolloutState(TablePublisher(), wanted, (), BlockedTable({"shop/other": "x"}))
    assert progress_of(finding, facts).reason is ProgramReason.HELD_BACK


def test_every_reason_is_documented() -> None:
    assert set(PROGRAM_MEANINGS) == set(ProgramReason)
