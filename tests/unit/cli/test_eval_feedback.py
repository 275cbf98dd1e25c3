"""`weir eval --feedback`: from a ledger's file to an estimate, or to why there is none."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle
from support.rated_ledger import write_ledger, write_others
from support.synthetic_ratings import World
from weir_cli.eval.command import evaluation
from weir_cli.eval.rated_decisions import read_rated
from weir_gateway.domain.decision import Reason
from weir_scorer.bundle.bundle import Bundle


def run(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Result:
    """The command on `ledger.db`; repeats are few, so that tests are quick."""
    more = ["--repeats", "100", "--out", str(folder / "out"), *words]
    return CliRunner().invoke(evaluation, ["--feedback", str(folder / "ledger.db"), *more], env=env)


def told(result: Result) -> dict[str, Any]:
    """What `--json` printed."""
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_threshold_is_estimated_near_its_truth(tmp_path: Path) -> None:
    world = World()
    write_ledger(tmp_path / "ledger.db", world, 4000)
    write_others(tmp_path / "ledger.db", 7, Reason.RULE)
    report = told(run(tmp_path, "--threshold", "0.53", "--json"))
    estimate = report["estimate"]
    for name in ("ips", "snips", "dr"):
        assert estimate[name]["low"] < world.truth(0.53) < estimate[name]["high"]
    assert (report["decisions"], estimate["rated"]) == (4000, 4000)
    assert report["left_out"] == {"by rule:r": 7}
    assert report["rated_by_model"]["weak"][0] == report["rated_by_model"]["weak"][1]
    assert 0.45 < report["strong_share"] < 0.49
    # A weak answer costs $0.0001, a strong one $0.001.
    spent = 0.001 * report["strong_share"] + 0.0001 * (1 - report["strong_share"])
    assert report["cost"]["low"] < spent < report["cost"]["high"]
    assert json.loads((tmp_path / "out.json").read_text()) == report
    assert "<svg" in (tmp_path / "out.html").read_text()


def test_people_get_a_table_with_what_must_be_said(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 1500)
    result = run(tmp_path, "--threshold", "0.47")
    assert result.exit_code == 0
    for word in ("IPS", "SNIPS", "DR", "as served", "never tried"):
        assert word in result.output


def test_preferences_count_as_likes_of_the_model(tmp_path: Path) -> None:
    logged = write_ledger(tmp_path / "ledger.db", World(), 300, preferring=True)
    rated = read_rated(tmp_path / "ledger.db", None, 0)
    assert sorted(rated.rating) == sorted(logged.reward)
    assert rated.rating[rated.chose_strong].mean() == logged.reward[logged.strong].mean()


EVERYWHERE = World(band=1.0, share=0.2)  # both models are tried on every prompt
RESOURCES = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: %s}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "1", output: "1"}
---
"""
POLICY = """
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: %s}
  objective: {%s}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def policy_file(folder: Path, router: str, objective: str) -> list[str]:
    path = folder / "policy.yaml"
    backends = "".join(RESOURCES % name for name in ("weak", "strong"))
    path.write_text(backends + POLICY % (router, objective))
    return ["-f", str(path)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{name: chat}", "{name: code}", "no policy shop/chat"),
        ("{backend: weak}, {backend: strong}", "{backend: strong}, {backend: weak}", "rated are"),
    ],
)
def test_a_policy_that_is_another_s_gives_no_number(
    tmp_path: Path, bundle: Path, old: str, new: str, said: str
) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 3000)
    words = policy_file(tmp_path, "linear", 'threshold: "0.53"')
    path = tmp_path / "policy.yaml"
    path.write_text(path.read_text().replace(old, new))
    result = run(tmp_path, *words, env={"WEIR_BUNDLE": str(bundle)})
    assert (result.exit_code, said in " ".join(result.output.split())) == (1, True), result.output


def test_a_policy_s_threshold_is_that_of_its_file(tmp_path: Path, bundle: Path) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 3000)
    words = policy_file(tmp_path, "linear", 'threshold: "0.53"')
    anew = run(tmp_path, *words, "--bundle", str(bundle))  # another one than scored them
    assert (anew.exit_code, "keeps no prompts" in anew.output) == (1, True)
    by_file = told(run(tmp_path, *words, "--json", env={"WEIR_BUNDLE": str(bundle)}))
    assert by_file["estimate"] == told(run(tmp_path, "--threshold", "0.53", "--json"))["estimate"]


def test_another_bundle_scores_the_kept_prompts_anew(tmp_path: Path, bundle: Path) -> None:
    write_ledger(tmp_path / "ledger.db", EVERYWHERE, 1500, content=True)
    words = ["--bundle", str(bundle), "--router", "length", "--threshold", "0.5", "--json"]
    report = told(run(tmp_path, *words))
    with Bundle.open(bundle, devices=["cpu"]) as opened:
        texts = [f"prompt {row}" for row in range(1500)]
        share = float((opened.score(texts, "length").scores >= 0.5).mean())
    assert report["strong_share"] == pytest.approx(share)
    assert report["estimate"]["untold"] == 0
    by_share = policy_file(tmp_path, "length", "strongShare: 30%")
    report = told(run(tmp_path, *by_share, "--bundle", str(bundle), "--json"))
    assert report["asked"].startswith("length of tiny@")


def test_without_prompts_nothing_is_scored_anew(tmp_path: Path, bundle: Path) -> None:
    write_ledger(tmp_path / "ledger.db", EVERYWHERE, 100)
    result = run(tmp_path, "--bundle", str(bundle), "--router", "length")
    assert (result.exit_code, "keeps no prompts" in result.output) == (1, True)
    unknown = run(tmp_path, "--bundle", str(bundle), "--router", "none")
    assert (unknown.exit_code, "none" in unknown.output) == (1, True)


def test_deterministic_decisions_give_no_number(tmp_path: Path) -> None:
    world = World(share=0.0, band=0.0)
    write_ledger(tmp_path / "ledger.db", world, 500)
    result = run(tmp_path, "--threshold", "0.5")
    assert result.exit_code == 1
    assert "no estimate can be given: the decisions were deterministic" in result.output
    assert not (tmp_path / "out.json").exists()


def test_several_policies_must_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write_ledger(path, World(), 1500)
    write_ledger(path, World(threshold=0.3), 400, seed=1, policy="shop/code")
    result = run(tmp_path, "--threshold", "0.53")
    assert result.exit_code == 1
    assert "--policy, one of: shop/chat, shop/code" in result.output
    assert told(run(tmp_path, "--threshold", "0.3", "--policy", "code", "--json"))["policy"] == (
        "shop/code"
    )
    assert run(tmp_path, "--threshold", "0.53", "--policy", "none").exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "say what to estimate"),
        (("--threshold", "1.5"), 2, "1.5"),
        (
            ("--threshold", "0.5", "--data", "x"),
            2,
            "one of --data, --feedback, --sense, --agents",
        ),
        (("--threshold", "0.5", "--since", "soon"), 2, "--since"),
        (
            ("--threshold", "0.5", "--weak", "x"),
            2,
            "--weak goes with --data or --gate, not with",
        ),
        (("--threshold", "0.5", "--scores", "a=b"), 2, "--scores goes with --data"),
        (("--router", "length", "--router", "linear"), 2, "name one --router"),
        (("--threshold", "0.5", "--since", "1s"), 1, "no decisions in that time"),
        (("--bundle", "/nonexistent"), 1, "no bundle"),
    ],
)
def test_bad_usage_says_what_to_write(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    path = tmp_path / "ledger.db"
    write_ledger(path, World(), 60)
    if "1s" in words:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE ledger SET at = 0")
    result = run(tmp_path, *words)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_what_belongs_to_feedback_is_no_word_about_recorded_data(tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluation, ["--data", str(tmp_path), "-f", str(tmp_path)])
    assert (result.exit_code, "--file goes with --feedback" in result.output) == (2, True)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database" * 100)
    result = run(tmp_path, "--threshold", "0.5")
    assert result.exit_code == 1
    assert "can't be read as a ledger" in result.output
    path.unlink()
    write_ledger(path, World(), 60)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE feedback")
    result = run(tmp_path, "--threshold", "0.5")
    assert (result.exit_code, "brings an older file up to date" in result.output) == (1, True)
