"""Cascades behind hand-written ports: what is on the side_costs, and what of an answer is held."""

from dataclasses import replace

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, cascade, policy, request, table
from weir_gateway.adapters.providers.answer_inspector import WireAnswerInspector
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.outcome import CostKind
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.pipeline import CascadeBounds, Dispatched, Ports, Routing
from weir_policy.spec.cascade import AnswerCheck
from weir_wires.content import Usage

PROSE = b'{"choices":[{"index":0,"message":{"content":"no JSON at all"}}]}'
JSON = b'{"choices":[{"index":0,"message":{"content":"{}"}}]}'
CHECKED = replace(policy(), cascade=cascade(0.7, AnswerCheck.JSON))
TOOK = Usage(10, 5)


def cascading(weak: FakeReply, strong: FakeReply, *, held: int = 1000) -> Routing:
    """A cascade that asks for JSON; `held` bytes of weak answers at once."""
    return Routing(
        Ports(
            scorer=FakeScorer(default=0.1),
            upstreams=FakeUpstreams({WEAK.id: weak, STRONG.id: strong}),
            recorder=FakeAccounts(),
            conditions=CelConditions(),
            clock=FakeClock(),
            ids=FakeIds(),
            inspector=WireAnswerInspector(),
        ),
        score_timeout=1,
        cascade_bounds=CascadeBounds(total=held),
    )


async def sent(routing: Routing) -> tuple[Dispatched, SideCosts]:
    """What came of one request, and the side_costs."""
    made, side_costs = table(CHECKED), SideCosts()
    decision = await routing.decide(request(), made, side_costs=side_costs)
    return await routing.dispatch(request(), decision, made, side_costs), side_costs


async def test_a_call_beside_one_that_is_refused_is_on_the_tab_too() -> None:
    weak = FakeReply(body=(PROSE,), usage=TOOK, wasted=Usage(3, 0))
    dispatched, side_costs = await sent(cascading(weak, FakeReply(status=400, wasted=Usage(7, 0))))
    assert (dispatched.decision.reason, dispatched.decision.detail) == (Reason.FALLBACK, "400")
    assert sorted((one.backend.name, one.usage.input, one.kind) for one in side_costs) == [
        ("strong", 7, CostKind.HEDGE),
        ("weak", 3, CostKind.HEDGE),
    ]


async def test_what_all_requests_hold_is_bounded() -> None:
    weak = FakeReply(body=(JSON[:5], JSON[5:]), usage=TOOK)
    routing = cascading(weak, FakeReply(), held=len(JSON))
    first, _ = await sent(routing)
    assert first.decision.detail == "check json"
    second, _ = await sent(routing)
    assert second.decision.detail == "there is no room to hold its answer"
    assert b"".join([chunk async for chunk in second.reply.chunks()]) == JSON
    await second.reply.close(abort=False)
    await first.reply.close(abort=False)
    third, _ = await sent(routing)
    assert third.decision.detail == "check json"


async def test_an_answer_that_is_not_accepted_is_held_no_longer() -> None:
    routing = cascading(FakeReply(body=(PROSE,), usage=TOOK), FakeReply(), held=len(PROSE))
    for _ in range(2):
        dispatched, side_costs = await sent(routing)
        assert dispatched.decision.reason is Reason.CASCADE_ESCALATED
        assert [one.kind for one in side_costs] == [CostKind.WEAK_ANSWER]
