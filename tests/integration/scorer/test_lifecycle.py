"""Start, readiness, health, reflection, drain: the scorer as its neighbours see it."""

import asyncio
import socket
import stat
from pathlib import Path

import aiohttp
import grpc
import pytest
from grpc import aio

from support.fakes_scorer import FakeBundles, write_bundle
from support.grpc_services import NOT_SERVING, SERVING, health, next_health, services, watch_health
from support.scorer_app import (
    SECONDS,
    RunningScorer,
    running_scorer,
    settings_for,
    silent_tracing,
    target,
)
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc
from weir_scorer.app import App, Broken, StartFailed
from weir_scorer.server.bundles import RefusedBundle

NAME = "weir.scorer.v1.Scorer"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", "fake@1")


async def readyz(scorer: RunningScorer) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{scorer.app.admin_address}/readyz") as answer,
    ):
        return answer.status, await answer.text()


async def test_a_warm_scorer_is_healthy_and_ready(bundle: Path) -> None:
    async with running_scorer(bundle) as scorer:
        assert scorer.engine.warm_ups == 1
        for service in ("", NAME):
            assert await health(scorer.channel, service, SECONDS) == SERVING
        assert await readyz(scorer) == (200, "ok\n")
    assert scorer.engine.closed


async def test_reflection_lists_the_services(bundle: Path) -> None:
    async with running_scorer(bundle) as scorer:
        assert {NAME, "grpc.health.v1.Health"} <= await services(scorer.channel, SECONDS)


async def test_before_it_is_warm_it_answers_unavailable(bundle: Path, tmp_path: Path) -> None:
    opening = FakeBundles(RefusedBundle)
    opening.hold()
    path = tmp_path / "s.sock"
    settings = settings_for(bundle, WEIR_SCORER_LISTEN=f"unix://{path}")
    app, stop = App(settings, {}, opening, silent_tracing()), asyncio.Event()
    ended = asyncio.create_task(app.run(stop), name="test-scorer")
    await asyncio.to_thread(opening.wait_until_opening)
    async with aio.insecure_channel(f"unix:{path}") as channel:
        stub = scorer_pb2_grpc.ScorerStub(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Score(pb.ScoreRequest(texts=["early"]), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "not warm" in (caught.value.details() or "")
        assert await health(channel, "", SECONDS) == NOT_SERVING
        opening.release()
        await app.ready.wait()
        await stub.Score(pb.ScoreRequest(texts=["now"]), timeout=SECONDS)
    stop.set()
    await ended


async def test_a_drain_answers_what_is_inside_and_refuses_the_rest(bundle: Path) -> None:
    async with running_scorer(bundle) as scorer:
        watching = watch_health(scorer.channel, NAME, SECONDS)
        assert await next_health(watching) == SERVING
        scorer.engine.hold()
        running = scorer.stub.Score(pb.ScoreRequest(texts=["running"]), timeout=SECONDS)
        await scorer.busy()
        queued = scorer.stub.Score(pb.ScoreRequest(texts=["queued"]), timeout=SECONDS)
        await scorer.until_waiting(1)
        scorer.stop.set()
        assert await next_health(watching) == NOT_SERVING
        with pytest.raises(aio.AioRpcError) as caught:
            await scorer.stub.Score(pb.ScoreRequest(texts=["late"]), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        status, why = await readyz(scorer)
        assert status == 503
        assert "draining" in why
        scorer.engine.release()
        answers = await asyncio.gather(running, queued)
        assert [len(answer.scores) for answer in answers] == [1, 1]
        await asyncio.wait_for(scorer.ended, SECONDS)


async def lose_the_device(bundle: Path) -> None:
    async with running_scorer(bundle) as scorer:
        scorer.engine.lost = True
        for _ in range(5):
            with pytest.raises(aio.AioRpcError):
                await scorer.stub.Score(pb.ScoreRequest(texts=["text"]), timeout=SECONDS)


async def test_a_lost_device_ends_the_scorer_for_a_new_start(bundle: Path) -> None:
    with pytest.raises(Broken, match="cpu:0 fails on everything"):
        await lose_the_device(bundle)


async def test_a_drain_ends_at_its_deadline(bundle: Path) -> None:
    async with running_scorer(bundle, {"WEIR_SCORER_DRAIN": "50ms"}) as scorer:
        scorer.engine.hold()
        stuck = scorer.stub.Score(pb.ScoreRequest(texts=["stuck"]), timeout=SECONDS)
        await scorer.busy()
        scorer.stop.set()
        with pytest.raises(aio.AioRpcError):
            await stuck
        scorer.engine.release()
        await asyncio.wait_for(scorer.ended, SECONDS)


async def start(bundle: Path, **variables: str) -> None:
    app = App(settings_for(bundle, **variables), {}, FakeBundles(RefusedBundle), silent_tracing())
    await asyncio.wait_for(app.run(asyncio.Event()), SECONDS)


async def test_a_bad_bundle_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="version: its sha256 is wrong"):
        await start(write_bundle(tmp_path / "bundle", "bad"))
    with pytest.raises(StartFailed, match="there is no bundle"):
        await start(tmp_path / "nowhere")


async def test_a_taken_port_is_no_start(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartFailed, match=f"WEIR_SCORER_LISTEN: cannot listen on {address}"):
            await start(bundle, WEIR_SCORER_LISTEN=address)
        with pytest.raises(StartFailed, match=f"WEIR_SCORER_ADMIN={address}"):
            await start(bundle, WEIR_SCORER_ADMIN=address)


async def test_two_addresses_at_once(bundle: Path, tmp_path: Path) -> None:
    listen = f"127.0.0.1:0,unix://{tmp_path}/s.sock"
    async with running_scorer(bundle, {"WEIR_SCORER_LISTEN": listen}) as scorer:
        for address in scorer.app.addresses:
            async with aio.insecure_channel(target(address)) as channel:
                stub = scorer_pb2_grpc.ScorerStub(channel)
                await stub.Describe(pb.DescribeRequest(), timeout=SECONDS)
        assert len(scorer.app.addresses) == 2


async def test_a_stale_socket_is_replaced_and_its_mode_is_tight(
    bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    variables = {"WEIR_SCORER_LISTEN": f"unix://{path}"}
    async with running_scorer(bundle, variables) as scorer:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await scorer.stub.Describe(pb.DescribeRequest(), timeout=SECONDS)
        with pytest.raises(StartFailed, match="another program serves there"):
            await start(bundle, **variables)
        await scorer.stub.Describe(pb.DescribeRequest(), timeout=SECONDS)
    assert not path.exists()


async def test_a_file_or_a_missing_folder_is_no_socket(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious", encoding="utf-8")
    with pytest.raises(StartFailed, match="another kind of file is there"):
        await start(bundle, WEIR_SCORER_LISTEN=f"unix://{tmp_path}/file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "precious"
    with pytest.raises(StartFailed, match="its folder does not exist"):
        await start(bundle, WEIR_SCORER_LISTEN=f"unix://{tmp_path}/none/s.sock")
