"""`weir train`, `eval`, `calibrate` and `profile` on real files and a real, tiny bundle."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle
from support.parquet import write_parquet
from weir_cli.calibrate.command import calibrate
from weir_cli.eval.command import evaluation
from weir_cli.options import Percent
from weir_cli.profile.command import profile
from weir_cli.train.command import train
from weir_scorer.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def outcomes(folder: Path, prompts: int, *, costs: bool = True) -> Path:
    """Long prompts are hard for the small model; the length router is just right."""
    rows = [
        {
            "prompt": f"what is the sum of {'two ' * k}?",
            "model": model,
            "score": 1.0 if model == "large" or k < prompts * 0.6 else 0.0,
            **({"cost": 0.01 if model == "large" else 0.001} if costs else {}),
        }
        for k in range(prompts)
        for model in ("small", "large")
    ]
    return write_parquet(folder / "outcomes.parquet", rows)


def run_eval(data: Path, bundle: Path, out: Path, *arguments: str) -> Result:
    options = ["--data", str(data), "--bundle", str(bundle), "--out", str(out), "--repeats", "30"]
    return CliRunner().invoke(evaluation, [*options, *arguments])


def run_calibrate(data: Path, bundle: Path, *arguments: str) -> Result:
    options = ["--data", str(data), "--bundle", str(bundle), "--router", "length"]
    return CliRunner().invoke(calibrate, [*options, *arguments])


def test_eval_prints_a_table_and_writes_both_reports(tmp_path: Path, bundle: Path) -> None:
    data = outcomes(tmp_path, 200)
    done = run_eval(data, bundle, tmp_path / "out" / "report", "--router", "linear")
    assert done.exit_code == 0, done.output
    assert "linear" in done.stdout
    assert "knn on these labels" in done.stdout
    assert "best single model" in " ".join(done.stdout.split())
    written = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert [row["name"] for row in written["rows"] if not row["baseline"]] == ["linear"]
    assert written["bundle"].startswith("tiny@")
    assert len(written["details"][0]["flips"]) == 5
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")


def test_eval_takes_scores_from_a_file(tmp_path: Path, bundle: Path) -> None:
    data = outcomes(tmp_path, 200, costs=False)
    scores = tmp_path / "scores.jsonl"
    scores.write_text("".join(json.dumps({"id": k, "score": k / 200}) + "\n" for k in range(200)))
    done = run_eval(data, bundle, tmp_path / "report", "--scores", f"mine={scores}", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    mine, oracle = report["rows"][0]["figures"], report["rows"][-1]["figures"]
    assert report["rows"][0]["name"] == "mine"
    # Only the small model's failures need the large one, and this router ranks them on top.
    assert mine["apgr"]["value"] == pytest.approx(oracle["apgr"]["value"], abs=0.02)
    assert mine["spend"]["0.95"]["value"] is None
    assert report["bundle"] is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"score": 1}\n', "1 scores for 200 prompts"),
        ("nonsense\n", "not JSONL lines with a number `score`"),
        ('{"score": NaN}\n' * 200, "score 1 is not a finite number"),
    ],
)
def test_eval_refuses_scores_that_do_not_fit(
    tmp_path: Path, bundle: Path, content: str, message: str
) -> None:
    scores = tmp_path / "scores.jsonl"
    scores.write_text(content)
    data = outcomes(tmp_path, 200)
    done = run_eval(data, bundle, tmp_path / "report", "--scores", f"mine={scores}")
    assert done.exit_code == 1
    assert message in done.stderr


def test_eval_says_what_is_wrong_with_data(tmp_path: Path, bundle: Path) -> None:
    data = tmp_path / "d.csv"
    data.write_text("prompt,model,score\np,a,2\n")
    done = run_eval(data, bundle, tmp_path / "report")
    assert done.exit_code == 1
    assert "row 1, column 'score': '2' is outside [0, 1]" in done.stderr
    assert not (tmp_path / "report.json").exists()
    nowhere = run_eval(outcomes(tmp_path, 50), tmp_path / "nowhere", tmp_path / "report")
    assert nowhere.exit_code == 1
    assert "There is no bundle" in nowhere.stderr
    unknown = run_eval(outcomes(tmp_path, 50), bundle, tmp_path / "report", "--router", "best")
    assert unknown.exit_code == 1
    assert "no router 'best'" in unknown.stderr


def test_calibrate_gives_yaml_that_keeps_a_retention(tmp_path: Path, bundle: Path) -> None:
    done = run_calibrate(outcomes(tmp_path, 400), bundle, "--retention", "80%")
    assert done.exit_code == 0, done.output
    spec = yaml.safe_load(done.stdout)["spec"]
    assert spec["router"] == {"name": "length"}
    assert 0 < float(spec["objective"]["threshold"]) <= 1
    assert "keeps 80.0% of large's quality with 95% confidence" in done.stdout
    assert "bundle tiny@" in done.stdout
    assert "length over drawing lots: +" in done.stdout
    assert "length over prompt length: +0.000" in done.stdout
    assert "no difference shown" in done.stdout


def test_calibrate_refuses_what_cannot_be_promised(tmp_path: Path, bundle: Path) -> None:
    done = run_calibrate(outcomes(tmp_path, 40), bundle, "--retention", "98%")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "no threshold can promise 98.0%" in done.stderr


def test_calibrate_needs_no_labels_for_a_share(tmp_path: Path, bundle: Path) -> None:
    data = tmp_path / "prompts.jsonl"
    data.write_text("".join(json.dumps({"prompt": "is " * k}) + "\n" for k in range(1, 301)))
    done = run_calibrate(data, bundle, "--share", "0.25", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["seen"] == pytest.approx(0.25, abs=0.05)
    assert found["low"] < found["seen"] < found["high"]
    assert found["router"] == "length"


def test_calibrate_for_a_budget(tmp_path: Path, bundle: Path) -> None:
    done = run_calibrate(outcomes(tmp_path, 300), bundle, "--budget", "5", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bound"] <= 0.005
    poor = run_calibrate(outcomes(tmp_path, 300), bundle, "--budget", "0.5")
    assert poor.exit_code == 1
    assert "no threshold keeps the mean under" in poor.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--share", "20%", "--budget", "1"],
        ["--share", "120%"],
        ["--share", "many"],
        ["--retention", "100%"],
        ["--share", "20%", "--confidence", "0"],
    ],
)
def test_calibrate_wants_one_sound_goal(tmp_path: Path, bundle: Path, arguments: list[str]) -> None:
    done = run_calibrate(tmp_path / "none", bundle, *arguments)
    assert done.exit_code == 2


def test_calibrate_gives_a_bundle_what_it_found(tmp_path: Path, bundle: Path) -> None:
    data = outcomes(tmp_path, 400)
    kept = tmp_path / "kept"
    done = run_calibrate(data, bundle, "--retention", "80%", "--into", str(kept))
    assert done.exit_code == 0, done.output
    threshold = float(yaml.safe_load(done.stdout)["spec"]["objective"]["threshold"])
    assert run_calibrate(data, kept, "--share", "10%", "--into", str(kept)).exit_code == 0
    with Bundle.open(bundle, devices=["cpu"]) as old, Bundle.open(kept, devices=["cpu"]) as new:
        before = {router.name: router.calibration for router in old.description().routers}
        after = {router.name: router.calibration for router in new.description().routers}
        assert f"bundle {old.version}" not in done.stdout
    assert after["linear"] == before["linear"]
    (row,) = [row for row in after["length"].retention if row.retention == 0.8]
    assert (row.threshold, row.confidence) == (threshold, 0.95)
    assert row.own
    assert not any(other.own for other in before["length"].retention)
    evidence = after["length"].evidence
    assert evidence is not None
    assert evidence.labels == 400
    assert evidence.over_lots.low < evidence.over_lots.value < evidence.over_lots.high
    assert set(before["length"].retention) < set(after["length"].retention)
    assert after["length"].prompts == 400
    assert len(after["length"].quantiles) == 1001
    refused = run_calibrate(data, bundle, "--budget", "5", "--into", str(kept))
    assert refused.exit_code == 2
    assert "a budget is the policy's" in refused.stderr


def test_percents() -> None:
    assert Percent().convert("20 %", None, None) == pytest.approx(0.2)
    assert Percent().convert("0.2", None, None) == pytest.approx(0.2)


def run_train(data: Path, bundle: Path, out: Path, *arguments: str) -> Result:
    options = ["--from", str(bundle), "--data", str(data), "--out", str(out)]
    return CliRunner().invoke(train, [*options, *arguments])


def test_train_writes_a_bundle_that_eval_reads(tmp_path: Path, bundle: Path) -> None:
    data = outcomes(tmp_path, 120)
    done = run_train(data, bundle, tmp_path / "mine")
    assert done.exit_code == 0, done.output
    assert "router adapted, not the default" in done.stdout
    assert "no difference shown" in done.stdout
    assert "120 labels are few" in done.stderr
    report = tmp_path / "report"
    judged = run_eval(data, tmp_path / "mine", report, "--router", "adapted", "--json")
    assert judged.exit_code == 0, judged.output
    row = json.loads(judged.stdout)["rows"][0]
    assert row["name"] == "adapted"
    assert row["figures"]["apgr"]["value"] > 0.6


def test_train_says_its_figures_as_json(tmp_path: Path, bundle: Path) -> None:
    done = run_train(outcomes(tmp_path, 120), bundle, tmp_path / "mine", "--json", "--name", "desk")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["router"] == "desk"
    assert facts["labels"] == 120
    assert facts["left_out_apgr"] >= facts["prior_apgr"]


def test_train_leaves_out_what_is_held_out(tmp_path: Path, bundle: Path) -> None:
    data = outcomes(tmp_path, 120)
    held = tmp_path / "held.jsonl"
    # The first is one of the labels; the second shares no thirteen words in a row with any.
    prompts = ["What is the sum of two two ?", "prove the theorem " * 5]
    held.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    done = run_train(data, bundle, tmp_path / "mine", "--held-out", str(held), "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["labels"] == 119
    assert "1 labels left out: 1 prompts equal one of the evaluation's" in facts["notes"][0]


def test_train_refuses_what_it_cannot_learn_from(tmp_path: Path, bundle: Path) -> None:
    few = run_train(outcomes(tmp_path, 10), bundle, tmp_path / "mine")
    assert few.exit_code == 1
    assert "10 labelled prompts; adapting takes 50" in few.stderr
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "letter.txt").write_text("mine")
    kept = run_train(outcomes(tmp_path, 120), bundle, occupied)
    assert kept.exit_code == 1
    assert "is not a bundle" in kept.stderr
    assert run_train(tmp_path, bundle, tmp_path / "mine", "--name", "../x").exit_code == 2
    assert run_train(tmp_path, bundle, tmp_path / "mine", "--name", "linear").exit_code == 2


def test_profile_adds_a_model(tmp_path: Path, bundle: Path) -> None:
    options = ["--from", str(bundle), "--data", str(outcomes(tmp_path, 80))]
    added = [*options, "--out", str(tmp_path / "new"), "--model", "small"]
    done = CliRunner().invoke(profile, [*added, "--name", "mine", "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["profile"], facts["probes"]) == ("mine", 80)
    assert facts["mean"] == pytest.approx(0.6)
    unknown = CliRunner().invoke(profile, [*added[:-1], "huge"])
    assert unknown.exit_code == 1
    assert "There are: small, large" in unknown.stderr
