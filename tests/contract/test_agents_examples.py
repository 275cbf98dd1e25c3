"""examples/agents has no mistake and does what its comments say."""

from dataclasses import replace

import pytest

from support.agent_runs import RUN, Run, edit, read, run_tests
from support.bundles import ROOT
from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeScorer, FakeUpstreams
from weir_gateway.adapters.route_table.build import build
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.session.memory import SessionMemory
from weir_operator.files.load import load
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.ids import ModelName

FILES = [ROOT / "examples" / "quickstart" / "models.yaml", ROOT / "examples" / "agents"]


@pytest.fixture(scope="module")
def table() -> RouteTable:
    loaded = load(FILES)
    assert not loaded.mistakes
    plan = compile_table(loaded.resources, Form.FILE)
    assert (plan.problems, plan.warnings) == ((), ())
    return build(plan.table, None).table


def routing() -> Routing:
    clock = FakeClock()
    return Routing(
        Ports(
            scorer=FakeScorer(default=0.3),
            upstreams=FakeUpstreams(),
            recorder=FakeAccounts(),
            conditions=CelConditions(),
            clock=clock,
            ids=FakeIds(),
            memory=SessionMemory(MemorySessionStore(clock, entries=100), clock),
        ),
        score_timeout=0.25,
    )


def asked(run: Run, model: str) -> Request:
    return replace(run.request(), model=ModelName(model))


async def test_the_large_model_plans_until_the_first_edit(table: RouteTable) -> None:
    made, run = routing(), Run(steps=(read(), edit(1), run_tests(fail=False)))
    turns = [asked(run.after(turn), "planner") for turn in range(4)]
    labels = [(await made.decide(turn, table)).label for turn in turns]
    assert labels == ["stage:plan", "stage:plan", "stage:weak", "stage:weak"]


async def test_a_migration_stays_one_to_its_end(table: RouteTable) -> None:
    made, task = routing(), {"x-task": "migration"}
    first = asked(Run(steps=(), headers=task), "planner")
    assert (await made.decide(first, table)).label == "rule:migrations"
    later = asked(Run(steps=RUN[:6]), "planner")
    assert (await made.decide(later, table)).label == "rule:migrations"


async def test_only_the_finish_gate_brings_the_large_model_in(table: RouteTable) -> None:
    decision = await routing().decide(asked(Run(), "finisher"), table)
    assert (decision.label, decision.chosen.name) == ("scored", "small")
    assert decision.gate is not None
    assert decision.gate.target.name == "large"
    young = await routing().decide(asked(Run().after(1), "finisher"), table)
    assert young.gate is None


async def test_a_sub_agent_stays_on_the_small_model(table: RouteTable) -> None:
    request = asked(Run(steps=RUN[:7]), "agent")
    marked = replace(request.facts.agent, subagent=True)
    request = replace(request, facts=replace(request.facts, agent=marked))
    assert (await routing().decide(request, table)).label == "rule:subagents"
