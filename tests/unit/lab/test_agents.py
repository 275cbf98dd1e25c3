"""The lab's part for agents, on small runs of our own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from weir_agents.scores import PRIOR, load_weights
from weir_cli.eval.command import evaluation
from weir_cli.train.command import train
from weir_lab.agents.evaluate import FITTED, LENGTH, PRIOR_NAME, AgentOptions, evaluate_runs
from weir_lab.agents.fit import Examples, fit_head, recalibrated
from weir_lab.agents.labelled import RatedFacts, labelled_ratings, labelled_runs
from weir_lab.agents.replay import load_pair_of_tasks, replay_gate
from weir_lab.agents.runs import AgentRun, load_runs
from weir_lab.agents.switchyard import switchyard_score
from weir_lab.agents.train import train_weights
from weir_lab.datasets.parquet import ParquetRows
from weir_lab.errors import DataError, TooFew
from weir_lab.metrics.auroc import auroc

COLUMNS: dict[str, type] = {
    "trajectory_id": str,
    "task_id": str,
    "source": str,
    "harness": str,
    "model": str,
    "turn": int,
    "resolved": int,
    "obs_roles": str,
    "obs_text": str,
    "obs_chars": int,
    "obs_error": float,
    "asst_text": str,
    "asst_chars": int,
    "call_names": str,
    "call_args": str,
}


def run_rows(task: str, turns: int, *, failed: bool, harness: str = "mini") -> list[list[object]]:
    """A run whose every third command fails where it fails itself."""
    rows: list[list[object]] = []
    for turn in range(turns):
        error = failed and turn % 3 == 0
        first = turn == 0
        rows.append(
            [
                *(f"{harness}/{task}", task, "own", harness, "small", turn, int(not failed)),
                "user" if first else "tool",
                "Fix it." if first else ("bash: foo: command not found" if error else "fine"),
                30,
                None if first else float(error),
                "I look. " * 5,
                600 if failed else 90,
                "bash",
                f"sed -i s/a/b/ f{turn}.py" if turn % 2 else "cat f.py",
            ]
        )
    return rows


def write(path: Path, columns: dict[str, type], rows: Sequence[Sequence[object]]) -> Path:
    with ParquetRows(path, columns) as file:
        file.write(rows)
    return path


def many_runs(count: int = 60, harness: str = "mini") -> list[list[object]]:
    drawn = np.random.default_rng(0)
    rows: list[list[object]] = []
    for n in range(count):
        turns = int(drawn.integers(5, 20))
        rows += run_rows(f"t{n}", turns, failed=bool(drawn.random() < 0.4), harness=harness)
    return rows


@pytest.fixture(name="runs_file")
def runs_file_fixture(tmp_path: Path) -> Path:
    return write(tmp_path / "turns.parquet", COLUMNS, many_runs())


def test_a_run_is_read_as_a_gateway_would(runs_file: Path) -> None:
    runs = load_runs(runs_file)
    assert len(runs) == 60
    failed = next(run for run in runs if run.failed)
    whole, early = failed.facts(), failed.facts(4)
    assert (whole.turns, early.turns, early.results) == (len(failed), 4, 4)
    assert (early.errors, early.user_turns) == (1, 1)
    assert whole.text_chars == 600 * len(failed)


def test_a_file_without_turns_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path / "x.parquet", {"prompt": str}, [["hello"]])
    with pytest.raises(DataError, match="no column trajectory_id"):
        load_runs(other)


def test_scores_are_measured_beside_the_baselines(runs_file: Path) -> None:
    steps: list[str] = []
    rows = evaluate_runs(load_runs(runs_file), AgentOptions(repeats=50), steps.append)
    assert [row.turns for row in rows] == [3, 5, 10, None][: len(rows)] or rows[-1].turns is None
    whole = rows[-1]
    assert whole.figures[PRIOR_NAME].value > 0.9
    assert whole.figures[FITTED].value > 0.9
    assert 0.2 < whole.figures[LENGTH].value < 0.8
    assert steps


def test_switchyards_formula_rises_with_errors(runs_file: Path) -> None:
    runs = load_runs(runs_file)
    means = [
        np.mean([switchyard_score(run) for run in runs if run.failed is failed])
        for failed in (True, False)
    ]
    assert means[0] > means[1]


def test_the_figure_counts_pairs_within_a_kind_only() -> None:
    failed = np.array([1.0, 0.0, 1.0, 0.0])
    score = np.array([0.9, 0.8, 0.2, 0.1])
    assert auroc(score, failed) == 0.75
    assert auroc(score, failed, ["a", "a", "b", "b"]) == 1
    assert np.isnan(auroc(score, np.ones(4)))


def test_a_strong_ridge_keeps_the_priors_weights(runs_file: Path) -> None:
    labelled = labelled_runs(load_runs(runs_file), None)
    near = fit_head(labelled.finished, PRIOR.work.finish, (), 1e6)
    assert [term.weight for term in near.terms] == pytest.approx(
        [term.weight for term in PRIOR.work.finish.terms], abs=1e-3
    )
    moved = recalibrated(labelled.finished, PRIOR.work.finish)
    mean = np.mean([moved.score(facts) for facts in labelled.finished.facts])
    assert mean == pytest.approx(labelled.finished.failed.mean(), abs=1e-3)


def test_weights_are_fitted_and_say_what_was_shown(runs_file: Path) -> None:
    labelled = labelled_runs(load_runs(runs_file), None)
    trained = train_weights(labelled, "2026-01-01", seed=0, repeats=100)
    assert trained.weights.harness == "mini"
    assert trained.auroc.value > 0.9
    assert trained.over_length.low > 0
    # The prior tells these runs apart already: nothing better is claimed.
    assert not trained.improved


def test_a_fit_across_harnesses_is_refused() -> None:
    names = ("mini", "codex")
    runs = [AgentRun("t", "own", name, "m", failed=False, cost=0.1, rows=()) for name in names]
    with pytest.raises(DataError, match="several harnesses"):
        labelled_runs(runs, None)
    with pytest.raises(DataError, match="no runs of 'aider'"):
        labelled_runs(runs, "aider")


def test_too_few_labels_are_refused(runs_file: Path) -> None:
    few = load_runs(runs_file)[:40]
    with pytest.raises(TooFew, match="40 runs"):
        train_weights(labelled_runs(few, None), "", seed=0, repeats=20)


def test_ratings_of_a_ledger_are_labels(runs_file: Path) -> None:
    rated = [
        RatedFacts(run.facts(), run.model, 0.0 if run.failed else 1.0, run.task)
        for run in load_runs(runs_file)
    ]
    labelled = labelled_ratings(rated, None)
    assert isinstance(labelled.finished, Examples)
    assert labelled.harness == "unknown"
    assert set(labelled.finished.failed) == {0.0, 1.0}


TASKS: dict[str, type] = {
    "task_id": str,
    "harness": str,
    "model": str,
    "resolved": int,
    "cost_usd": float,
}


@pytest.fixture(name="tasks_file")
def tasks_file_fixture(tmp_path: Path) -> Path:
    drawn = np.random.default_rng(1)
    rows: list[list[object]] = []
    for n in range(200):
        hard = drawn.random()
        solved = hard < 0.75 and drawn.random() > 0.05
        rows.append([f"t{n}", "mini", "small", int(hard < 0.6), 0.03])
        rows.append([f"t{n}", "mini", "large", int(solved), 0.70 + 0.2 * hard])
    return write(tmp_path / "tasks.parquet", TASKS, rows)


def test_a_gate_is_replayed_on_recorded_outcomes(tasks_file: Path) -> None:
    pair = load_pair_of_tasks(tasks_file, "small", "large", "mini")
    poor, good = (replay_gate(pair, value, seed=0, repeats=50) for value in (0.55, 0.95))
    assert good.saved.value > 0.2 > poor.saved.value
    assert good.saved.low <= good.saved.value <= good.saved.high
    assert good.estimate.saved.value == pytest.approx(good.saved.value, abs=0.15)
    with pytest.raises(DataError, match="share 0 tasks"):
        load_pair_of_tasks(tasks_file, "small", "other", "mini")


def test_the_commands_print_and_write(runs_file: Path, tasks_file: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    weights = tmp_path / "weights.json"
    trained = run(train, ["--agents", str(runs_file), "--out", str(weights)])
    assert trained.exit_code == 0, trained.output
    assert "no difference shown" in trained.output
    assert load_weights(weights.read_text()).harness == "mini"
    out = tmp_path / "agents"
    common = ["--agents", str(runs_file), "--repeats", "20", "--out", str(out)]
    measured = run(evaluation, [*common, "--weights", str(weights)])
    assert measured.exit_code == 0, measured.output
    assert "Switchyard" in out.with_suffix(".html").read_text()
    gate = ["--gate", str(tasks_file), "--weak", "small", "--strong", "large", "--json"]
    replayed = run(evaluation, [*gate, "--harness", "mini", "--auroc", "0.8"])
    assert replayed.exit_code == 0, replayed.output
    assert '"verdict"' in replayed.output


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        (train, ["--out", "x"], "give one of --data and --agents"),
        (evaluation, ["--gate", __file__], "--gate needs --weak"),
        (evaluation, ["--agents", __file__, "--auroc", "0.6"], "--auroc goes with --gate"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command: Callable[..., object], arguments: list[str], says: str
) -> None:
    result = CliRunner().invoke(command, arguments)  # type: ignore[arg-type] # a command
    assert result.exit_code == 2
    assert says in result.output
