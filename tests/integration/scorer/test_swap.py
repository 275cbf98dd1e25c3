"""Another bundle while serving: no call is lost, a bad one changes nothing."""

import asyncio
from pathlib import Path

import pytest

from support.fakes_scorer import score_of, write_bundle
from support.scorer_app import SECONDS, RunningScorer, eventually, running_scorer
from weir_proto.scorer.v1 import scorer_pb2 as pb


def point(link: Path, bundle: Path) -> None:
    """Move the link to another bundle in one step."""
    new = link.with_suffix(".new")
    new.symlink_to(bundle)
    new.replace(link)


async def version(scorer: RunningScorer) -> str:
    description = await scorer.stub.Describe(pb.DescribeRequest(), timeout=SECONDS)
    return description.versions.bundle


async def until(scorer: RunningScorer, expected: str) -> None:
    async with asyncio.timeout(SECONDS):
        while await version(scorer) != expected:  # noqa: ASYNC110 - each look is a call
            await asyncio.sleep(0)


async def test_a_moved_link_swaps_under_load_and_loses_no_call(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for number in range(4):
        write_bundle(tmp_path / f"b{number}", f"fake@{number}")
    point(link, tmp_path / "b0")
    async with running_scorer(link) as scorer:
        answers: list[pb.ScoreResponse] = []
        stop = asyncio.Event()

        async def caller(length: int) -> None:
            text = "x" * length
            while not stop.is_set():
                answer = await scorer.stub.Score(pb.ScoreRequest(texts=[text]), timeout=SECONDS)
                assert list(answer.scores) == pytest.approx([score_of(text)])
                answers.append(answer)

        async with asyncio.TaskGroup() as group:
            for length in range(1, 17):
                group.create_task(caller(length), name=f"caller-{length}")
            for number in range(1, 4):
                await asyncio.to_thread(point, link, tmp_path / f"b{number}")
                await until(scorer, f"fake@{number}")
            stop.set()
        assert {answer.versions.bundle for answer in answers} >= {"fake@0", "fake@3"}
        assert scorer.swaps == {"loaded": 3}
        *old, new = scorer.bundles.opened
        await eventually(lambda: all(engine.closed for engine in old))
        assert not new.closed
        assert all(engine.warm_ups == 1 for engine in scorer.bundles.opened)


async def test_calls_in_flight_end_on_the_old_bundle(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "fake@1")
    async with running_scorer(bundle, {"WEIR_SCORER_BUNDLE_CHECK": "1h"}) as scorer:
        old = scorer.engine
        old.hold()
        inside = scorer.stub.Score(pb.ScoreRequest(texts=["inside"]), timeout=SECONDS)
        await scorer.busy()
        await asyncio.to_thread(write_bundle, bundle, "fake@2")
        scorer.app.reload.set()
        await until(scorer, "fake@2")
        fresh = await scorer.stub.Score(pb.ScoreRequest(texts=["fresh"]), timeout=SECONDS)
        assert fresh.versions.bundle == "fake@2"
        assert not old.closed
        old.release()
        assert (await inside).versions.bundle == "fake@1"


async def test_a_bad_bundle_is_refused_and_the_old_one_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = write_bundle(tmp_path / "bundle", "fake@1")
    async with running_scorer(bundle) as scorer:
        await asyncio.to_thread(write_bundle, bundle, "bad")
        await eventually(lambda: scorer.swaps == {"refused": 1})
        assert await version(scorer) == "fake@1"
        assert "version: its sha256 is wrong" in caplog.text
        await scorer.stub.Score(pb.ScoreRequest(texts=["on"]), timeout=SECONDS)
        await asyncio.to_thread(write_bundle, bundle, "fake@2")
        await until(scorer, "fake@2")


async def test_an_equal_bundle_changes_nothing(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "fake@1")
    async with running_scorer(bundle, {"WEIR_SCORER_BUNDLE_CHECK": "1h"}) as scorer:
        first = scorer.engine
        scorer.app.reload.set()
        await eventually(lambda: len(scorer.bundles.opened) == 2 and scorer.engine.closed)
        assert not first.closed
        await scorer.stub.Score(pb.ScoreRequest(texts=["on"]), timeout=SECONDS)
        assert first.batches == [["on"]]
