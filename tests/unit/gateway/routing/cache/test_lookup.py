"""Who takes part in a policy's caches, whose answers are whose, and what is kept."""

from dataclasses import dataclass, field, replace

import pytest

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, policy, request, rule, table
from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.cache import CachedResponse, CacheRules, CacheState
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.errors import ScorerUnavailable, UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Policy, Threshold
from weir_gateway.routing.cache.lookup import CacheReader
from weir_gateway.routing.cache.replies import RecordingReply, whole
from weir_gateway.routing.pipeline import Dispatched, Ending, Ports, Routing
from weir_gateway.routing.policy.compiled import PolicyMatch, compile_table
from weir_gateway.routing.replies import ByteBudget
from weir_policy.ids import BackendId, PolicyId
from weir_policy.spec.backend import Capability
from weir_policy.spec.cache import CacheScope
from weir_policy.spec.policy import Expose, Mode, ScorerFailure
from weir_wires.content import Usage
from weir_wires.wire import Wire

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hello"}]}'
EXACT = CacheRules(exact=60, temperature=1)
GOOD = FakeReply(body=(b'{"a":', b"1}"), usage=Usage(100, 10), headers={"x-request-id": "r"})
CHAT = PolicyId("shop/chat")
BROKEN = UpstreamError("broke", failure=UpstreamFailure.BROKEN)


@dataclass
class World:
    """Routing over fakes, and a table that a test may change between requests."""

    policy: Policy = field(default_factory=lambda: replace(policy(), cache=EXACT))
    scorer: FakeScorer = field(default_factory=lambda: FakeScorer(default=0.1))
    upstreams: FakeUpstreams = field(
        default_factory=lambda: FakeUpstreams({WEAK.id: GOOD, STRONG.id: GOOD})
    )
    accounts: FakeAccounts = field(default_factory=FakeAccounts)

    def __post_init__(self) -> None:
        self.routing = Routing(
            Ports(
                scorer=self.scorer,
                upstreams=self.upstreams,
                recorder=self.accounts,
                conditions=CelConditions(),
                clock=FakeClock(),
                ids=FakeIds(),
                cache=MemoryAnswers(FakeClock(), max_bytes=100_000, max_answer=10_000),
            ),
            score_timeout=0.25,
        )

    async def ask(self, asked: Request | None = None) -> Dispatched:
        """One request, its answer read to the end."""
        asked = asked or made()
        at = table(self.policy)
        decision = await self.routing.decide(asked, at)
        dispatched = await self.routing.dispatch(asked, decision, at)
        assert b"".join([chunk async for chunk in dispatched.reply.chunks()]) == b'{"a":1}'
        await dispatched.reply.close(abort=False)
        return dispatched

    async def states(self, *asked: Request) -> list[str]:
        """How the look-ups came out, one after the other."""
        return [(await self.ask(one)).decision.cache.state.value for one in asked]


def made(**of: object) -> Request:
    return replace(request(), body=BODY, **of)  # type: ignore[arg-type] # any field of it


def keyed(name: str) -> Request:
    return made(key=ClientKey(KeyName(name)))


async def test_an_answer_is_given_again_without_a_score_and_without_a_call() -> None:
    world = World()
    first, again = await world.ask(), await world.ask()
    assert (first.decision.reason, again.decision.reason) == (Reason.SCORED, Reason.CACHE)
    assert (again.decision.chosen, again.decision.label) == (WEAK, "cache")
    assert (len(world.scorer.queries), len(world.upstreams.sent)) == (1, 1)
    assert dict(again.reply.headers) == {}  # of one call and no other
    ending = Ending(status=200, usage=again.reply.usage, overhead=0, duration=0)
    outcome = world.routing.account(made(), again.decision, ending)
    assert (outcome.paid, outcome.saved) == (0, 110 * 10_000_000)


async def test_scopes() -> None:
    ann, bob = keyed("ann"), keyed("bob")
    assert await World().states(ann, bob, ann) == ["miss", "miss", "hit"]
    shared = replace(policy(), cache=replace(EXACT, scope=CacheScope.POLICY))
    assert await World(shared).states(ann, bob) == ["miss", "hit"]


@pytest.mark.parametrize(
    "changed",
    [
        {"candidates": (replace(WEAK, model="newer"), STRONG)},
        {"candidates": (WEAK, replace(STRONG, endpoint="http://127.0.0.1:8/v1"))},
        {"objective": Threshold(0.7)},
        {"router": "knn"},
        {"uid": "made-anew"},
    ],
)
async def test_a_policy_that_is_changed_begins_anew(changed: dict[str, object]) -> None:
    world = World()
    assert await world.states(made()) == ["miss"]
    before = world.policy
    world.policy = replace(before, **changed)  # type: ignore[arg-type] # any field of it
    assert await world.states(made()) == ["miss"]
    world.policy = before
    assert await world.states(made()) == ["hit"]


@pytest.mark.parametrize(
    "asked",
    [
        made(headers={"cache-control": "private, No-Store"}),
        made(stores=True),
        made(needs=frozenset({Capability.STATE})),
        made(facts=replace(request().facts, temperature=1.1)),
        replace(made(), body=BODY[:-1] + b',"x":"' + b"y" * 600_000 + b'"}'),
    ],
)
async def test_who_takes_no_part(asked: Request) -> None:
    able = replace(WEAK, capabilities=frozenset({Capability.STATE}))
    world = World(replace(policy(candidates=[able, STRONG]), cache=EXACT))
    assert await world.states(asked, asked) == ["bypass", "bypass"]
    assert (await world.ask(asked)).decision.cache.bypass_reason


async def test_embeddings_have_no_temperature() -> None:
    able = replace(WEAK, takes=frozenset({Wire.OPENAI_EMBEDDINGS}))
    world = World(replace(policy(candidates=[able]), cache=CacheRules(exact=60)))
    asked = replace(made(), wire=Wire.OPENAI_EMBEDDINGS, body=b'{"model":"auto","input":"a"}')
    assert await world.states(asked, asked) == ["miss", "hit"]


async def test_a_rule_s_answers_are_its_own() -> None:
    ruled = policy(rules=[rule("vip", "'x-vip' in request.headers", "strong")])
    world = World(replace(ruled, cache=EXACT))
    vip = made(facts=replace(request().facts, headers={"x-vip": "1"}))
    asked = [made(), vip, vip, made()]
    seen = [(await world.ask(one)).decision for one in asked]
    assert [d.cache.state.value for d in seen] == ["miss", "miss", "hit", "hit"]
    assert [d.chosen for d in seen] == [WEAK, STRONG, STRONG, WEAK]


async def test_direct_calls_and_a_policy_that_only_watches_take_no_part() -> None:
    exposed = replace(policy(expose=Expose(direct=True, client_threshold=None)), cache=EXACT)
    direct = replace(made(), model="weak")  # type: ignore[arg-type] # a ModelName
    assert await World(exposed).states(direct, direct) == ["off", "off"]
    shadow = replace(policy(), cache=EXACT, mode=Mode.SHADOW)
    assert await World(shadow).states(made(), made()) == ["bypass", "bypass"]


async def test_makeshift_answers_are_not_kept() -> None:
    lost = World(replace(policy(on_scorer_failure=ScorerFailure.WEAK), cache=EXACT))
    lost.scorer.error = ScorerUnavailable("down")
    assert await lost.states(made(), made()) == ["miss", "miss"]
    fallen = World(replace(policy(upstream_order=["weak", "strong"]), cache=EXACT))
    fallen.upstreams.answers = {WEAK.id: BROKEN, STRONG.id: GOOD}
    assert await fallen.states(made(), made()) == ["miss", "miss"]


@pytest.mark.parametrize("of", [{"reason": Reason.BUDGET}, {"explored": True, "propensity": 0.1}])
async def test_what_money_or_chance_decided_is_not_kept(of: dict[str, object]) -> None:
    world = World()
    at = table(world.policy)
    decision = replace(await world.routing.decide(made(), at), **of)  # type: ignore[arg-type] # any field of it
    dispatched = await world.routing.dispatch(made(), decision, at)
    assert [chunk async for chunk in dispatched.reply.chunks()]
    await dispatched.reply.close(abort=False)
    assert await world.states(made()) == ["miss"]


@pytest.mark.parametrize(
    "reply",
    [
        replace(GOOD, status=201),
        replace(GOOD, body=(b"x" * 600_000,)),
        replace(GOOD, body=(b'{"error":{"message":"no"}}',)),
    ],
)
async def test_only_whole_good_answers_of_a_bounded_size_are_kept(reply: FakeReply) -> None:
    world = World()
    world.upstreams.answers = {WEAK.id: reply}
    for _ in range(2):
        at = table(world.policy)
        decision = await world.routing.decide(made(), at)
        dispatched = await world.routing.dispatch(made(), decision, at)
        assert [chunk async for chunk in dispatched.reply.chunks()] == list(reply.body)
        await dispatched.reply.close(abort=False)
    assert len(world.upstreams.sent) == 2


async def test_an_answer_that_was_not_read_to_its_end_is_not_kept() -> None:
    world = World()
    at = table(world.policy)
    decision = await world.routing.decide(made(), at)
    dispatched = await world.routing.dispatch(made(), decision, at)
    async for _ in dispatched.reply.chunks():
        break
    await dispatched.reply.close(abort=True)
    assert await world.states(made()) == ["miss"]


async def test_copies_under_way_have_a_bound_together_and_give_their_room_back() -> None:
    room = ByteBudget(8)
    told: list[bytes | None] = []
    first = RecordingReply(GOOD, 100, room, told.append)
    second = RecordingReply(GOOD, 100, room, told.append)
    reading = first.chunks()
    assert await anext(reading) == b'{"a":'
    assert room.left == 3
    assert b"".join([chunk async for chunk in second.chunks()]) == b'{"a":1}'
    assert (told, room.left) == ([None], 3)
    assert [chunk async for chunk in reading] == [b"1}"]
    await first.close(abort=False)
    await second.close(abort=False)
    assert (told, room.left) == ([None, b'{"a":1}'], 8)


class Foreign:
    """A store that has an answer of somebody else's to everything."""

    async def get(self, key: bytes) -> CachedResponse | None:
        del key
        return CachedResponse(BackendId("other/model"), (), b"{}", Usage(1, 1))

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        del key, answer, seconds


async def test_an_answer_of_none_of_the_candidates_is_none() -> None:
    matched = PolicyMatch(
        compile_table(table(replace(policy(), cache=EXACT)), CelConditions()).by_id[CHAT]
    )
    looked = await CacheReader(Foreign()).lookup_exact(matched, made(), None)
    assert (looked.state, looked.response) == (CacheState.MISS, None)


@pytest.mark.parametrize(
    ("body", "kind", "good"),
    [
        (b'{"choices":[]}', "application/json", True),
        (b'{"error":null,"status":"completed"}', "application/json", True),
        (b'{"status":"incomplete"}', "application/json", True),
        (b'{"status":"failed"}', "application/json", False),
        (b'{"error":{}}', "application/json", False),
        (b"not json", "application/json", False),
        (b"[" * 100_000, "application/json", False),
        (b'data: {"t":"an error"}\n\ndata: [DONE]\n\n', "text/event-stream", True),
        (b'data: {"error":{"m":1}}\n\ndata: [DONE]\n\n', "text/event-stream; charset=utf-8", False),
        (b'event: error\ndata: {"type":"error"}\n\n', "text/event-stream", False),
        (b'data: {"type":"response.failed"}\n\n', "text/event-stream", False),
    ],
)
def test_what_tells_of_a_failure_within(body: bytes, kind: str, *, good: bool) -> None:
    assert whole(body, kind) is good
