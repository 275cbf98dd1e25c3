"""Decisions over a scorer that really runs, and really goes away."""

import asyncio
from collections import Counter
from pathlib import Path
from time import perf_counter

import pytest

from support.fakes import FakeAccounts, FakeIds, FakeUpstreams
from support.scorer_server import ScorerServer, ScriptedScorer
from support.tables import policy, request, table
from weir_gateway.adapters.metrics.scorer_metrics import ScorerMetrics
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.scorer.client import ScorerClient, ScorerOptions
from weir_gateway.adapters.scorer.score_cache import ScoreCache, cache_requests
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.table import Threshold
from weir_gateway.routing.pipeline import Ports, Routing
from weir_runtime.metrics import Registry
from weir_runtime.tracing import Tracing

REQUESTS = 2000


@pytest.fixture
def telemetry() -> ScorerMetrics:
    return ScorerMetrics(Registry(), Tracing.from_env("test", {}))


async def test_killing_the_scorer_loses_no_request_and_scoring_resumes(
    tmp_path: Path, telemetry: ScorerMetrics
) -> None:
    scorer = ScriptedScorer(score=lambda text: int(text) / REQUESTS)
    server = ScorerServer(scorer, f"unix:{tmp_path}/scorer.sock")
    await server.start()
    made = table(policy(objective=Threshold(0.75)))
    options = ScorerOptions(server.target, describe_pause=0.01)
    async with ScorerClient(options, telemetry) as client:
        routing = Routing(
            Ports(
                scorer=ScoreCache(client, entries=100, requests=cache_requests(Registry())),
                upstreams=FakeUpstreams(),
                recorder=FakeAccounts(),
                conditions=CelConditions(),
                clock=perf_counter,
                ids=FakeIds(),
            ),
            score_timeout=2.0,
        )
        reasons: Counter[Reason] = Counter()

        async def serve(n: int) -> None:
            decision = await routing.decide(request(str(n)), made)
            reasons[decision.reason] += 1
            if decision.reason is Reason.SCORED:
                assert decision.strong == (n / REQUESTS >= 0.75)
            else:
                assert not decision.strong
            await routing.dispatch(request(str(n)), decision, made)

        async def taken_up() -> None:
            while True:
                decision = await routing.decide(request("1"), made)
                if decision.reason is Reason.SCORED:
                    return
                await asyncio.sleep(0.01)

        for start in range(0, REQUESTS, 100):
            if start == 500:
                await server.kill()
            if start == 1000:
                await server.start()
                async with asyncio.timeout(5):
                    await taken_up()
            await asyncio.gather(*(serve(n) for n in range(start, start + 100)))
    await server.kill()
    assert reasons == {Reason.SCORED: 1500, Reason.SCORER_UNAVAILABLE: 500}
