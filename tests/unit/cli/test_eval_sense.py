"""`weir eval --sense` on the tests' own pairs and a tiny bundle."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.bundles import ROOT, tiny_bundle
from weir_cli.eval.command import evaluation

DATA = ROOT / "tests" / "data"
PAIRS = DATA / "sense_pairs.jsonl"
AROUND = (
    *("--chats", str(DATA / "sense_chats.jsonl")),
    *("--filler", str(DATA / "sense_filler.txt")),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def run(bundle: Path, *arguments: str) -> Result:
    options = ["--bundle", str(bundle), "--repeats", "20", *arguments]
    return CliRunner().invoke(evaluation, options)


def test_it_prints_each_router_beside_length_and_lots(bundle: Path) -> None:
    done = run(bundle, "--sense", str(PAIRS), *AROUND, "--router", "length", "--json")
    assert done.exit_code == 0, done.output
    written = json.loads(done.stdout)
    assert (written["pairs"], written["format"]) == (PAIRS.name, 1)
    assert [row["name"] for row in written["rows"]] == ["length", "length", "lots"]
    assert [row["baseline"] for row in written["rows"]] == [False, True, True]
    figures = [{f["name"]: f for f in row["figures"]} for row in written["rows"]]
    assert list(figures[0]) == list(figures[1]) == list(figures[2])
    assert figures[0]["all pairs"]["count"] == 140
    assert figures[0]["hard after filler"]["count"] == 60
    assert figures[0]["chats"]["count"] == 12
    mine, theirs = (row["natural"]["found"] for row in figures[:2])
    assert mine["value"] == theirs["value"] == 1.0  # by length, as its easy prompts are short


def test_it_draws_a_table_of_the_default_router(bundle: Path) -> None:
    done = run(bundle, "--sense", str(PAIRS))
    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    for word in ("linear", "lots", "like length", "other languages", "correlation with length"):
        assert word in shown
    assert "chats" not in shown
    assert "after filler" not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "give one of --data, --feedback, --sense, --agents"),
        (("--sense", str(PAIRS), "--data", str(PAIRS)), 2, "give one of"),
        (("--sense", str(PAIRS), "--weak", "x"), 2, "--weak goes with --data or --gate, not with"),
        (("--data", str(PAIRS), *AROUND), 2, "--chats goes with --sense, not with --data"),
        (("--sense", str(PAIRS), "--out", "x"), 2, "--out doesn't go with --sense"),
        (("--sense", str(PAIRS), "--router", "best"), 1, "best"),
        (("--sense", str(DATA / "sense_chats.jsonl")), 1, "column 'language', 'kind'"),
    ],
)
def test_it_refuses_what_would_have_no_effect(
    bundle: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = run(bundle, *arguments)
    assert (done.exit_code, said in done.output) == (code, True), done.output
