"""What is counted and said of decisions and outcomes."""

import logging
from dataclasses import replace

import pytest

from support.tables import STRONG, WEAK, policy, request, table
from weir_gateway.adapters.metrics.decision_log import DecisionLog
from weir_gateway.adapters.metrics.decision_metrics import DecisionMetrics, PolicyTotals
from weir_gateway.domain.cache import CachedResponse, CacheLookup, CacheState
from weir_gateway.domain.decision import Reason, RouteDecision, RuleResult, Scored, Verdict
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.outcome import Outcome
from weir_policy.ids import PicoUsd, PolicyId, RouterName, TableVersion
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry
from weir_wires.content import Usage

DECISION = RouteDecision(
    id=DecisionId("f" * 32),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
    scored=Scored(0.25, {}, BundleVersion("b@1"), RouterName("linear")),
    threshold=0.6,
)
OUTCOME = Outcome(
    status=200,
    usage=Usage(60, 40),
    paid=PicoUsd(2 * 10**12),
    saved=PicoUsd(3 * 10**12),
    overhead=0.001,
    duration=0.75,
)


def lines(registry: Registry, start: str) -> list[str]:
    text = prometheus(registry).decode()
    return [line for line in text.splitlines() if line.startswith(start)]


def test_decisions_are_counted_by_policy_model_and_reason() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    accounts.decided(request(), DECISION, 0.0002)
    accounts.decided(request(), DECISION, 0.0002)
    fallen = replace(DECISION, chosen=STRONG, reason=Reason.FALLBACK, detail="503")
    accounts.fell_back(request(), fallen)
    assert lines(registry, "weir_decisions_total") == [
        'weir_decisions_total{model="weak",policy="shop/chat",reason="scored"} 2.0',
        'weir_decisions_total{model="strong",policy="shop/chat",reason="fallback:503"} 1.0',
    ]
    assert lines(registry, "weir_decision_duration_seconds_count") == [
        "weir_decision_duration_seconds_count 2.0"
    ]


def test_money_and_tokens_are_summed() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    for _ in range(2):
        accounts.finished(request(), DECISION, OUTCOME)
    assert lines(registry, "weir_cost_usd_total")[0].endswith(" 4.0")
    assert lines(registry, "weir_saved_usd{")[0].endswith(" 6.0")
    tokens = lines(registry, "gen_ai_client_token_usage_sum")
    assert [line.rsplit(" ", 1)[1] for line in tokens] == ["120.0", "80.0"]
    assert accounts.totals() == {
        "shop/chat": PolicyTotals(
            requests=2, strong=0, paid=PicoUsd(4 * 10**12), saved=PicoUsd(6 * 10**12)
        )
    }


def test_an_answer_given_again_is_saved_and_no_model_was_asked() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    answer = CachedResponse(WEAK.id, (), b"{}", Usage(60, 40))
    looked = CacheLookup(CacheState.HIT, exact_key=b"k", semantic_key=b"m", response=answer)
    again = replace(DECISION, reason=Reason.CACHE, cache=looked)
    accounts.decided(request(), again, 0.0002)
    free = replace(OUTCOME, usage=Usage(0, 0), paid=NOTHING)
    accounts.finished(request(), again, free)
    accounts.joined(request(), again)
    total = accounts.totals()[DECISION.policy]
    assert (total.requests, total.paid, total.saved) == (1, NOTHING, OUTCOME.saved)
    for metric in ("token_usage", "operation_duration_seconds"):
        counts = lines(registry, f"gen_ai_client_{metric}_count")
        assert all(line.endswith(" 0.0") for line in counts)
    start = 'weir_cache_requests_total{cache="'
    assert sorted(lines(registry, start)) == [
        f'{start}exact",policy="shop/chat",result="hit"}} 1.0',
        f'{start}exact",policy="shop/chat",result="joined"}} 1.0',
    ]


def test_an_error_has_its_own_duration_and_no_money() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    failed = replace(
        OUTCOME, usage=None, paid=NOTHING, saved=NOTHING, status=502, error="upstream_error"
    )
    accounts.finished(request(), replace(DECISION, chosen=STRONG), failed)
    (counted,) = (
        line
        for line in lines(registry, "gen_ai_client_operation_duration_seconds_count")
        if line.endswith(" 1.0")
    )
    assert 'error_type="upstream_error"' in counted
    assert accounts.totals()[DECISION.policy] == PolicyTotals(requests=1, strong=1)


def test_an_item_of_a_batch_is_paid_and_its_hours_are_nobodys_wait() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    decision = replace(DECISION, batch="batch_1")
    accounts.decided(request(), decision, 9.0)
    accounts.finished(request(), decision, replace(OUTCOME, duration=36_000.0))
    accounts.finished(request(), decision, replace(OUTCOME, duration=36_000.0, error="broken"))
    assert accounts.totals()[DECISION.policy].requests == 2
    assert lines(registry, "weir_decisions_total")[0].endswith(" 1.0")
    for metric in ("weir_decision_duration", "gen_ai_client_operation_duration"):
        counts = lines(registry, f"{metric}_seconds_count")
        assert all(line.endswith(" 0.0") for line in counts)
    tokens = lines(registry, "gen_ai_client_token_usage_sum")
    assert [line.rsplit(" ", 1)[1] for line in tokens] == ["120.0", "80.0"]


def test_a_second_call_is_paid_though_no_usage_was_told() -> None:
    accounts = DecisionMetrics(Registry(), DecisionLog())
    hedged = replace(OUTCOME, usage=None, paid=PicoUsd(7), saved=PicoUsd(-7))
    accounts.finished(request(), DECISION, hedged)
    totals = accounts.totals()[DECISION.policy]
    assert (totals.paid, totals.saved) == (7, -7)


def test_a_shadow_counts_what_would_have_been() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    shadow = replace(DECISION, chosen=STRONG, reason=Reason.SHADOW, intended=DECISION)
    accounts.decided(request(), shadow, 0.0001)
    accounts.finished(request(), shadow, OUTCOME)
    assert 'model="strong"' in lines(registry, "weir_decisions_total")[0]
    assert 'model="weak"' in lines(registry, "weir_shadow_decisions_total")[0]
    assert accounts.totals()[DECISION.policy].strong == 0


def test_a_policy_made_anew_counts_from_nothing_and_one_that_comes_back_goes_on() -> None:
    accounts = DecisionMetrics(Registry(), DecisionLog())
    first, anew = (replace(policy(), uid=uid) for uid in ("1", "2"))
    accounts.on_table_change(table(first))
    accounts.finished(request(), DECISION, OUTCOME)
    accounts.on_table_change(table())
    accounts.on_table_change(table(first))
    accounts.finished(request(), DECISION, OUTCOME)
    former = accounts.totals()[DECISION.policy]
    assert (former.requests, former.uid) == (2, "1")
    accounts.on_table_change(table(anew))
    accounts.finished(request(), DECISION, OUTCOME)
    totals = accounts.totals()[DECISION.policy]
    assert (totals.requests, totals.uid) == (1, "2")
    assert former.requests == 2


def test_a_rule_that_fails_is_counted_each_time_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog())
    tried = (RuleResult("r", Verdict.FAILED, "division by zero"), RuleResult("s", Verdict.HOLDS))
    for _ in range(3):
        accounts.decided(request(), replace(DECISION, rule_results=tried), 0.0001)
    assert lines(registry, "weir_rule_errors_total")[0].endswith(" 3.0")
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert caplog.records[0].__dict__["why"] == "division by zero"


def test_the_line_says_everything_but_the_prompt(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    DecisionMetrics(Registry(), DecisionLog(share=1.0)).finished(request(), DECISION, OUTCOME)
    (record,) = caplog.records
    said = record.__dict__
    assert {k: said[k] for k in ("policy", "model", "reason", "score", "threshold", "cached")} == {
        "policy": "shop/chat",
        "model": "weak",
        "reason": "scored",
        "score": 0.25,
        "threshold": 0.6,
        "cached": False,
    }
    assert (said["status"], said["cost_usd"], said["saved_usd"]) == (200, 2.0, 3.0)
    assert "hello" not in str(said)


def test_the_prompt_is_there_only_where_content_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    log = DecisionLog(share=1.0, content=True)
    log.finished(request("hello" * 10_000), DECISION, OUTCOME)
    assert len(caplog.records[0].__dict__["text"]) == 4096


@pytest.mark.parametrize(
    ("share", "id_", "said"),
    [(0.0, "0" * 32, 0), (0.5, "7" * 32, 1), (0.5, "8" * 32, 0), (1.0, "f" * 32, 1)],
)
def test_the_sample_is_taken_by_the_decisions_id(
    caplog: pytest.LogCaptureFixture, share: float, id_: str, said: int
) -> None:
    caplog.set_level(logging.INFO)
    decision = replace(DECISION, id=DecisionId(id_))
    DecisionLog(share=share).finished(request(), decision, OUTCOME)
    assert len(caplog.records) == said


def test_at_debug_everything_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    accounts = DecisionMetrics(Registry(), DecisionLog(share=0.0))
    shadow = replace(DECISION, reason=Reason.SHADOW, intended=DECISION)
    accounts.decided(request(), shadow, 0.0001)
    accounts.fell_back(request(), DECISION)
    accounts.finished(request(), DECISION, replace(OUTCOME, error="aborted"))
    assert [r.message for r in caplog.records] == ["decided", "fell back", "answered"]
