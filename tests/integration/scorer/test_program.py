"""`weir-scorer` as a program: a real bundle, signals, exit status, one clear line on failure."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from support.bundles import tiny_bundle, tiny_parts_of_both_ends
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc
from weir_scorer import Bundle, Chat
from weir_scorer.build.assemble import write_bundle

SECONDS = 60.0
HARD = "Prove that the sum of the two theorems is what Riesz proved."
CONVERSATION = pb.ScoreRequest(
    texts=["and why?", "thanks!", "and why?"],
    earlier=[pb.Earlier(turns=["hi", HARD]), pb.Earlier(turns=[HARD]), pb.Earlier()],
)


def in_this_process(bundle: Path) -> object:
    """What the scores of CONVERSATION should be."""
    with Bundle.open(bundle) as opened:
        chats = [Chat("and why?", ("hi", HARD)), Chat("thanks!", (HARD,)), "and why?"]
        follow_up, closing, alone = opened.score(chats).scores.tolist()
        assert follow_up != pytest.approx(alone, abs=1e-4)
        assert closing == pytest.approx(float(opened.score(["thanks!"]).scores[0]), abs=1e-5)
        return pytest.approx([follow_up, closing, alone], abs=1e-5)


def environment(bundle: Path, socket: Path, **more: str) -> dict[str, str]:
    own = {
        "WEIR_SCORER_LISTEN": f"unix://{socket}",
        "WEIR_SCORER_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER_BUNDLE": str(bundle),
        "WEIR_SCORER_BUNDLE_CHECK": "1h",
    }
    return {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")} | (
        own | more
    )


@contextmanager
def program(variables: dict[str, str]) -> Generator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "weir_scorer"], env=variables, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]", message: str) -> dict[str, object]:
    """Read log lines until one says `message`."""
    assert process.stderr is not None
    for line in process.stderr:
        entry: dict[str, object] = json.loads(line)
        if entry["message"] == message:
            return entry
    raise AssertionError(f"it ended before it said {message!r}")


def test_it_serves_a_real_bundle_swaps_on_sighup_and_drains_on_sigterm(tmp_path: Path) -> None:
    bundle, socket = tiny_bundle(tmp_path, name="one"), tmp_path / "s.sock"
    other = tmp_path / "two"
    write_bundle(tiny_parts_of_both_ends(), other)  # the other way of reading, too
    texts = ["what is the sum of two", "prove the theorem", ""]
    link = tmp_path / "current"
    link.symlink_to(bundle)
    with program(environment(link, socket)) as process:
        serving = said(process, "serving")
        assert serving["provider"] == "CPUExecutionProvider"
        with grpc.insecure_channel(f"unix:{socket}") as channel:
            stub = scorer_pb2_grpc.ScorerStub(channel)
            answer = stub.Score(pb.ScoreRequest(texts=texts), timeout=SECONDS)
            assert answer.versions.bundle == serving["bundle"]
            with Bundle.open(bundle) as in_process:
                expected = in_process.score(texts).scores.tolist()
            assert list(answer.scores) == pytest.approx(expected, abs=1e-5)
            assert list(stub.Score(CONVERSATION, timeout=SECONDS).scores) == in_this_process(bundle)
            link.unlink()
            link.symlink_to(other)
            process.send_signal(signal.SIGHUP)
            swapped = said(process, "serving")
            answer = stub.Score(pb.ScoreRequest(texts=texts), timeout=SECONDS)
            assert answer.versions.bundle == swapped["bundle"] != serving["bundle"]
            assert list(stub.Score(CONVERSATION, timeout=SECONDS).scores) == in_this_process(other)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert not socket.exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"WEIR_SCORER_QUEUE": "many"}, "WEIR_SCORER_QUEUE='many': write a whole number"),
        ({"WEIR_SCORER_QUEUE": "0"}, "WEIR_SCORER_QUEUE=0: write more than 0"),
        ({"WEIR_SCORER_DEVICE": "npu"}, "device 'npu': write auto, cpu, cuda or tensorrt"),
        ({"WEIR_SCORER_LISTEN": "nowhere"}, "WEIR_SCORER_LISTEN='nowhere'"),
        ({"WEIR_SCORER_BUNDLE": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_a_start_that_fails_says_why_in_its_last_line(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    env = environment(tiny_bundle(tmp_path), tmp_path / "s.sock") | variables
    done = subprocess.run(
        [sys.executable, "-m", "weir_scorer"],
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("weir-scorer: ")
    assert says in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s.sock").exists()


def test_a_device_that_is_not_there_is_a_failed_start(tmp_path: Path) -> None:
    env = environment(tiny_bundle(tmp_path), tmp_path / "s.sock", WEIR_SCORER_DEVICE="cuda")
    if (Path("/dev") / "nvidia0").exists():
        pytest.skip("there is a GPU here: nothing to refuse")
    done = subprocess.run(
        [sys.executable, "-m", "weir_scorer"],
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "CUDAExecutionProvider was asked for" in done.stderr
