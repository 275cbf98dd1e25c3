"""Variants: who has which, for how long, and what it changes."""

from collections import Counter
from dataclasses import replace

import pytest

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeScorer, FakeUpstreams
from support.tables import FACTS, STRONG, WEAK, policy, request, table
from weir_gateway.adapters.ledger.entry import entry
from weir_gateway.adapters.metrics.decision_log import DecisionLog
from weir_gateway.adapters.metrics.decision_metrics import DecisionMetrics
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, Threshold, Variant
from weir_gateway.routing.account import Ending, outcome
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.policy.variants import bucket_of
from weir_policy.ids import RouterName
from weir_policy.spec.policy import ClientThreshold, Expose, Mode
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry
from weir_wires.content import Usage

CONTROL = Variant("control", 9)
NEW = Variant("new", 1, router=RouterName("mf"), objective=Threshold(0.2))


def varied(*variants: Variant, **fields: object) -> Policy:
    made = policy(expose=Expose(direct=True, client_threshold=ClientThreshold(min=0.0, max=1.0)))
    return replace(made, variants=variants, **fields)  # type: ignore[arg-type] # a policy's own


def routing(scorer: FakeScorer | None = None) -> Routing:
    return Routing(
        Ports(
            scorer=scorer or FakeScorer(default=0.4),
            upstreams=FakeUpstreams(),
            recorder=FakeAccounts(),
            conditions=CelConditions(),
            clock=FakeClock(),
            ids=FakeIds(),
        ),
        score_timeout=1.0,
    )


def said(session: str) -> Request:
    return request(headers={"x-weir-session": session})


async def test_conversations_are_shared_out_by_weight_and_stay() -> None:
    made, one, other = table(varied(CONTROL, NEW)), routing(), routing()
    names: Counter[str] = Counter()
    for n in range(3000):
        first = await one.decide(said(f"session-{n}"), made)
        again = await other.decide(said(f"session-{n}"), made)  # another gateway
        assert first.variant == again.variant
        assert first.variant is not None
        names[first.variant.name] += 1
        assert first.variant.share == pytest.approx(0.1 if first.variant.name == "new" else 0.9)
    assert 230 <= names["new"] <= 370  # four standard deviations around 300


async def test_a_variant_decides_by_its_own_router_and_objective() -> None:
    scorer = FakeScorer(default=0.4)
    made, way = table(varied(CONTROL, NEW)), routing(scorer)
    decisions = [await way.decide(said(f"session-{n}"), made) for n in range(100)]
    by_name = {d.variant.name: d for d in decisions if d.variant}
    assert (by_name["control"].chosen, by_name["control"].threshold) == (WEAK, 0.6)
    assert (by_name["new"].chosen, by_name["new"].threshold) == (STRONG, 0.2)
    assert {query.router for query in scorer.queries} == {"", "mf"}


async def test_more_weight_takes_conversations_over_and_gives_none_back() -> None:
    before = table(varied(Variant("new", 1), Variant("control", 9)))
    after = table(varied(Variant("new", 3), Variant("control", 7)), version="v2")
    way = routing()
    for n in range(300):
        was, now = [await way.decide(said(f"s{n}"), made) for made in (before, after)]
        assert was.variant is not None
        assert now.variant is not None
        assert was.variant.name != "new" or now.variant.name == "new"


async def test_without_a_session_it_goes_by_how_the_conversation_began_or_by_who_asks() -> None:
    made, way = table(varied(Variant("a", 1), Variant("b", 1))), routing()

    async def unit(asked: Request) -> str:
        decision = await way.decide(asked, made)
        assert decision.variant is not None
        return decision.variant.unit

    opened = replace(request(), opening=("be brief", "hello"))
    later = replace(request("and then?"), opening=("be brief", "hello"))
    assert await unit(opened) == await unit(later)
    ann = request(facts=replace(FACTS, user="ann"))
    assert await unit(ann) == await unit(replace(ann, scored_text="something else"))
    assert await unit(ann) != await unit(request(facts=replace(FACTS, user="bob")))
    assert await unit(request()) == await unit(request())
    assert await unit(request()) != await unit(replace(request(), body=b'{"model":"auto" }'))


async def test_what_a_client_decides_is_no_variants() -> None:
    made, way = table(varied(CONTROL, NEW)), routing()
    for model in ("strong", "router-mf-0.5"):
        assert (await way.decide(request(model=model), made)).variant is None
    assert (await routing().decide(request(), table(policy()))).variant is None


def test_places_are_spread_evenly_and_policies_apart() -> None:
    places = [bucket_of("shop/chat", str(n)) for n in range(4000)]
    assert all(0 <= one < 1 for one in places)
    assert abs(sum(places) / 4000 - 0.5) < 0.02
    other = [bucket_of("shop/other", str(n)) for n in range(4000)]
    both = sum((a < 0.5) == (b < 0.5) for a, b in zip(places, other, strict=True))
    assert 1850 < both < 2150


async def _shadow_and_variant() -> RouteDecision:
    made = table(varied(Variant("only", 1), mode=Mode.SHADOW))
    return await routing(FakeScorer(default=0.1)).decide(said("x"), made)


async def test_the_ledger_has_the_variant_and_what_a_shadow_would_have_cost() -> None:
    decision = await _shadow_and_variant()
    ending = Ending(status=200, usage=Usage(100, 50), overhead=0.0, duration=1.0)
    line = entry(said("x"), decision, outcome(said("x"), decision, ending), at=1.0, content=False)
    assert (line.variant, line.variant_share, len(line.unit)) == ("only", 1.0, 16)
    assert (line.model, line.intended_model) == ("strong", "weak")
    assert line.intended_pico_usd == cost(WEAK.price, Usage(100, 50))


async def test_metrics_tell_answers_and_money_by_variant() -> None:
    registry = Registry()
    accounts = DecisionMetrics(registry, DecisionLog(share=0))
    decision = await _shadow_and_variant()
    ending = Ending(status=200, usage=Usage(100_000, 100_000), overhead=0.0, duration=1.0)
    accounts.finished(said("x"), decision, outcome(said("x"), decision, ending))
    text = prometheus(registry).decode()
    lines = [line for line in text.splitlines() if line.startswith("weir_variant")]
    label = 'policy="shop/chat",variant="only"'
    assert lines == [
        f'weir_variant_decisions_total{{model="weak",{label}}} 1.0',
        f"weir_variant_cost_usd_total{{{label}}} 2.0",
        f"weir_variant_saved_usd{{{label}}} 0.0",
    ]
