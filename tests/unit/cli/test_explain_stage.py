"""`weir explain --request` says what the router `stage` does at an agent's turn, and why."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.agent_runs import WEIGHTS, Run, run_tests
from support.bundles import tiny_bundle
from weir_agents.scores import dump_weights
from weir_cli.explain.command import explain
from weir_cli.explain.stage_text import stage_lines
from weir_gateway.domain.stage import StageStep, StageView
from weir_policy.ids import PicoUsd

FILES = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: weak}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "1", output: "1"}
---
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: strong}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "9", output: "9"}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: agents}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: stage, stage: {weights: test, maxStrongUsd: "0.5"}}
  objective: {threshold: "0.5"}
"""
VIEW = StageView(
    step=StageStep.HOLD,
    strong=True,
    up=0.5,
    back=0.375,
    agent=0.41,
    text=0.3,
    before=True,
    settled=1,
    settled_turns=3,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def shown(folder: Path, bundle: Path, run: Run, *words: str, gate: str = "") -> str:
    policies, body, weights = folder / "p.yaml", folder / "r.json", folder / "weights"
    policies.write_text(FILES + gate)
    body.write_bytes(run.chat())
    weights.mkdir(exist_ok=True)
    (weights / "test.json").write_text(dump_weights(WEIGHTS))
    arguments = ["-f", str(policies), "--bundle", str(bundle), "--request", str(body), *words]
    arguments += ["--agent-weights", str(weights)]
    result = CliRunner().invoke(explain, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_shows_score_signals_bars_memory_and_ceiling(tmp_path: Path, bundle: Path) -> None:
    text = shown(tmp_path, bundle, Run(steps=(run_tests(fail=True),) * 3))
    assert "that the run fails if it goes on: the strong model is needed" in text
    assert "failingStreak +2.31" in text
    assert "(router stage)" in text
    assert "of prompts" not in text  # no reference prompts have such a score
    assert "strong from 0.500 on; returns below 0.375" in text
    assert "none of this session" in text
    assert "$0.0000 of $0.5 spent" in text
    assert "because: stage:strong" in text


def test_json_has_the_same(tmp_path: Path, bundle: Path) -> None:
    explained = json.loads(shown(tmp_path, bundle, Run().after(3), "--json"))
    stage = explained["stage"]
    assert (stage["step"], stage["remembered"], stage["weights"]) == ("weak", None, "test")
    assert stage["signals"][0]["name"] == "failingStreak"
    assert explained["choice"] == "weak"


def test_what_is_remembered_is_told() -> None:
    lines = dict(stage_lines(replace(VIEW, ceiling=PicoUsd(10**12), spent=PicoUsd(10**11))))
    assert lines["memory"] == "the strong model is at work"
    assert lines["bars"].endswith("after 3 good turns (1 so far)")
    assert lines["ceiling"] == "$0.1000 of $1 spent by the strong model"
    late = dict(stage_lines(replace(VIEW, before=False, in_order=False)))
    assert late["memory"].startswith("the weak model is at work; this turn is out of order")


def test_every_step_has_its_sentence() -> None:
    assert len({stage_lines(replace(VIEW, step=step))[0][1] for step in StageStep}) == len(
        StageStep
    )


def test_it_tells_who_gets_the_last_word_on_a_finished_run(tmp_path: Path, bundle: Path) -> None:
    gate = '  finishGate: {bar: "0.35", weights: test}\n'
    run = Run(steps=(run_tests(fail=True),) * 2)
    text = shown(tmp_path, bundle, run, gate=gate)
    flat = " ".join(text.split())
    assert "fails with 0.35 or more, strong gets the last word (weights test)" in flat
    assert "spec.finishGate: Unproven" in flat
    assert "this answer is not scored" in shown(tmp_path, bundle, run.after(1), gate=gate)
