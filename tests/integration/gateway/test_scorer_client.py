"""The scorer's client against a real gRPC server on a real unix socket."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from support.scorer_server import ScorerServer, ScriptedScorer
from weir_gateway.adapters.metrics.scorer_metrics import ScorerMetrics
from weir_gateway.adapters.scorer.client import ScorerClient, ScorerOptions
from weir_gateway.adapters.scorer.coalescer import Limits
from weir_gateway.adapters.scorer.prompts import END_CHARS
from weir_gateway.adapters.scorer.score_cache import ScoreCache, cache_requests
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.table import Retention
from weir_gateway.routing.ports import ScoreQuery, Scorer
from weir_policy.ids import RouterName
from weir_runtime.metrics import Registry
from weir_runtime.tracing import TraceContext, Tracing

LINEAR = RouterName("linear")
SOON = 5.0  # seconds: far more than any of this takes


@pytest.fixture
def telemetry() -> ScorerMetrics:
    return ScorerMetrics(Registry(), Tracing.from_env("test", {}))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ScorerServer]:
    scorer = ScriptedScorer(score=lambda text: len(text) / 1000)
    server = ScorerServer(scorer, f"unix:{tmp_path}/scorer.sock")
    await server.start()
    yield server
    scorer.gate.set()
    await server.kill()


@pytest.fixture
async def connect(
    server: ScorerServer, telemetry: ScorerMetrics
) -> AsyncIterator[Callable[..., Awaitable[ScorerClient]]]:
    clients: list[ScorerClient] = []

    async def connect(**limits: int) -> ScorerClient:
        options = ScorerOptions(
            server.target, Limits(**limits), describe_within=0.5, describe_pause=0.01
        )
        client = ScorerClient(options, telemetry)
        await client.start()
        clients.append(client)
        await until(lambda: client.bundle is not None)
        return client

    yield connect
    for client in clients:
        await client.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110 - what is awaited is in another program
            await asyncio.sleep(0.005)


async def ask(
    scorer: Scorer, text: str, router: RouterName = LINEAR, within: float = SOON
) -> Scored:
    return await scorer.score(ScoreQuery(text, router, timeout=within))


Connect = Callable[..., Awaitable[ScorerClient]]


async def test_a_score_comes_back_with_its_versions(connect: Connect) -> None:
    client = await connect()
    scored = await ask(client, "x" * 250)
    assert scored.score == pytest.approx(0.25)
    assert (scored.bundle, scored.router, scored.cached) == ("scripted@1", "linear", False)
    assert client.bundle == "scripted@1"


async def test_prompts_that_wait_in_one_tick_share_one_call(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    scores = await asyncio.gather(*(ask(client, "x" * n) for n in range(50)))
    assert [s.score for s in scores] == pytest.approx([n / 1000 for n in range(50)])
    assert len(server.scorer.calls) == 1


async def test_what_arrives_while_the_calls_are_out_gathers_into_the_next(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    server.scorer.gate.clear()
    asked: list[asyncio.Task[Scored]] = []
    for first in ("a", "b"):
        server.scorer.arrived.clear()
        asked.append(asyncio.create_task(ask(client, first)))
        await server.scorer.arrived.wait()
    asked += [asyncio.create_task(ask(client, f"later {n}")) for n in range(20)]
    await asyncio.sleep(0)
    server.scorer.gate.set()
    await asyncio.gather(*asked)
    assert [len(call.texts) for call in server.scorer.calls] == [1, 1, 20]
    assert server.scorer.most_at_once == 2


async def test_a_call_takes_no_more_texts_than_allowed(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect(texts=8)
    await asyncio.gather(*(ask(client, f"text {n}") for n in range(20)))
    assert sorted(len(call.texts) for call in server.scorer.calls) == [4, 8, 8]


async def test_a_call_takes_no_more_texts_than_the_scorer_does(
    server: ScorerServer, connect: Connect
) -> None:
    server.scorer.max_texts = 10
    client = await connect()
    await asyncio.gather(*(ask(client, f"text {n}") for n in range(20)))
    assert [len(call.texts) for call in server.scorer.calls] == [10, 10]


async def test_a_call_takes_no_more_characters_than_allowed(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect(chars=100)
    await asyncio.gather(*(ask(client, str(n) * 60) for n in range(3)), ask(client, "z" * 500))
    assert [len(call.texts) for call in server.scorer.calls] == [1, 1, 1, 1]


async def test_equal_texts_are_sent_once(server: ScorerServer, connect: Connect) -> None:
    client = await connect()
    scores = await asyncio.gather(*(ask(client, "same") for _ in range(10)), ask(client, "other"))
    assert [list(call.texts) for call in server.scorer.calls] == [["same", "other"]]
    assert len({s.score for s in scores}) == 2


async def test_routers_do_not_share_a_call(server: ScorerServer, connect: Connect) -> None:
    client = await connect()
    await asyncio.gather(*(ask(client, "t", RouterName(r)) for r in ("mf", "knn", "mf", "")))
    assert sorted(call.router for call in server.scorer.calls) == ["", "knn", "mf"]


async def test_a_late_score_fails_its_caller_alone(server: ScorerServer, connect: Connect) -> None:
    client = await connect()
    server.scorer.gate.clear()
    hasty = asyncio.create_task(ask(client, "hasty", within=0.03))
    patient = asyncio.create_task(ask(client, "patient"))
    with pytest.raises(ScorerUnavailable, match="no score within 30 ms"):
        await hasty
    server.scorer.gate.set()
    assert (await patient).score == pytest.approx(0.007)
    assert len(server.scorer.calls) == 1


async def test_one_caller_cancelled_leaves_the_others(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    server.scorer.gate.clear()
    gone, stays = (asyncio.create_task(ask(client, "same")) for _ in range(2))
    await server.scorer.arrived.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    server.scorer.gate.set()
    assert (await stays).score == pytest.approx(0.004)


async def test_who_gave_up_while_waiting_is_not_sent(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect(in_flight=1)
    server.scorer.gate.clear()
    first = asyncio.create_task(ask(client, "first"))
    await server.scorer.arrived.wait()
    with pytest.raises(ScorerUnavailable):
        await ask(client, "given up", within=0.02)
    server.scorer.gate.set()
    await first
    await ask(client, "next")
    assert [list(call.texts) for call in server.scorer.calls] == [["first"], ["next"]]


async def test_more_than_may_wait_are_told_at_once(server: ScorerServer, connect: Connect) -> None:
    client = await connect(waiting=5, in_flight=1)
    server.scorer.gate.clear()
    first = asyncio.create_task(ask(client, "first"))
    await server.scorer.arrived.wait()
    waiting = [asyncio.create_task(ask(client, f"text {n}")) for n in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(ScorerUnavailable, match="too many"):
        await ask(client, "one more")
    server.scorer.gate.set()
    await asyncio.gather(first, *waiting)


async def test_any_text_fits_the_wire(server: ScorerServer, connect: Connect) -> None:
    client = await connect()
    server.scorer.score = lambda _: 0.5
    texts = ["\ud800 alone", "nul \0 inside", "é" * 10, "🦆", "x" * 5_000_000]
    await asyncio.gather(*(ask(client, text) for text in texts))
    sent = [text for call in server.scorer.calls for text in call.texts]
    assert sent[:4] == ["? alone", "nul \0 inside", "é" * 10, "🦆"]
    assert len(sent[4]) == 2 * END_CHARS + 1


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (code, NoSuchRouter if code is grpc.StatusCode.NOT_FOUND else ScorerUnavailable)
        for code in grpc.StatusCode
        if code is not grpc.StatusCode.OK
    ],
)
async def test_grpc_is_not_leaked(
    server: ScorerServer,
    connect: Connect,
    code: grpc.StatusCode,
    raised: type[ScorerUnavailable],
) -> None:
    client = await connect()
    server.scorer.failing = (code, "because")
    with pytest.raises(ScorerUnavailable, match="because") as caught:
        await ask(client, "t")
    assert type(caught.value) is raised


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.5])
async def test_a_score_that_is_none_is_refused(
    server: ScorerServer, connect: Connect, score: float
) -> None:
    server.scorer.score = lambda _: score
    client = await connect()
    with pytest.raises(ScorerUnavailable, match="outside"):
        await ask(client, "t")


async def test_a_killed_scorer_fails_fast_and_is_taken_up_again_by_itself(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    await ask(client, "before")
    server.scorer.gate.clear()
    server.scorer.arrived.clear()
    cut = asyncio.create_task(ask(client, "cut"))
    await server.scorer.arrived.wait()
    await server.kill()
    with pytest.raises(ScorerUnavailable):
        await cut
    with pytest.raises(ScorerUnavailable):
        await ask(client, "away")
    server.scorer.gate.set()
    await server.start()
    await until_scored(client)


async def until_scored(client: ScorerClient) -> None:
    async with asyncio.timeout(SOON):
        while True:
            try:
                await ask(client, "back?", within=1.0)
            except ScorerUnavailable:
                await asyncio.sleep(0.01)
            else:
                return


async def test_a_client_may_start_before_its_scorer(
    tmp_path: Path, telemetry: ScorerMetrics
) -> None:
    server = ScorerServer(ScriptedScorer(score=lambda _: 0.5), f"unix:{tmp_path}/late.sock")
    options = ScorerOptions(server.target, describe_within=0.2, describe_pause=0.01)
    async with ScorerClient(options, telemetry) as client:
        with pytest.raises(ScorerUnavailable):
            await ask(client, "too early", within=0.2)
        await server.start()
        await until(lambda: client.bundle == "scripted@1")
        assert (await ask(client, "now")).score == 0.5
    await server.kill()


async def test_stopping_fails_who_waits(server: ScorerServer, connect: Connect) -> None:
    client = await connect(in_flight=1)
    server.scorer.gate.clear()
    asked = [asyncio.create_task(ask(client, f"{n}")) for n in range(3)]
    await server.scorer.arrived.wait()
    await client.stop()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, ScorerUnavailable) for answer in answers)
    with pytest.raises(ScorerUnavailable, match="stopping"):
        await ask(client, "after")


async def test_shares_and_retentions_become_thresholds(
    tmp_path: Path, telemetry: ScorerMetrics
) -> None:
    scorer = ScriptedScorer(
        score=lambda _: 0.5, retention=[(0.95, 0.95, 0.4), (0.95, 0.99, 0.3), (0.9, 0.95, 0.6)]
    )
    server = ScorerServer(scorer, f"unix:{tmp_path}/scorer.sock")
    await server.start()
    async with ScorerClient(ScorerOptions(server.target), telemetry) as client:
        scored = await ask(client, "t", RouterName(""))
        calibration = scored.calibration
        assert calibration.threshold_for_share(0.2) == pytest.approx(0.8)
        assert calibration.threshold_for_retention(Retention(0.95, 0.95)) == 0.4
        assert calibration.threshold_for_retention(Retention(0.9, 0.9)) == 0.6
        assert calibration.threshold_for_retention(Retention(0.99, 0.95)) == 0.0
    await server.kill()


async def test_a_swapped_bundle_empties_the_cache_and_brings_its_own_calibration(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    cache = ScoreCache(
        client,
        entries=10,
        requests=cache_requests(Registry()),
    )
    old = await ask(cache, "x" * 100)
    assert (await ask(cache, "x" * 100)).cached
    server.scorer.bundle = "scripted@2"
    server.scorer.score = lambda _: 0.9
    server.scorer.quantiles = (0.0, 1.0)
    fresh = await ask(cache, "not seen yet")
    assert (fresh.bundle, client.bundle) == ("scripted@2", "scripted@2")
    again = await ask(cache, "x" * 100)
    assert not again.cached
    assert again.score == pytest.approx(0.9)
    assert old.calibration.threshold_for_share(0.25) == pytest.approx(0.75)
    assert fresh.calibration.threshold_for_share(0.25) == pytest.approx(0.75)


async def test_earlier_turns_go_along_where_there_are_any(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    follow_up = ScoreQuery("why?", LINEAR, timeout=SOON, earlier=("one", "two \ud800"))
    await asyncio.gather(client.score(follow_up), ask(client, "alone"))
    await ask(client, "alone too")
    together, alone = server.scorer.calls
    assert [list(entry.turns) for entry in together.earlier] == [["one", "two ?"], []]
    assert not alone.earlier


async def test_quality_comes_by_profile(server: ScorerServer, connect: Connect) -> None:
    server.scorer.quality = {"small": lambda _: 0.25, "big": lambda _: 0.75}
    client = await connect()
    scored = await client.score(ScoreQuery("t", LINEAR, timeout=SOON, want_quality=True))
    assert scored.quality == {"small": 0.25, "big": 0.75}
    assert (await ask(client, "t")).quality == {}


async def test_the_embedding_comes_only_where_it_is_wanted(
    server: ScorerServer, connect: Connect
) -> None:
    server.scorer.embed = lambda text: (float(len(text)), 0.5)
    client = await connect()
    scored = await client.score(ScoreQuery("abc", LINEAR, timeout=SOON, want_embedding=True))
    assert tuple(array("f", scored.embedding)) == (3.0, 0.5)
    assert (await ask(client, "abc")).embedding == b""


async def test_a_router_that_computes_no_embedding_gives_none(connect: Connect) -> None:
    client = await connect()
    scored = await client.score(ScoreQuery("abc", LINEAR, timeout=SOON, want_embedding=True))
    assert scored.embedding == b""


async def test_how_well_a_prompt_is_known_comes_from_scorers_that_tell(
    server: ScorerServer, connect: Connect
) -> None:
    client = await connect()
    assert (await ask(client, "an older scorer")).known is None
    server.scorer.known = lambda text: len(text) / 1000
    scored = await asyncio.gather(*(ask(client, "x" * n) for n in (10, 100)))
    assert [one.known for one in scored] == pytest.approx([0.01, 0.1])
    assert [one.unknown for one in scored] == [True, False]


@pytest.mark.parametrize("known", [1.5, -0.1, math.nan])
async def test_a_prompt_can_t_be_known_outside_0_and_1(
    server: ScorerServer, connect: Connect, known: float
) -> None:
    client = await connect()
    server.scorer.known = lambda _: known
    with pytest.raises(ScorerUnavailable, match="known outside"):
        await ask(client, "text")


async def test_the_trace_goes_along(server: ScorerServer, connect: Connect) -> None:
    client = await connect()
    trace = TraceContext(0xABC, 0xDEF, sampled=False)
    await client.score(ScoreQuery("t", LINEAR, timeout=SOON, trace=trace))
    assert server.scorer.metadata[0]["traceparent"] == trace.to_headers()["traceparent"]
