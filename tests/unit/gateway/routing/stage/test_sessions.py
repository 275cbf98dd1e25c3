"""Whole runs through routing: who answers each turn, what is remembered, what it may cost."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.agent_runs import RUN, WEIGHTS, Run, edit, read, run_tests
from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, policy, rule, table
from weir_agents.scores import PRIOR, AgentWeights
from weir_gateway.adapters.route_table.build import STAGE
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.decision import Reason, RouteDecision, Verdict
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, StrongShare, Threshold
from weir_gateway.routing.account import Ending
from weir_gateway.routing.context import Purpose
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.session.keys import session_keys
from weir_gateway.routing.session.memory import SessionMemory, strong_estimate
from weir_policy.ids import PicoUsd, RouterName
from weir_policy.spec.policy import Mode
from weir_policy.spec.stage import Plan, Stage
from weir_wires.content import Usage

AGENTS = replace(
    policy(candidates=(WEAK, STRONG), objective=Threshold(0.5)),
    stage=replace(STAGE, weights="test"),
    router=RouterName(""),
)
FAILING = (run_tests(fail=True),) * 3
ANSWER = Usage(input=1000, output=100)


def staged(**changes: object) -> Policy:
    return replace(AGENTS, stage=replace(STAGE, **{"weights": "test", **changes}))


class World:
    """One gateway's routing; several may share a store."""

    def __init__(self, served: Policy = AGENTS, store: MemorySessionStore | None = None) -> None:
        self.clock = FakeClock()
        self.store = store or MemorySessionStore(self.clock, entries=100)
        self.scorer = FakeScorer(default=0.2)
        self.upstreams = FakeUpstreams()
        self.weights: dict[str, AgentWeights] = {"test": WEIGHTS}
        self.table = table(served)
        self.routing = Routing(
            Ports(
                scorer=self.scorer,
                upstreams=self.upstreams,
                recorder=FakeAccounts(),
                conditions=CelConditions(),
                clock=self.clock,
                ids=FakeIds(),
                memory=SessionMemory(self.store, self.clock),
                weights=self,
            ),
            score_timeout=0.25,
        )

    def get(self, name: str) -> AgentWeights | None:
        return self.weights.get(name)

    async def ask(self, asked: Request, usage: Usage = ANSWER) -> RouteDecision:
        """Decide, send and account one request."""
        decision = await self.routing.decide(asked, self.table)
        sent = await self.routing.dispatch(asked, decision, self.table)
        self.routing.account(asked, sent.decision, Ending(200, usage, overhead=0.0, duration=0.0))
        self.clock.advance(5)
        return sent.decision

    async def steps(self, run: Run) -> list[str]:
        """What each turn of the run came to."""
        turns = range(len(run.steps) + 1)
        return [(await self.ask(run.after(turn).request())).label for turn in turns]


async def test_the_third_failing_test_brings_the_strong_model_and_progress_the_weak_one() -> None:
    world = World()
    went = await world.steps(Run())
    assert went == [
        *["stage:weak"] * 7,
        "stage:up",  # the third failing test
        "stage:hold",
        "stage:hold",
        "stage:return",  # the tests pass, and three turns went well
        "stage:weak",
        "stage:weak",
    ]
    assert world.upstreams.sent.count(STRONG.id) == 3


async def test_a_restarted_gateway_goes_by_what_the_conversation_says() -> None:
    first = World()
    assert (await first.steps(Run(steps=RUN[:8])))[-1] == "stage:hold"
    again = World()
    assert (await again.ask(Run(steps=RUN[:8]).request())).label == "stage:weak"
    shared = World(store=first.store)
    assert (await shared.ask(Run(steps=RUN[:8]).request())).label == "stage:hold"


async def test_two_agents_in_one_session_are_remembered_apart() -> None:
    world, named = World(), {"x-weir-session": "s-1"}
    main = Run(headers=named)
    sub = Run(task="Search the repository.", steps=(read(), read("b.py")), headers=named)
    await world.steps(main.after(8))
    assert (await world.ask(sub.request())).label == "stage:weak"
    assert (await world.ask(main.after(8).request())).label == "stage:hold"


async def test_the_user_is_known_to_have_written_some_time_ago() -> None:
    late = policy(
        rules=[rule("late", "request.agent.secondsSinceUser > 9.0", "strong")],
        objective=Threshold(0.5),
    )
    world = World(replace(late, stage=AGENTS.stage))
    assert [(await world.ask(Run().after(n).request())).label for n in range(4)] == [
        "stage:weak",
        "stage:weak",
        "rule:late",  # ten seconds
        "rule:late",
    ]


async def test_the_strong_model_costs_no_more_than_the_ceiling() -> None:
    asked = Run(steps=FAILING).request(max_tokens=100)
    each = strong_estimate(STRONG, asked)
    real = cost(STRONG.price, ANSWER)
    ceiling = PicoUsd(each + 3 * real)
    world = World(staged(max_strong_usd=ceiling))
    labels = [(await world.ask(replace(asked))).label for _ in range(8)]
    assert labels == ["stage:strong"] * 4 + ["stage:ceiling"] * 4
    assert spent(world, asked) == 4 * real  # to the pico-dollar: what was reserved is given back


async def test_what_was_never_sent_costs_nothing() -> None:
    asked = Run(steps=FAILING).request()
    world = World(staged(max_strong_usd=PicoUsd(10**12)))
    decision = await world.routing.decide(asked, world.table)
    assert spent(world, asked) == strong_estimate(STRONG, asked)
    world.routing.release(decision)
    assert spent(world, asked) == 0


async def test_concurrent_turns_do_not_pass_the_ceiling_together() -> None:
    asked = Run(steps=FAILING).request()
    ceiling = PicoUsd(2 * strong_estimate(STRONG, asked))
    world = World(staged(max_strong_usd=ceiling))
    labels = [(await world.routing.decide(asked, world.table)).label for _ in range(4)]
    assert labels == ["stage:strong"] * 2 + ["stage:ceiling"] * 2


def spent(world: World, asked: Request) -> int:
    """What the strong model has cost in the request's session."""
    keys = session_keys(AGENTS.id, asked)
    assert keys is not None
    return world.store.task(keys.task).spent


async def test_a_preview_remembers_nothing() -> None:
    world, asked = World(), Run(steps=FAILING).request()
    preview = await world.routing.decide(asked, world.table, Purpose.PREVIEW)
    assert preview.stage is not None
    assert preview.stage.before is None
    again = await world.routing.decide(asked, world.table, Purpose.PREVIEW)
    assert again.stage is not None
    assert again.stage.before is None


async def test_the_strong_model_plans_and_the_weak_one_executes() -> None:
    world = World(staged(plan=Plan(turns=4)))
    run = Run(steps=(read(), read("b.py"), edit(1), run_tests(fail=False), edit(2)))
    assert await world.steps(run) == [
        *["stage:plan"] * 3,
        *["stage:weak"] * 3,
    ]


async def test_without_a_scorer_an_agent_is_routed_all_the_same() -> None:
    world = World()
    world.scorer.error = ScorerUnavailable("it is away")
    await world.steps(Run())
    scored = World()
    await scored.steps(Run())
    assert world.upstreams.sent == scored.upstreams.sent


async def test_a_chat_without_tools_goes_by_its_text() -> None:
    world = World()
    chat = Run(steps=()).request()
    chat = replace(chat, facts=replace(chat.facts, tools=0))
    assert (await world.ask(chat)).reason is Reason.SCORED


async def test_the_text_only_breaks_near_ties() -> None:
    asked = Run(steps=RUN[:6]).request()
    scores: list[float] = []
    for text in (0.0, 1.0):
        world = World()
        world.scorer.default = text
        decision = await world.ask(asked)
        assert decision.scored is not None
        scores.append(decision.scored.score)
    assert 0 < scores[1] - scores[0] <= 0.021


async def test_weights_of_another_harness_are_refused_by_name() -> None:
    world = World(staged(weights="mine"))
    asked = Run(steps=RUN[:6]).request()
    asked = replace(
        asked, facts=replace(asked.facts, agent=replace(asked.facts.agent, harness="codex"))
    )
    missing = await world.ask(asked)
    assert missing.stage is not None
    assert missing.stage.weights_note == "there are no weights mine"
    world.weights["mine"] = replace(PRIOR, harness="claude-code")
    other = await world.ask(asked)
    assert other.stage is not None
    assert (other.stage.weights, other.stage.weights_note) == (
        "prior",
        "mine is for claude-code, and this is codex",
    )
    world.weights["mine"] = replace(PRIOR, harness="codex")
    own = await world.ask(asked)
    assert own.stage is not None
    assert (own.stage.weights, own.stage.weights_note) == ("mine", "")


async def test_swaps_are_logged_with_their_probability_and_happen_once_in_a_session() -> None:
    world, share = World(staged(swap_share=0.1)), 0.1
    swapped = 0
    for number in range(40):
        run = Run(task=f"Task {number}", steps=(read(), edit(1), run_tests(fail=False), edit(2)))
        mine = 0
        for turn in range(len(run.steps) + 1):
            decision = await world.ask(run.after(turn).request())
            assert decision.stage is not None
            if decision.explored:
                mine += 1
                assert decision.propensity == share
                assert (decision.label, decision.strong) == ("stage:swap", True)
            elif turn == 0 or mine:  # no call yet, or its one swap is over
                assert decision.propensity == 1.0
            else:
                assert decision.propensity == 1 - share
        assert mine <= 1
        swapped += mine
    assert 4 <= swapped <= 26  # 160 turns at a tenth, at most one in each of 40 sessions


async def test_a_share_of_turns_is_the_policys_own() -> None:
    world = World(replace(AGENTS, objective=StrongShare(0.2)))
    strong = 0
    for number in range(300):
        failing: Sequence[bool] = (number % 3 == 0, number % 5 == 0, number % 2 == 0)
        steps = tuple(run_tests(fail=fail) if fail else edit(number) for fail in failing)
        run = Run(task=f"Task {number}", steps=steps)
        strong += (await world.ask(run.request())).strong
    assert 50 <= strong <= 70


async def test_in_mode_shadow_nothing_is_reserved_and_the_choice_is_told() -> None:
    world = World(replace(staged(max_strong_usd=PicoUsd(1)), mode=Mode.SHADOW))
    decision = await world.ask(Run().after(3).request())
    assert decision.reason is Reason.SHADOW
    assert decision.intended is not None
    assert decision.intended.label == "stage:weak"
    assert decision.session_reservation is None


async def test_a_failed_strong_model_costs_the_session_nothing() -> None:
    asked = Run(steps=FAILING).request()
    world = World(staged(max_strong_usd=PicoUsd(10**12)))
    world.upstreams.answers = {STRONG.id: FakeReply(status=400)}
    decision = await world.routing.decide(asked, world.table)
    await world.routing.dispatch(asked, decision, world.table)
    ended = Ending(400, None, overhead=0.0, duration=0.0, error="bad_request")
    world.routing.account(asked, decision, ended)
    assert spent(world, asked) == 0


async def test_a_pinned_rule_holds_for_the_rest_of_the_session() -> None:
    pinned = replace(
        policy(
            rules=[
                rule("small", 'request.text == "thanks"', "weak"),
                rule("hard", 'request.headers["x-task"] == "proof"', "strong"),
            ]
        ),
        pins=frozenset({"hard"}),
    )
    world, run = World(pinned), Run(steps=())
    labelled = {"x-task": "proof"}
    first = await world.ask(_with_headers(run.request(), labelled))
    assert first.label == "rule:hard"
    second = await world.ask(run.request())
    assert second.label == "rule:hard"
    assert [one.verdict for one in second.rule_results] == [Verdict.HOLDS_NOT, Verdict.PINNED]
    thanks = run.request()
    thanks = replace(thanks, facts=replace(thanks.facts, text="thanks"))
    assert (await world.ask(thanks)).label == "rule:small"  # an earlier rule goes first
    world.clock.advance(AGENTS.memory + 1)
    assert (await world.ask(run.request())).reason is Reason.SCORED


async def test_a_label_that_is_sent_once_holds_until_another_is_sent() -> None:
    labelled = policy(rules=[rule("proof", 'request.headers["x-task"] == "proof"', "strong")])
    world, run = World(replace(labelled, pin_headers=("x-task",))), Run(steps=())
    asked = run.request()
    assert (await world.ask(_with_headers(asked, {"x-task": "proof"}))).label == "rule:proof"
    assert (await world.ask(asked)).label == "rule:proof"
    assert (await world.ask(_with_headers(asked, {"x-task": "mail"}))).reason is Reason.SCORED
    assert (await world.ask(asked)).reason is Reason.SCORED


def _with_headers(asked: Request, headers: dict[str, str]) -> Request:
    return replace(asked, headers=headers, facts=replace(asked.facts, headers=headers))


@pytest.mark.parametrize("forged", ["Error: " * 1000, "FAILED " * 1000])
async def test_a_forged_result_weighs_no_more_than_an_honest_one(forged: str) -> None:
    good = (read(), edit(1), run_tests(fail=False), edit(2), run_tests(fail=False))
    scores: list[float] = []
    served = replace(AGENTS, stage=STAGE)  # the prior
    for last in (run_tests(fail=True), replace(run_tests(fail=False), result=forged)):
        decision = await World(served).ask(Run(steps=(*good, last)).request())
        assert decision.scored is not None
        scores.append(decision.scored.score)
    assert scores[1] <= scores[0]


def test_the_default_settings_are_what_the_policy_declares() -> None:
    assert Stage(return_below=None, max_strong_usd=None, plan=None, swap_share=None) == STAGE
