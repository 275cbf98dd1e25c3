"""`weir train` without --from: outcomes and preferences in, a whole bundle out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle
from weir_cli.train.command import train
from weir_scorer.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def run(data: Path, bundle: Path, out: Path, *arguments: str) -> Result:
    options = ["--data", str(data), "--encoder", str(bundle), "--out", str(out)]
    return CliRunner().invoke(train, [*options, *arguments])


def jsonl(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def prompt(k: int) -> str:
    """Every third asks for a proof, which the small model cannot give."""
    return f"{'prove' if k % 3 == 0 else 'what is'} the sum of {k} and {'two ' * (k % 7)}?"


def outcomes(count: int) -> list[Mapping[str, object]]:
    return [
        {"prompt": prompt(k), "model": model, "score": float(model == "large" or k % 3 > 0)}
        for k in range(count)
        for model in ("small", "large")
    ]


def arena(count: int) -> list[Mapping[str, object]]:
    """Chatbot Arena's form: the larger model wins the proofs and ties elsewhere."""
    turns = [[{"role": "user", "content": prompt(1000 + k)}] for k in range(count)]
    return [
        {
            "conversation_a": turn,
            "conversation_b": turn,
            "model_a": "small" if k % 2 else "large",
            "model_b": "large" if k % 2 else "small",
            "winner": "tie" if (1000 + k) % 3 else "model_b" if k % 2 else "model_a",
        }
        for k, turn in enumerate(turns)
    ]


def test_a_folder_of_outcomes_and_preferences_becomes_a_bundle(
    tmp_path: Path, bundle: Path
) -> None:
    data = tmp_path / "data"
    jsonl(data / "graded.jsonl", outcomes(400))
    jsonl(data / "battles.jsonl", arena(300))
    done = run(data, bundle, tmp_path / "mine", "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["train"] + facts["held_out"] == 700
    assert facts["apgr"] > facts["length_apgr"] + 0.2
    assert not (tmp_path / "mine.partial").exists()
    with Bundle.open(tmp_path / "mine", devices=["cpu"]) as opened:
        assert opened.default_router == "linear"
        proof, sum_ = opened.score(["prove the sum of 7 and two?", "what is the sum of 8?"]).scores
        assert proof > sum_ + 0.3
        assert opened.profiles == ("small", "large")
        assert "graded: small < large" in opened.card
        assert "300 battles of 2 models" in opened.card


def test_routers_by_nearness_stand_beside_the_linear_one(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path / "d.jsonl", outcomes(600))
    done = run(data, bundle, tmp_path / "out", "--also", "knn", "--also", "cluster", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    with Bundle.open(tmp_path / "out", devices=["cpu"]) as opened:
        assert opened.routers == ("random", "length", "linear", "knn", "cluster")
        asked = [prompt(k) for k in range(2000, 2060)]
        for kind in ("knn", "cluster"):
            assert found["also"][kind] > 0.7
            scores = opened.score(asked, kind).scores
            hard = [k % 3 == 0 for k in range(2000, 2060)]
            assert scores[hard].mean() > scores[[not one for one in hard]].mean()
    refused = run(data, bundle, tmp_path / "x", "--also", "knn", "--from", str(bundle))
    assert refused.exit_code == 2
    assert "--also goes without --from" in refused.stderr


def test_preferences_alone_will_do(tmp_path: Path, bundle: Path) -> None:
    done = run(jsonl(tmp_path / "battles.jsonl", arena(300)), bundle, tmp_path / "mine")
    assert done.exit_code == 0, done.output
    assert "chance .5" in done.stdout
    with Bundle.open(tmp_path / "mine", devices=["cpu"]) as opened:
        proof, sum_ = opened.score(["prove the sum of 7 and two?", "what is the sum of 8?"]).scores
        assert proof > sum_
        assert opened.profiles == ()


def test_two_runs_give_the_same_bytes_and_another_seed_others(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path / "graded.jsonl", outcomes(300))
    said = [
        json.loads(run(data, bundle, tmp_path / name, "--json", "--seed", seed).stdout)["bundle"]
        for name, seed in (("one", "0"), ("two", "0"), ("three", "1"))
    ]
    assert said[0] == said[1] != said[2]


def test_what_a_broken_run_had_read_is_used_again(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path / "graded.jsonl", outcomes(300))
    kept = tmp_path / "mine.partial"
    few = jsonl(tmp_path / "few.jsonl", outcomes(100))
    # Too few to be trained on: the run ends after the prompts were read.
    assert run(few, bundle, tmp_path / "mine").exit_code == 1
    (first,) = kept.glob("*.npy")
    before = first.stat().st_mtime_ns
    assert run(few, bundle, tmp_path / "mine").exit_code == 1
    assert first.stat().st_mtime_ns == before
    assert run(data, bundle, tmp_path / "mine").exit_code == 0
    assert not kept.exists()


def test_leaks_of_the_evaluation_are_left_out_of_both_kinds(tmp_path: Path, bundle: Path) -> None:
    data = tmp_path / "data"
    jsonl(data / "graded.jsonl", outcomes(300))
    jsonl(data / "battles.jsonl", arena(300))
    held = jsonl(tmp_path / "held.jsonl", [{"prompt": prompt(1).upper()}, {"prompt": prompt(1002)}])
    done = run(data, bundle, tmp_path / "mine", "--held-out", str(held))
    assert done.exit_code == 0, done.output
    assert "Leak check against held.jsonl: 1 prompts left out: 1 prompts equal" in done.stderr
    assert "1 battles left out: 1 prompts equal" in done.stderr


def test_what_is_refused_before_anything_is_read(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path / "graded.jsonl", outcomes(300))
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "letter.txt").write_text("mine")
    kept = run(data, bundle, occupied)
    assert kept.exit_code == 1
    assert "is not a bundle" in kept.stderr
    assert run(data, bundle, tmp_path / "mine", "--weak", "small").exit_code == 2
    unknown = run(data, bundle, tmp_path / "mine", "--weak", "tiny", "--strong", "large")
    assert "no outcomes of model 'tiny'; there are small, large" in unknown.stderr
    assert not (tmp_path / "mine.partial").exists()
