"""Decide, dispatch, account: what is sent, in which order, and what is counted."""

from dataclasses import dataclass, field, replace

import pytest

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, backend, policy, request, rule, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import BadTable, NoPolicy, UpstreamError, UpstreamFailure
from weir_gateway.routing.pipeline import Ending, Ports, Routing
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import Expose
from weir_runtime.tracing import TraceContext
from weir_wires.content import Usage

SHED = UpstreamError("shed", failure=UpstreamFailure.STATUS, upstream_status=503)
DOWN = UpstreamError("down", failure=UpstreamFailure.CONNECT)


@dataclass
class World:
    scorer: FakeScorer = field(default_factory=lambda: FakeScorer(default=0.9))
    upstreams: FakeUpstreams = field(default_factory=FakeUpstreams)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    clock: FakeClock = field(default_factory=FakeClock)

    def routing(self) -> Routing:
        return Routing(
            Ports(
                scorer=self.scorer,
                upstreams=self.upstreams,
                recorder=self.accounts,
                conditions=CelConditions(),
                clock=self.clock,
                ids=FakeIds(),
            ),
            score_timeout=0.25,
        )


@dataclass
class FakeSpan:
    context: TraceContext
    recording: bool
    attributes: dict[str, object] = field(default_factory=dict[str, object])

    def set(self, key: str, value: str | float, /) -> None:
        self.attributes[key] = value


async def test_a_request_goes_where_it_was_decided() -> None:
    world, made = World(), table(policy())
    routing = world.routing()
    decision = await routing.decide(request(), made)
    dispatched = await routing.dispatch(request(), decision, made)
    assert (dispatched.reply.status, dispatched.decision) == (200, decision)
    assert world.upstreams.sent == ["shop/strong"]
    assert world.accounts.decisions == [decision]


async def test_a_failed_model_is_followed_by_the_policys_order() -> None:
    other = backend("other")
    made = table(
        policy(candidates=[WEAK, other, STRONG], upstream_order=["strong", "other", "weak"])
    )
    world = World(upstreams=FakeUpstreams({STRONG.id: SHED, other.id: DOWN}))
    routing = world.routing()
    decision = await routing.decide(request(), made)
    dispatched = await routing.dispatch(request(), decision, made)
    assert world.upstreams.sent == ["shop/strong", "shop/other", "shop/weak"]
    assert (dispatched.decision.chosen, dispatched.decision.label) == (WEAK, "fallback:connect")
    assert [d.label for d in world.accounts.fallbacks] == ["fallback:503", "fallback:connect"]
    assert dispatched.decision.id == decision.id
    assert dispatched.decision.scored == decision.scored


async def test_when_all_fail_the_last_error_is_told() -> None:
    made = table(policy(upstream_order=["strong", "weak"]))
    world = World(upstreams=FakeUpstreams({STRONG.id: DOWN, WEAK.id: SHED}))
    routing = world.routing()
    with pytest.raises(UpstreamError) as caught:
        await routing.dispatch(request(), await routing.decide(request(), made), made)
    assert caught.value is SHED
    assert world.upstreams.sent == ["shop/strong", "shop/weak"]


async def test_an_answer_the_client_must_mend_is_passed_on() -> None:
    made = table(policy(upstream_order=["strong", "weak"]))
    world = World(upstreams=FakeUpstreams({STRONG.id: FakeReply(status=400)}))
    routing = world.routing()
    dispatched = await routing.dispatch(request(), await routing.decide(request(), made), made)
    assert dispatched.reply.status == 400
    assert world.upstreams.sent == ["shop/strong"]


async def test_nothing_falls_back_to_what_cant_serve_the_request() -> None:
    able = replace(STRONG, capabilities=frozenset({Capability.TOOLS}))
    made = table(policy(candidates=[WEAK, able], upstream_order=["strong", "weak"]))
    world = World(upstreams=FakeUpstreams({STRONG.id: DOWN}))
    routing, asked = world.routing(), request(needs=[Capability.TOOLS])
    with pytest.raises(UpstreamError):
        await routing.dispatch(asked, await routing.decide(asked, made), made)
    assert world.upstreams.sent == ["shop/strong"]


async def test_a_direct_call_does_not_fall_back() -> None:
    made = table(
        policy(expose=Expose(direct=True, client_threshold=None), upstream_order=["strong", "weak"])
    )
    world = World(upstreams=FakeUpstreams({STRONG.id: DOWN}))
    routing, asked = world.routing(), request(model="strong")
    with pytest.raises(UpstreamError):
        await routing.dispatch(asked, await routing.decide(asked, made), made)


async def test_after_a_rule_too_nobody_follows_who_cannot_serve() -> None:
    seeing = backend("seeing", capabilities=[Capability.VISION])
    world = World(upstreams=FakeUpstreams({WEAK.id: DOWN}))
    made = table(
        policy(
            candidates=[WEAK, STRONG, seeing],
            rules=[rule("ours", "true", "weak")],
            upstream_order=["strong", "seeing"],
        )
    )
    routing, asked = world.routing(), request(needs=[Capability.VISION])
    dispatched = await routing.dispatch(asked, await routing.decide(asked, made), made)
    assert dispatched.decision.chosen == seeing
    assert world.upstreams.sent == ["shop/weak", "shop/seeing"]


async def test_after_a_rule_that_must_not_leak_nobody_is_asked() -> None:
    world = World(upstreams=FakeUpstreams({WEAK.id: DOWN}))
    ours = replace(rule("ours", "true", "weak"), no_fallback=True)
    made = table(policy(rules=[ours], upstream_order=["strong", "weak"]))
    routing, asked = world.routing(), request()
    with pytest.raises(UpstreamError):
        await routing.dispatch(asked, await routing.decide(asked, made), made)
    assert world.upstreams.sent == ["shop/weak"]


async def test_no_order_is_no_fallback() -> None:
    made = table(policy())
    world = World(upstreams=FakeUpstreams({STRONG.id: DOWN}))
    routing = world.routing()
    with pytest.raises(UpstreamError):
        await routing.dispatch(request(), await routing.decide(request(), made), made)


@pytest.mark.parametrize(("score", "saved"), [(0.1, 9_000_000), (0.9, 0)])
async def test_what_was_used_is_priced(score: float, saved: int) -> None:
    world, made = World(scorer=FakeScorer(default=score)), table(policy())
    routing = world.routing()
    decision = await routing.decide(request(), made)
    ending = Ending(status=200, usage=Usage(60, 40), overhead=0.001, duration=0.5)
    outcome = routing.account(request(), decision, ending)
    assert outcome.paid == 100 * decision.chosen.price.input
    assert outcome.saved == 100 * saved
    assert world.accounts.outcomes == [(decision, outcome)]


async def test_unknown_usage_costs_nothing_known() -> None:
    routing, made = World().routing(), table(policy())
    decision = await routing.decide(request(), made)
    ending = Ending(status=502, usage=None, overhead=0, duration=0.1, error="upstream_error")
    outcome = routing.account(request(), decision, ending)
    assert (outcome.paid, outcome.saved, outcome.error) == (0, 0, "upstream_error")


async def test_the_span_is_told_and_its_context_goes_to_the_scorer() -> None:
    world, made = World(), table(policy())
    context = TraceContext(1, 2, sampled=True)
    span = FakeSpan(context, recording=True)
    decision = await world.routing().decide(request(), made, span=span)
    assert world.scorer.queries[0].trace is context
    assert span.attributes == {
        "weir.decision": decision.id,
        "weir.policy": "shop/chat",
        "weir.model": "strong",
        "weir.reason": "scored",
        "weir.routetable.version": "v1",
        "weir.score": 0.9,
        "weir.router": "linear",
        "weir.bundle": "fake@000000000000",
        "weir.threshold": 0.6,
    }
    silent = FakeSpan(context, recording=False)
    await world.routing().decide(request(), made, span=silent)
    assert not silent.attributes


async def test_what_is_refused_is_no_decision() -> None:
    world = World()
    with pytest.raises(NoPolicy):
        await world.routing().decide(request(model="other"), table(policy()))
    assert not world.accounts.decisions


def test_a_table_is_prepared_before_it_serves() -> None:
    routing = World().routing()
    assert routing.prepare(table(policy(models=["auto", "best"]))) == ("auto", "best")
    with pytest.raises(BadTable):
        routing.prepare(table(policy(rules=[rule("r", "(", "weak")])))
