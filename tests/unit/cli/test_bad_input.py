"""What can be wrong with data: a plain error, or a word where the result is still sound."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.bundles import TINY_DIM, tiny_bundle, tiny_parts
from support.parquet import write_parquet
from weir_cli.calibrate.command import calibrate
from weir_cli.eval.command import evaluation
from weir_cli.train.command import train
from weir_scorer.build.assemble import write_bundle
from weir_scorer.engine.blocks import EncoderBlock

Row = Mapping[str, object]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def run(command: str, data: Path, bundle: Path, out: Path) -> Result:
    """Each command of the lab on the same file."""
    commands = {
        "train": (train, ["--encoder", str(bundle), "--out", str(out / "trained")]),
        "adapt": (train, ["--from", str(bundle), "--out", str(out / "adapted")]),
        "eval": (
            evaluation,
            ["--bundle", str(bundle), "--out", str(out / "report"), "--repeats", "20"],
        ),
        "calibrate": (calibrate, ["--bundle", str(bundle), "--retention", "90%"]),
    }
    program, options = commands[command]
    return CliRunner().invoke(program, ["--data", str(data), *options])


COMMANDS = ("train", "adapt", "eval", "calibrate")


def answers(prompts: int, models: Sequence[str] = ("small", "large")) -> list[Row]:
    return [
        {"prompt": f"what is {k} and {'two ' * (k % 9)}?", "model": model, "score": score}
        for k in range(prompts)
        for model, score in zip(models, (float(k % 3 > 0), float(k % 11 > 0)), strict=False)
    ]


def jsonl(folder: Path, rows: Sequence[Row]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def changed(rows: list[Row], index: int, **cells: object) -> list[Row]:
    return [*rows[:index], {**rows[index], **cells}, *rows[index + 1 :]]


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an empty file": (lambda folder: jsonl(folder, []), "the file is empty"),
    "a missing column": (
        lambda folder: jsonl(folder, [{"prompt": "p", "score": 1}]),
        "column 'model' is missing; outcomes need prompt, model, score",
    ),
    "a score that is no number": (
        lambda folder: jsonl(folder, changed(answers(300), 4, score=float("nan"))),
        "line 5, column 'score'",
    ),
    "a score outside [0, 1]": (
        lambda folder: jsonl(folder, changed(answers(300), 4, score=1.5)),
        "line 5, column 'score': 1.5 is outside [0, 1]",
    ),
    "one model only": (
        lambda folder: jsonl(folder, answers(300, ["large"])),
        "two",
    ),
    "outcomes that are all equal": (
        lambda folder: jsonl(folder, [{**row, "score": 1.0} for row in answers(300)]),
        "score the same on all 300 prompts",
    ),
    "two encodings in one file": (
        lambda folder: written(
            folder / "answers.csv", "prompt,model,score\né,a,1\n".encode() + b"caf\xe9,b,0\n"
        ),
        "line 3: byte 0xe9 is not UTF-8",
    ),
    "a parquet file cut short": (
        lambda folder: cut(write_parquet(folder / "answers.parquet", answers(300))),
        "not a readable parquet file",
    ),
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path) -> Path:
    return written(path, path.read_bytes()[:-40])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, bundle: Path, command: str, case: str
) -> None:
    write, message = REFUSED[case]
    done = run(command, write(tmp_path), bundle, tmp_path)
    assert done.exit_code == 1, done.output
    assert message in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "trained").exists()
    assert not (tmp_path / "adapted").exists()


def test_ten_rows_are_too_few_to_learn_from_or_to_promise(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path, answers(10))
    said = {command: run(command, data, bundle, tmp_path) for command in COMMANDS}
    assert "10 labelled prompts; training from nothing takes 200" in said["train"].stderr
    assert "10 labelled prompts; adapting takes 50" in said["adapt"].stderr
    assert "no threshold can promise" in said["calibrate"].stderr
    assert [said[name].exit_code for name in COMMANDS] == [1, 1, 0, 1]
    assert "only 10 prompts: read the intervals, not the figures" in said["eval"].output


def test_one_prompt_with_different_scores_counts_once_and_is_said(
    tmp_path: Path, bundle: Path
) -> None:
    rows = answers(300)
    data = jsonl(tmp_path, [*rows, {**rows[0], "score": 1.0}, rows[2]])
    for command in ("train", "adapt"):
        done = run(command, data, bundle, tmp_path)
        assert done.exit_code == 0, done.output
        assert "2 answers repeat a prompt and model; 1 of these pairs have different" in done.stderr


def test_a_prompt_of_a_megabyte_is_taken_and_said(tmp_path: Path, bundle: Path) -> None:
    rows = answers(300)
    long = {"prompt": "prove the sum " * 80_000}
    data = jsonl(tmp_path, [{**rows[0], **long}, {**rows[1], **long}, *rows[2:]])
    for command in ("train", "adapt"):
        done = run(command, data, bundle, tmp_path)
        assert done.exit_code == 0, done.output
        assert "1 prompts are longer than 100000 characters" in done.stderr


def test_a_bundle_whose_encoder_is_another(tmp_path: Path, bundle: Path) -> None:
    data = jsonl(tmp_path, answers(300))
    parts = tiny_parts()
    wider = tuple(
        replace(block, dim=TINY_DIM * 2) if isinstance(block, EncoderBlock) else block
        for block in parts.blocks
    )
    write_bundle(replace(parts, blocks=wider), tmp_path / "wider")
    swapped = tmp_path / "swapped"
    write_bundle(tiny_parts(seed=1), swapped)
    (graph,) = (bundle / "encoder").iterdir()
    (swapped / "encoder" / graph.name).write_bytes(graph.read_bytes())
    for command in COMMANDS:
        done = run(command, data, tmp_path / "wider", tmp_path)
        assert done.exit_code == 1
        assert "columns, its blocks have" in done.stderr
        done = run(command, data, swapped, tmp_path)
        assert done.exit_code == 1
        assert f"encoder/{graph.name}" in done.stderr
