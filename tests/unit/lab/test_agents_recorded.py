"""Agents' recorded runs and tasks: what must hold of the prior and of a gate's estimate."""

import os
from pathlib import Path

import numpy as np
import pytest

from weir_agents.gate_value import GateVerdict
from weir_agents.scores import finish_score
from weir_lab.agents.replay import load_pair_of_tasks, replay_gate
from weir_lab.agents.runs import AgentRun, load_runs
from weir_lab.metrics.auroc import auroc

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("WEIR_DATA_DIR", ROOT.parent / "shared" / "data"))
RUNS, TASKS = DATA / "agent_turns.parquet", DATA / "agent_tasks.parquet"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not RUNS.is_file(), reason="no recorded runs: set WEIR_DATA_DIR to their folder"
    ),
]


def figures(runs: list[AgentRun]) -> tuple[float, float]:
    """AUROC within each model of the prior's finish score, and of the run's length."""
    failed = np.array([float(run.failed) for run in runs])
    kinds = [(run.model, run.harness) for run in runs]
    scores = np.array([finish_score(run.facts()) for run in runs])
    lengths = np.array([float(len(run)) for run in runs])
    return auroc(scores, failed, kinds), auroc(lengths, failed, kinds)


def test_the_prior_beats_length_on_finished_runs() -> None:
    runs = load_runs(RUNS)
    shell = figures([run for run in runs if run.harness == "mini-swe-agent"])
    service = figures([run for run in runs if run.source == "tau1_airline"])
    assert shell[0] > max(0.65, shell[1] + 0.03)
    assert service[0] > max(0.70, service[1])


OPUS = "Claude 4.5 Opus medium (20251101)"


@pytest.mark.parametrize(
    ("weak", "strong", "pays"),
    [
        ("DeepSeek V3.2 Reasoner", OPUS, True),
        ("Qwen3-Coder 480B/A35B Instruct", "Claude 4.5 Sonnet (20250929)", False),
        ("gpt-oss-120b", "GPT-5 (2025-08-07) (medium reasoning)", False),
    ],
)
def test_the_estimate_agrees_with_the_replay(weak: str, strong: str, *, pays: bool) -> None:
    pair = load_pair_of_tasks(TASKS, weak, strong, "mini-swe-agent")
    found = replay_gate(pair, 0.72, seed=0, repeats=100)
    assert found.estimate.saved.value == pytest.approx(found.saved.value, abs=0.08)
    assert found.estimate.pays is pays
    assert (found.saved.value >= 0.05) is pays
    assert (found.estimate.verdict is GateVerdict.LOSES) is not pays
