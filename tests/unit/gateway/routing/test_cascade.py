"""Cascades behind hand-written ports: what is on the tab, and what of an answer is held."""

from dataclasses import replace

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, policy, request, table
from weir_gateway.adapters.cel import CelConditions
from weir_gateway.adapters.words import WireWords
from weir_gateway.domain.cascade import Cascade, Check
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.money import Usage
from weir_gateway.domain.spent import Beside, Spent
from weir_gateway.routing.pipeline import Dispatched, Routing
from weir_gateway.routing.ports import Ports

PROSE = b'{"choices":[{"index":0,"message":{"content":"no JSON at all"}}]}'
CHECKED = replace(policy(), cascade=Cascade(accept=0.7, check=Check.JSON))
TOOK = Usage(10, 5)


async def sent(weak: FakeReply, strong: FakeReply) -> tuple[Dispatched, list[Spent]]:
    """One request through a cascade that asks for JSON: what came of it, and the tab."""
    routing = Routing(
        Ports(
            scorer=FakeScorer(default=0.1),
            upstreams=FakeUpstreams({WEAK.id: weak, STRONG.id: strong}),
            accounts=FakeAccounts(),
            conditions=CelConditions(),
            clock=FakeClock(),
            ids=FakeIds(),
            words=WireWords(),
        ),
        score_within=1,
    )
    made, tab = table(CHECKED), list[Spent]()
    decision = await routing.decide(request(), made, tab=tab)
    return await routing.dispatch(request(), decision, made, tab), tab


async def test_a_call_beside_one_that_is_refused_is_on_the_tab_too() -> None:
    weak = FakeReply(body=(PROSE,), usage=TOOK, wasted=Usage(3, 0))
    dispatched, tab = await sent(weak, FakeReply(status=400, wasted=Usage(7, 0)))
    assert (dispatched.decision.reason, dispatched.decision.detail) == (Reason.FALLBACK, "400")
    assert sorted((one.backend.name, one.usage.input, one.what) for one in tab) == [
        ("strong", 7, Beside.HEDGE),
        ("weak", 3, Beside.HEDGE),
    ]
