"""`weir score`: lines in, lines out, in order; bad lines named; exit statuses."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from support.bundles import TINY_PROFILES, tiny_bundle
from support.parquet import write_parquet
from weir_cli.failure import Failure
from weir_cli.prompts import parse_line
from weir_cli.score import score as command
from weir_scorer import Bundle, Chat

# Scores a file in a process of its own and reports that process's highest resident size, in KiB.
# VmHWM, not ru_maxrss: the latter keeps what the process that forked this one had.
MEASURED = """
import sys
from pathlib import Path
from weir_cli import program
code = program.run(sys.argv[1:], debug=True)
status = Path("/proc/self/status").read_text().splitlines()
print(next(line for line in status if line.startswith("VmHWM")).split()[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def run(bundle: Path, *arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(
        command, ["--bundle", str(bundle), "--device", "cpu", *arguments], input=stdin
    )


def lines(rows: Iterable[object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def rows_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_follow_up_is_scored_with_the_turn_before_it(bundle: Path) -> None:
    turns = ["prove that the sum of the two theorems is what it is", "and why?"]
    alone = {"id": 1, "prompt": turns[1]}
    result = run(bundle, stdin=lines([alone, {**alone, "earlier": turns[:1]}]))
    with Bundle.open(bundle, devices=["cpu"]) as opened:
        expected = opened.score([turns[1], Chat(turns[1], (turns[0],))]).scores.tolist()
    found = [row["score"] for row in rows_of(result)]
    assert found == pytest.approx(expected)
    assert found[0] != found[1]


def test_each_prompt_has_its_line_in_order(bundle: Path) -> None:
    prompts = [{"id": f"p{place}", "prompt": "what is " * (place % 9)} for place in range(2500)]
    result = run(bundle, "--router", "linear", stdin=lines(prompts))
    assert (result.exit_code, result.stderr) == (0, "")
    rows = rows_of(result)
    assert [row["id"] for row in rows] == [prompt["id"] for prompt in prompts]
    with Bundle.open(bundle, devices=["cpu"]) as opened:
        expected = opened.score([str(prompt["prompt"]) for prompt in prompts], "linear")
    assert [row["score"] for row in rows] == pytest.approx(expected.scores.tolist(), abs=1e-6)
    assert tuple(cast("dict[str, float]", rows[0]["quality"])) == TINY_PROFILES


def test_a_router_that_predicts_no_quality_gives_none(bundle: Path) -> None:
    result = run(bundle, "--router", "random", stdin=lines([{"id": 7, "prompt": "hi"}]))
    (row,) = rows_of(result)
    assert (row["id"], row["quality"]) == (7, {})


def test_unicode_edges_and_empty_lines(bundle: Path) -> None:
    texts = ["", "\0", "\ud800", "🤷🏽‍♀️", "مرحبا"]
    given_lines = "\n\n" + lines({"id": n, "prompt": text} for n, text in enumerate(texts))
    result = run(bundle, stdin=given_lines)
    assert result.exit_code == 0
    assert [row["id"] for row in rows_of(result)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("not json", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"prompt": "x"}', '"id" must be'),
        ('{"id": 1.5, "prompt": "x"}', '"id" must be'),
        ('{"id": 1}', '"prompt" must be a text'),
        ('{"id": 1, "prompt": ["x"]}', '"prompt" must be a text'),
        ('{"id": 1, "prompt": "x", "earlier": "y"}', '"earlier" must be a list of texts'),
        ('{"id": 1, "prompt": "x", "earlier": [1]}', '"earlier" must be a list of texts'),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_after_the_good_ones_before_it(
    bundle: Path, line: str, problem: str
) -> None:
    result = run(bundle, stdin=lines([{"id": 1, "prompt": "hi"}]) + "\n" + line + "\n")
    assert result.exit_code == 1
    assert "line 3: " in result.stderr
    assert problem in result.stderr
    assert [row["id"] for row in rows_of(result)] == [1]


def test_bytes_that_are_no_utf8_are_a_bad_line(bundle: Path) -> None:
    result = run(bundle, stdin=b'{"id": 1, "prompt": "\xff"}\n')
    assert result.exit_code == 1
    assert "line 1: not JSON" in result.stderr


@given(st.binary(max_size=80))
def test_any_line_is_a_prompt_or_a_failure_with_its_number(line: bytes) -> None:
    try:
        prompt = parse_line(line, 12)
    except Failure as failure:
        assert failure.message.startswith("line 12: ")  # noqa: PT017 - either way must hold
    else:
        assert isinstance(prompt.text, str)


def test_parquet_is_read_by_id_or_prompt_id(bundle: Path, tmp_path: Path) -> None:
    rows = [{"prompt_id": f"a/{n}", "prompt": "hi", "other": n} for n in range(1500)]
    file = write_parquet(tmp_path / "prompts.parquet", rows)
    result = run(bundle, str(file))
    assert result.exit_code == 0
    assert [row["id"] for row in rows_of(result)] == [row["prompt_id"] for row in rows]


def test_parquet_without_prompts_says_which_columns_it_has(bundle: Path, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "other.parquet", [{"id": 1, "text": "hi"}])
    result = run(bundle, str(file))
    assert result.exit_code == 1
    assert "it has id, text" in result.stderr
    (tmp_path / "no.parquet").write_bytes(b"PAR1 no")
    assert run(bundle, str(tmp_path / "no.parquet")).exit_code == 1


def test_what_cannot_be_opened_fails_and_bad_usage_is_two(bundle: Path, tmp_path: Path) -> None:
    assert run(bundle, str(tmp_path / "absent.jsonl")).exit_code == 1
    assert run(tmp_path, stdin="").exit_code == 1
    unknown = run(bundle, "--router", "lineer", stdin="")
    assert unknown.exit_code == 2
    assert "length, linear, random" in unknown.stderr
    assert run(bundle, "--device", "gpu", stdin="").exit_code == 2


def test_progress_is_shown_only_where_asked_for(bundle: Path) -> None:
    prompts = lines([{"id": 1, "prompt": "hi"}])
    assert "prompts" in run(bundle, "--progress", stdin=prompts).stderr
    assert run(bundle, "--no-progress", stdin=prompts).stderr == ""


def test_a_hundred_thousand_lines_take_bounded_memory(bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    line = json.dumps({"id": "x", "prompt": "what is the sum " * 100}) + "\n"
    with file.open("w", encoding="utf-8") as out:
        for _ in range(100):
            out.write(line * 1000)
    arguments = ["score", "--router", "length", "--bundle", str(bundle), str(file)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], capture_output=True, check=True, timeout=100
    )
    assert done.stdout.count(b"\n") == 100_000
    assert file.stat().st_size > 150_000_000
    assert int(done.stderr.split()[-1]) < 250_000  # KiB: less than two thirds of its input
