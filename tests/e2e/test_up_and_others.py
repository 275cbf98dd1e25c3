"""What the commands say when all is well and when it is not: exit codes, one line, what to do."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.bundles import default_bundle
from support.chat_client import ask_all
from support.programs import QUICKSTART, ROOT, Program, resident_mb

GATEWAY_MB = 120
SCORER_MB = 640  # 250,000 words: their rows have 54 MB, the tokenizer that finds them most of it


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weir_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )


def bundle() -> list[str]:
    return ["--bundle", str(default_bundle())]


def test_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("up", "-f", str(QUICKSTART), *bundle(), "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_bundle_says_how_to_build_it(tmp_path: Path) -> None:
    done = run("up", "-f", str(QUICKSTART), "--bundle", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "weir bundle build --out" in done.stderr


def test_mistakes_are_told_with_file_and_line(tmp_path: Path) -> None:
    text = (QUICKSTART / "policy.yaml").read_text(encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(text.replace("strongShare:", "strongShar:"))
    (tmp_path / "models.yaml").write_text((QUICKSTART / "models.yaml").read_text(encoding="utf-8"))
    done = run("up", "-f", str(tmp_path), *bundle())
    assert done.returncode == 1
    assert "policy.yaml:" in done.stderr
    assert "did you mean strongShare?" in done.stderr
    assert not done.stdout


def test_missing_file_is_bad_usage() -> None:
    assert run("up", "-f", "nowhere.yaml").returncode == 2


def test_explain_draws_and_tells() -> None:
    asked = ["explain", "-f", str(QUICKSTART), *bundle()]
    drawn = run(*asked, "What is 2 + 2?")
    assert drawn.returncode == 0
    assert "╹ threshold" in drawn.stdout
    assert "choice   small" in drawn.stdout
    told = json.loads(run(*asked, "--json", "What is 2 + 2?").stdout)
    assert told["reason"] == "scored"
    assert told["score"] < told["threshold"]
    assert [each["name"] for each in told["candidates"]] == ["small", "large"]
    assert all(0 <= each["quality"] <= 1 for each in told["candidates"])


def test_explain_takes_an_empty_prompt() -> None:
    done = run("explain", "-f", str(QUICKSTART), *bundle(), "--json", "")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["score"], told["choice"]) == (0.0, "small")


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--policy", "nobody"], "There are: default/chat"),
        (["--model", "nobody"], "model_not_found"),
    ],
)
def test_explain_says_what_there_is(extra: list[str], says: str) -> None:
    done = run("explain", "-f", str(QUICKSTART), *bundle(), *extra, "hello")
    assert done.returncode == 1
    assert says in done.stderr


def test_demo_shows_a_table_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    done = run("demo", "--once", "--json", *bundle(), *ports)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["models"]["real"] is False
    scored = {row["model"] for row in told["rows"] if row["reason"] == "scored"}
    assert scored == {"small", "large"}  # the demo shows both sides of the threshold
    assert {"scored", "rule:agents"} == {row["reason"] for row in told["rows"]}
    assert all(row["cost_usd"] > 0 for row in told["rows"])
    session = {turn["event"]: (turn["model"], turn["reason"]) for turn in told["session"]}
    assert session["tests fail a second time"] == ("small", "stage:weak")
    assert session["tests fail a third time"] == ("large", "stage:up")
    assert session["tests pass"] == ("small", "stage:return")
    assert sum(row["saved_usd"] for row in told["rows"]) > 0


async def test_memory_stays_within_its_bounds(weir_up: Program) -> None:
    prompts = [f"Prompt {number}: " + "word " * 60 for number in range(1000)]
    answers = await ask_all(weir_up.url, prompts, connections=32)
    assert {answer.status for answer in answers} == {200}
    assert resident_mb(weir_up.child("weir_gateway")) < GATEWAY_MB
    assert resident_mb(weir_up.child("weir_scorer")) < SCORER_MB
