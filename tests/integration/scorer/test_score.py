"""Score and Describe over real sockets: order, merging, limits, status codes."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from support.fakes_scorer import CHEAP, ENCODED, POISON, score_of, write_bundle
from support.scorer_app import SECONDS, RunningScorer, eventually, running_scorer
from weir_proto.scorer.v1 import scorer_pb2 as pb


@pytest.fixture(params=["tcp", "unix"])
async def scorer(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[RunningScorer]:
    variables = {"WEIR_SCORER_QUEUE": "16", "WEIR_SCORER_CALL_TEXTS": "8"}
    if request.param == "unix":
        variables["WEIR_SCORER_LISTEN"] = f"unix://{tmp_path}/s.sock"
    async with running_scorer(write_bundle(tmp_path / "bundle", "fake@1"), variables) as running:
        yield running


async def refused(call: "aio.UnaryUnaryCall[pb.ScoreRequest, pb.ScoreResponse]") -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_scores_come_back_in_order(scorer: RunningScorer) -> None:
    texts = ["a" * length for length in (90, 3, 500, 3, 41, 1)]
    answer = await scorer.stub.Score(pb.ScoreRequest(texts=texts), timeout=SECONDS)
    assert list(answer.scores) == pytest.approx([score_of(text) for text in texts])
    assert answer.versions == pb.Versions(bundle="fake@1", router=ENCODED)
    assert not answer.quality
    assert not answer.embeddings


async def test_earlier_turns_come_with_their_texts(scorer: RunningScorer) -> None:
    earlier = [pb.Earlier(turns=["one", "two"]), pb.Earlier(), pb.Earlier(turns=["x"] * 9)]
    request = pb.ScoreRequest(texts=["and why?", "alone", "last"], earlier=earlier)
    answer = await scorer.stub.Score(request, timeout=SECONDS)
    texts = ["one\ntwo\nand why?", "alone", "x\nx\nx\nx\nlast"]
    assert list(answer.scores) == pytest.approx([score_of(text) for text in texts])


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        ([pb.Earlier()] * 2, "earlier: 2 entries for 1 texts"),
        ([pb.Earlier(turns=["x" * 600_000] * 2)], r"earlier\[0\]: the last 2 turns have too many"),
    ],
)
async def test_earlier_turns_that_do_not_fit_are_refused(
    scorer: RunningScorer, earlier: list[pb.Earlier], message: str
) -> None:
    request = pb.ScoreRequest(texts=["and why?"], earlier=earlier)
    error = await refused(scorer.stub.Score(request, timeout=SECONDS))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert re.search(message, error.details() or "")


async def test_quality_and_embeddings_where_asked_for(scorer: RunningScorer) -> None:
    request = pb.ScoreRequest(texts=["ab", "abcd"], want_quality=True, want_embedding=True)
    answer = await scorer.stub.Score(request, timeout=SECONDS)
    assert [list(row.values) for row in answer.quality] == [
        pytest.approx([0.002, 0.998]),
        pytest.approx([0.004, 0.996]),
    ]
    assert [list(row.values) for row in answer.embeddings] == [
        pytest.approx([0.002] * 3),
        pytest.approx([0.004] * 3),
    ]
    assert scorer.engine.runs[-1] == (ENCODED, True, True)


async def test_calls_that_wait_share_one_batch(scorer: RunningScorer) -> None:
    scorer.engine.hold()
    first = scorer.stub.Score(pb.ScoreRequest(texts=["first"]), timeout=SECONDS)
    await scorer.busy()
    calls = [
        scorer.stub.Score(pb.ScoreRequest(texts=[f"text{number}"] * 2), timeout=SECONDS)
        for number in range(4)
    ]
    await scorer.until_waiting(8)
    # Prepared after them, on the same thread, and answered there: now they wait for the device.
    cheap = "cheap" * 1000  # too long to be scored past the queue
    await scorer.stub.Score(pb.ScoreRequest(texts=[cheap], router=CHEAP), timeout=SECONDS)
    scorer.engine.release()
    answers = await asyncio.gather(first, *calls)
    assert [len(answer.scores) for answer in answers] == [1, 2, 2, 2, 2]
    batches = [batch for batch in scorer.engine.batches if batch != [cheap]]
    assert [len(batch) for batch in batches] == [1, 8]


async def test_a_router_without_an_encoder_needs_no_device(scorer: RunningScorer) -> None:
    scorer.engine.hold()
    held = scorer.stub.Score(pb.ScoreRequest(texts=["held"]), timeout=SECONDS)
    await scorer.busy()
    scorer.engine.release()
    await held
    answer = await scorer.stub.Score(pb.ScoreRequest(texts=["abc"], router=CHEAP), timeout=SECONDS)
    assert answer.versions.router == CHEAP
    assert list(answer.scores) == pytest.approx([0.003])
    assert scorer.engine.threads == {"weir-cpu:0", "MainThread"}  # too short to be worth a thread
    await scorer.stub.Score(pb.ScoreRequest(texts=["abc" * 2000], router=CHEAP), timeout=SECONDS)
    assert scorer.engine.threads == {"weir-cpu:0", "MainThread", "weir-prepare-0"}


async def test_a_full_queue_sheds_at_once(scorer: RunningScorer) -> None:
    scorer.engine.hold()
    first = scorer.stub.Score(pb.ScoreRequest(texts=["first"]), timeout=SECONDS)
    await scorer.busy()
    waiting = [
        scorer.stub.Score(pb.ScoreRequest(texts=["a"] * 8), timeout=SECONDS) for _ in range(2)
    ]
    await scorer.until_waiting(16)
    error = await refused(scorer.stub.Score(pb.ScoreRequest(texts=["b"]), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "16 of 16 texts wait" in (error.details() or "")
    scorer.engine.release()
    await asyncio.gather(first, *waiting)


async def test_work_whose_deadline_passed_is_never_started(scorer: RunningScorer) -> None:
    scorer.engine.hold()
    first = scorer.stub.Score(pb.ScoreRequest(texts=["first"]), timeout=SECONDS)
    await scorer.busy()
    error = await refused(scorer.stub.Score(pb.ScoreRequest(texts=["late"]), timeout=0.05))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await scorer.until_waiting(0)
    await eventually(lambda: (ENCODED, "DEADLINE_EXCEEDED") in scorer.codes)
    scorer.engine.release()
    await first
    await scorer.stub.Score(pb.ScoreRequest(texts=["next"]), timeout=SECONDS)
    assert scorer.engine.batches == [["first"], ["next"]]


async def test_a_cancelled_call_leaves_the_queue(scorer: RunningScorer) -> None:
    scorer.engine.hold()
    first = scorer.stub.Score(pb.ScoreRequest(texts=["first"]), timeout=SECONDS)
    await scorer.busy()
    gone = scorer.stub.Score(pb.ScoreRequest(texts=["gone"]), timeout=SECONDS)
    await scorer.until_waiting(1)
    gone.cancel()
    await scorer.until_waiting(0)
    await eventually(lambda: (ENCODED, "CANCELLED") in scorer.codes)
    scorer.engine.release()
    await first
    await scorer.stub.Score(pb.ScoreRequest(texts=["next"]), timeout=SECONDS)
    assert scorer.engine.batches == [["first"], ["next"]]


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (pb.ScoreRequest(), grpc.StatusCode.INVALID_ARGUMENT, "texts: there is none"),
        (pb.ScoreRequest(texts=["a"] * 9), grpc.StatusCode.INVALID_ARGUMENT, "texts: 9 are too"),
        (
            pb.ScoreRequest(texts=["a", "b" * 1_000_001]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "texts[1]: 1000001 characters",
        ),
        (
            pb.ScoreRequest(texts=["a"], router="mf"),
            grpc.StatusCode.NOT_FOUND,
            "it has: length, linear",
        ),
        (pb.ScoreRequest(texts=[POISON]), grpc.StatusCode.INTERNAL, "the engine failed"),
    ],
)
async def test_refusals_say_what_is_wrong(
    scorer: RunningScorer, request_: pb.ScoreRequest, code: grpc.StatusCode, says: str
) -> None:
    error = await refused(scorer.stub.Score(request_, timeout=SECONDS))
    assert error.code() is code
    assert says in (error.details() or "")
    answer = await scorer.stub.Score(pb.ScoreRequest(texts=["fine"]), timeout=SECONDS)
    assert len(answer.scores) == 1


async def test_a_request_over_the_size_is_refused_unparsed(tmp_path: Path) -> None:
    variables = {"WEIR_SCORER_MESSAGE": "1KiB"}
    async with running_scorer(write_bundle(tmp_path / "small", "fake@1"), variables) as scorer:
        error = await refused(
            scorer.stub.Score(pb.ScoreRequest(texts=["a" * 2000]), timeout=SECONDS)
        )
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert scorer.engine.prepared == []


async def test_describe_tells_what_runs(scorer: RunningScorer) -> None:
    description = await scorer.stub.Describe(pb.DescribeRequest(), timeout=SECONDS)
    assert description.versions == pb.Versions(bundle="fake@1", router=ENCODED)
    assert [router.name for router in description.routers] == [ENCODED, CHEAP]
    assert description.default_router == ENCODED
    assert list(description.profiles) == ["small", "large"]
    (device,) = description.devices
    assert (device.name, device.provider, device.precision) == (
        "cpu:0",
        "CPUExecutionProvider",
        "fp32",
    )
    assert (description.max_texts, description.max_chars) == (8, 2000)
    calibration = description.routers[0].calibration
    assert list(calibration.quantiles) == [0.0, 0.5, 1.0]
    assert calibration.retention[0].threshold == 0.25
