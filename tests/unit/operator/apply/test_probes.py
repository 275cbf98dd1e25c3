"""Probes, asked of a scorer over real gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from support.resources import backend, policy
from support.scorer_server import ScriptedScorer
from weir_operator.apply.probes import ScorerProbeRunner
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_operator.plan.promises import Certificate, RouterProof
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.table import Table
from weir_proto.scorer.v1 import scorer_pb2
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc

HARD = {"prompt": "prove it", "expect": "strong"}
EASY = {"prompt": "hi", "expect": "weak"}


def table(**spec: object) -> Table:
    """One policy with probes."""
    documents = (backend("weak"), backend("strong"), policy("chat", "shop", **spec))
    plan = compile_table(
        gather(p.resource for p in map(parse, documents) if p.resource), Form.CLUSTER
    )
    assert plan.table.policies
    return plan.table


@pytest.fixture
def scripted() -> ScriptedScorer:
    """A scorer that takes "prove" for hard."""
    return ScriptedScorer(score=lambda text: 0.9 if "prove" in text else 0.1)


@pytest.fixture
async def probing(scripted: ScriptedScorer, tmp_path: Path) -> AsyncIterator[ScorerProbeRunner]:
    server = grpc.aio.server()
    rpc.add_ScorerServicer_to_server(scripted, server)
    target = f"unix://{tmp_path}/scorer.sock"
    server.add_insecure_port(target)
    await server.start()
    async with grpc.aio.insecure_channel(target) as channel:
        yield ScorerProbeRunner(channel)
    await server.stop(None)


@pytest.mark.parametrize(
    "objective",
    [{"threshold": "0.5"}, {"strongShare": "20%"}, {"budget": {"usd": "5", "per": "day"}}],
)
async def test_probes_that_hold(probing: ScorerProbeRunner, objective: dict[str, object]) -> None:
    assert await probing.failures(table(objective=objective, probes=[HARD, EASY])) == {}


async def test_a_probe_that_does_not_hold_is_told(probing: ScorerProbeRunner) -> None:
    wrong = {"prompt": "hi", "expect": "strong"}
    assert await probing.failures(table(probes=[HARD, wrong])) == {
        "shop/chat": "'hi': expected shop/strong, decided shop/weak (score 0.100, threshold 0.500)"
    }


async def test_a_router_that_the_bundle_lacks_is_logged(
    probing: ScorerProbeRunner, caplog: pytest.LogCaptureFixture
) -> None:
    judged = {"name": "judge", "judge": {"backend": "weak"}}
    variants = [
        {"name": "a", "weight": 1, "router": {"name": "mf"}},
        {"name": "b", "weight": 1, "router": {"name": "linear"}},
    ]
    tables = [table(router=router, variants=variants) for router in ({"name": "knn"}, judged)]
    for one in tables:
        assert await probing.failures(one) == {}
    assert [vars(record)["router"] for record in caplog.records] == ["knn", "mf", "mf"]


async def test_rules_go_first(probing: ScorerProbeRunner) -> None:
    rules = [{"name": "r", "when": "request.text.contains('hi')", "use": "strong"}]
    assert await probing.failures(table(rules=rules, probes=[EASY]))


async def test_a_scorer_that_is_away_holds_nothing_back(tmp_path: Path) -> None:
    async with grpc.aio.insecure_channel(f"unix://{tmp_path}/nobody.sock") as channel:
        assert await ScorerProbeRunner(channel).failures(table(probes=[HARD])) == {}


async def test_what_the_scorer_shows_of_its_routers(
    scripted: ScriptedScorer, probing: ScorerProbeRunner
) -> None:
    scripted.retention = [(0.95, 0.9, 0.4)]
    exams = RouterProof((Certificate(0.95, 0.9),))
    assert await probing.proofs() == dict.fromkeys(("linear", "", "default"), exams)
    gain = scorer_pb2.Gain(value=-0.1, low=-0.2, high=0.0)
    scripted.evidence = scorer_pb2.Evidence(labels=400, over_lots=gain, over_length=gain)
    own = RouterProof((Certificate(0.95, 0.9, own=True),), 400, -0.1)
    assert await probing.proofs() == dict.fromkeys(("linear", "", "default"), own)


async def test_a_scorer_that_is_away_shows_nothing(tmp_path: Path) -> None:
    async with grpc.aio.insecure_channel(f"unix://{tmp_path}/none.sock") as channel:
        assert await ScorerProbeRunner(channel).proofs() is None
