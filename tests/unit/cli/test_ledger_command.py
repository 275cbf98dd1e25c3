"""`weir ledger`: sums as a person and a program read them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.tables import STRONG, WEAK, request
from weir_cli.ledger.command import ledger
from weir_cli.ledger.export import TOGETHER
from weir_gateway.adapters.ledger.entry import entry
from weir_gateway.adapters.ledger.sqlite import SqliteLedger
from weir_gateway.domain.decision import Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.outcome import Outcome
from weir_lab.datasets.parquet import ParquetTable
from weir_policy.ids import PicoUsd, PolicyId, RouterName, TableVersion
from weir_wires.content import Usage

WEAKLY = RouteDecision(
    id=DecisionId("0"),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
)
STRONGLY = replace(WEAKLY, chosen=STRONG)
DAY = 86_400.0


def outcome(paid_usd: float, saved_usd: float, error: str = "") -> Outcome:
    return Outcome(
        status=502 if error else 200,
        usage=None if error else Usage(input=1000, output=100, cached_input=10),
        paid=PicoUsd(int(paid_usd * 1e12)),
        saved=PicoUsd(int(saved_usd * 1e12)),
        overhead=0.001,
        duration=1.0,
        error=error,
        counted=not error,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    told = [
        (WEAKLY, outcome(0.001, 0.009), DAY),
        (WEAKLY, outcome(0.002, 0.018), DAY * 2),
        (STRONGLY, outcome(0.01, 0.0), DAY * 2),
        (STRONGLY, outcome(0, 0, "upstream_error"), DAY * 2),
    ]
    lines = [
        entry(request(), replace(made, id=DecisionId(str(n))), ended, at=at, content=False)
        for n, (made, ended, at) in enumerate(told)
    ]
    SqliteLedger(tmp_path / "ledger.db").write(lines)
    return tmp_path / "ledger.db"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(ledger, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_by_model_as_json(path: Path) -> None:
    told = json.loads(run("--ledger", str(path), "--json"))
    weak, strong = sorted(told["lines"], key=lambda line: line["requests"] * 2 + line["strong"])
    assert (weak["group"], weak["requests"], weak["strong"]) == ("weak", 2, 0)
    assert (weak["paid_usd"], weak["saved_usd"]) == (0.003, 0.027)
    assert (strong["group"], strong["failed"], strong["uncounted"]) == ("strong", 1, 1)
    assert told["total"]["input_tokens"] == 3000


def test_by_day_as_a_table(path: Path) -> None:
    shown = run("--ledger", str(path), "--by", "day")
    table, _, notes = shown.partition("\n\n")
    days = [line.split()[0] for line in table.splitlines()]
    assert days == ["day", "1970-01-02", "1970-01-03", "total"]
    assert table.splitlines()[-1].split()[-3:] == ["$0.013000", "$0.040000", "$0.027000"]
    assert "1.0 ms (p50), 1.0 ms (p99)" in notes


def test_the_share_asked_for_stands_beside_the_one_served(tmp_path: Path) -> None:
    shared = [replace(made, target_share=0.2) for made in (WEAKLY, WEAKLY, WEAKLY, STRONGLY)]
    ruled = replace(STRONGLY, reason=Reason.RULE)  # counts for no share
    lines = [
        entry(request(), replace(made, id=DecisionId(str(n))), outcome(0, 0), at=DAY, content=False)
        for n, made in enumerate((*shared, ruled))
    ]
    file = tmp_path / "ledger.db"
    SqliteLedger(file).write(lines)
    told = json.loads(run("--ledger", str(file), "--by", "policy", "--json"))
    (chat,) = told["lines"]
    assert (chat["strong"], chat["target_share"], chat["served_share"]) == (2, 0.2, 0.25)
    shown = run("--ledger", str(file), "--by", "policy").splitlines()
    assert shown[0].split()[-2:] == ["asked", "served"]
    assert shown[1].split()[-2:] == ["20.0%", "25.0%"]
    by_model = json.loads(run("--ledger", str(file), "--json"))
    assert [line["target_share"] for line in by_model["lines"]] == [None, None]
    assert by_model["total"]["served_share"] == 0.25


def test_the_percentiles_of_the_overhead_are_by_nearest_rank(tmp_path: Path) -> None:
    slow = [
        entry(
            request(),
            replace(WEAKLY, id=DecisionId(f"n{n}")),
            replace(outcome(0, 0), overhead=n / 1000),
            at=DAY,
            content=False,
        )
        for n in range(1, 201)
    ]
    SqliteLedger(tmp_path / "ledger.db").write(slow)
    told = json.loads(run("--ledger", str(tmp_path / "ledger.db"), "--json"))
    assert (told["total"]["overhead_p50_ms"], told["total"]["overhead_p99_ms"]) == (100.0, 198.0)
    assert told["lines"][0]["overhead_p99_ms"] == 198.0


def test_what_limits_forced_is_told_apart_and_no_row_is_nameless(path: Path) -> None:
    forced = replace(STRONGLY, id=DecisionId("f"), chosen=WEAK, reason=Reason.BUDGET)
    line = entry(request(), forced, outcome(0.001, 0.5), at=DAY, content=False)
    SqliteLedger(path).write([line])
    told = json.loads(run("--ledger", str(path), "--json"))
    assert told["total"]["saved_by_limits_usd"] == 0.5
    assert told["total"]["all_strong_usd"] == pytest.approx(0.541)
    shown = run("--ledger", str(path), "--by", "variant")
    assert "(no variant)" in shown
    assert "Limits and budgets forced $0.500000" in shown


def test_one_decision_in_full(path: Path) -> None:
    scored = Scored(0.31, {}, BundleVersion("b@1"), RouterName("linear"))
    made = replace(WEAKLY, id=DecisionId("abc123"), scored=scored, threshold=0.4)
    SqliteLedger(path).write([entry(request(), made, outcome(0.001, 0.009), at=DAY, content=False)])
    shown = run("--ledger", str(path), "--decision", "abc")
    for words in (
        "abc123, ended 1970-01-02 00:00:00 UTC",
        "scored: score 0.3100 < threshold 0.4000",
        "linear of b@1",
        "1,000 input (10 cached), 100 output",
        "$0.001000 paid; $0.010000 on strong, so $0.009000 saved",
        "1,000.0 ms in all; Weir decided in 1.0 ms",
    ):
        assert words in shown
    (row,) = json.loads(run("--ledger", str(path), "--decision", "abc123", "--json"))["rows"]
    assert (row["decision"], row["score"]) == ("abc123", 0.31)


@pytest.mark.parametrize(("id_", "message"), [("zz", "no decision zz"), ("", "Several")])
def test_a_decision_that_is_not_one_is_said_plainly(path: Path, id_: str, message: str) -> None:
    result = CliRunner().invoke(ledger, ["--ledger", str(path), "--decision", id_])
    assert result.exit_code == 1
    assert message in result.output


def test_a_period_that_is_none_is_refused(path: Path) -> None:
    result = CliRunner().invoke(ledger, ["--ledger", str(path), "--since", "yesterday"])
    assert result.exit_code == 2
    assert "such as 250ms, 10s or 1m30s" in result.output


def test_only_the_last_hour(path: Path) -> None:
    told = json.loads(run("--ledger", str(path), "--since", "1h", "--json"))
    assert told["total"]["requests"] == 0


@pytest.mark.parametrize("content", [None, b"not a database at all" * 60])
def test_a_file_that_is_no_ledger_is_said_plainly(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ledger.db"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(ledger, ["--ledger", str(file)])
    assert result.exit_code == 1
    assert str(file) in result.output


def test_the_rows_as_json_lines(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    told = run("--ledger", str(path), "--out", str(out))
    assert "4 rows" in told
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["decision"] for row in rows] == ["0", "1", "2", "3"]
    assert (rows[0]["strong"], rows[2]["strong"], rows[0]["score"]) == (False, True, None)
    assert sum(row["paid_pico_usd"] for row in rows) == 13_000_000_000


def test_the_rows_as_csv(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    run("--ledger", str(path), "--out", str(out), "--json")
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["weak", "weak", "strong", "strong"]


def test_the_rows_as_parquet_more_than_are_held_at_once(path: Path, tmp_path: Path) -> None:
    count = TOGETHER + 10
    lines = [
        entry(request(), replace(WEAKLY, id=DecisionId(f"n{n}")), outcome(0, 0), at=n, content=True)
        for n in range(count)
    ]
    SqliteLedger(path).write(lines)
    out = tmp_path / "rows.parquet"
    run("--ledger", str(path), "--out", str(out))
    table = ParquetTable(out)
    rows = list(table.rows("decision", "counted", "paid_pico_usd", "score"))
    assert table.count == len(rows) == count + 4
    assert ("2", True, 10_000_000_000, None) in rows


@pytest.mark.parametrize(
    ("name", "said"), [("rows.xlsx", "no kind"), ("none/rows.csv", "can't be written")]
)
def test_a_file_that_cannot_be_written_is_said_plainly(
    path: Path, tmp_path: Path, name: str, said: str
) -> None:
    result = CliRunner().invoke(ledger, ["--ledger", str(path), "--out", str(tmp_path / name)])
    assert result.exit_code == 1
    assert said in result.output
