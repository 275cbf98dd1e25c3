"""The ledger: what is handed over, what reaches the file, and what happens when it can't."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from support.fakes import FakeAccounts
from support.tables import STRONG, WEAK, request
from weir_agents.facts import AgentFacts
from weir_agents.written import from_json
from weir_cli.ledger.one_decision import find_decision
from weir_cli.ledger.sums import read_sums
from weir_gateway.adapters.ledger.entry import Entry, entries, entry
from weir_gateway.adapters.ledger.recorder import LedgerRecorder, entry_counts
from weir_gateway.adapters.ledger.sqlite import LedgerError, SqliteLedger
from weir_gateway.adapters.ledger.writer import INTERVAL, LedgerWriter
from weir_gateway.domain.decision import Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.money import cost
from weir_gateway.domain.outcome import CostKind, Outcome, SideCost
from weir_gateway.routing.account import Ending, outcome
from weir_policy.ids import PicoUsd, PolicyId, RouterName, TableVersion
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry
from weir_wires.content import Usage

NOW = 1_800_000_000.0
DECISION = RouteDecision(
    id=DecisionId("d" * 32),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
    scored=Scored(0.25, {}, BundleVersion("default@1"), RouterName("linear")),
    threshold=0.6,
)
OUTCOME = Outcome(
    status=200,
    usage=Usage(input=100, output=20, cached_input=40, cache_write=5),
    paid=PicoUsd(120_000_000),
    saved=PicoUsd(1_080_000_000),
    overhead=0.0015,
    duration=0.25,
)


def line(number: int = 0, at: float = NOW) -> Entry:
    decision = replace(DECISION, id=DecisionId(f"{number:032x}"))
    return entry(request(), decision, OUTCOME, at=at, content=False)


def rows(path: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM ledger ORDER BY decision").fetchall()


def accounts(most: int = 100, *, content: bool = False) -> LedgerRecorder:
    return LedgerRecorder(
        FakeAccounts(), entry_counts(Registry()), lambda: NOW, max_waiting=most, content=content
    )


class BrokenStore:
    """Refuses until it is mended."""

    def __init__(self) -> None:
        self.broken = True
        self.kept: list[Entry] = []

    def write(self, entries: Sequence[Entry]) -> None:
        if self.broken:
            raise LedgerError("the disk is full")
        self.kept.extend(entries)

    def forget(self, before: int) -> int:
        del before
        return 0


def test_a_row_says_what_was_decided_and_paid(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "state" / "ledger.db")
    ledger.write([line(1)])
    (row,) = rows(ledger.path)
    assert (row["policy"], row["model"], row["baseline"], row["strong"]) == (
        *("shop/chat", "weak", "strong"),
        0,
    )
    assert (row["reason"], row["score"], row["threshold"], row["router"]) == (
        *("scored", 0.25, 0.6),
        "linear",
    )
    assert (row["input_tokens"], row["cached_tokens"], row["written_tokens"]) == (100, 40, 5)
    assert (row["paid_pico_usd"], row["saved_pico_usd"]) == (120_000_000, 1_080_000_000)
    assert (row["overhead_us"], row["duration_us"], row["at"]) == (1500, 250_000, NOW * 1e6)
    assert row["text"] is None
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_a_decision_is_kept_once(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.write([line(1), line(2)])
    ledger.write([line(2), line(3)])
    assert len(rows(ledger.path)) == 3


def test_what_was_paid_beside_an_answer_has_lines_of_its_own(tmp_path: Path) -> None:
    judge = SideCost(STRONG, Usage(input=30, output=1), CostKind.JUDGE)
    hedge = SideCost(WEAK, Usage(input=7, output=0), CostKind.HEDGE, counted=False)
    ending = Ending(
        status=200, usage=OUTCOME.usage, overhead=0, duration=1, side_costs=(judge, hedge)
    )
    ended = outcome(request(), DECISION, ending)
    ours = accounts()
    ours.finished(request(), DECISION, ended)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.write(ours.take(9))
    answer, first, second = rows(ledger.path)
    assert [row["part"] for row in (answer, first, second)] == [0, 1, 2]
    assert (first["what"], first["model"], first["input_tokens"]) == ("judge", "strong", 30)
    assert (second["what"], second["counted"], second["input_tokens"]) == ("hedge", 0, 7)
    assert sum(row["paid_pico_usd"] for row in rows(ledger.path)) == ended.paid
    assert sum(row["saved_pico_usd"] for row in rows(ledger.path)) == ended.saved
    assert first["paid_pico_usd"] == cost(STRONG.price, judge.usage)


def test_a_row_has_everything_that_the_bill_used(tmp_path: Path) -> None:
    used = Usage(
        100,
        20,
        40,
        30,
        cache_write_1h=10,
        reasoning=5,
        audio_input=4,
        audio_output=3,
        image_input=2,
        image_output=1,
        server_tools=(("web_fetch", 1), ("web_search", 2)),
        tier="priority",
    )
    own = entry(request(), DECISION, replace(OUTCOME, usage=used), at=NOW, content=False)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.write([own])
    row = dict(rows(ledger.path)[0])
    columns = ("input", "output", "cached", "written", "written_1h", "reasoning")
    assert [row[f"{name}_tokens"] for name in columns] == [100, 20, 40, 30, 10, 5]
    media = ("audio_input", "audio_output", "image_input", "image_output")
    assert [row[f"{name}_tokens"] for name in media] == [4, 3, 2, 1]
    assert (row["server_tools"], row["tier"]) == ("web_fetch=1,web_search=2", "priority")
    (printed,) = find_decision(ledger.path, DECISION.id).rows
    assert {**printed, "strong": row["strong"]} == row


def test_a_row_has_the_facts_of_an_agents_conversation(tmp_path: Path) -> None:
    facts = AgentFacts(turns=3, errors=2, error_streak=1, harness="codex")
    asked = request()
    asked = replace(asked, facts=replace(asked.facts, agent=facts))
    ledger = SqliteLedger(tmp_path / "ledger.db")
    judge = SideCost(STRONG, Usage(input=30, output=1), CostKind.JUDGE)
    ending = Ending(status=200, usage=OUTCOME.usage, overhead=0, duration=1, side_costs=(judge,))
    ended = outcome(asked, DECISION, ending)
    ledger.write(entries(asked, DECISION, ended, at=NOW, content=False))
    answer, beside = rows(ledger.path)
    assert answer["agent"] == '{"turns":3,"errors":2,"errorStreak":1,"harness":"codex"}'
    assert (from_json(answer["agent"]), beside["agent"]) == (facts, "")
    ledger.write([line(1)])
    assert rows(ledger.path)[0]["agent"] == ""


def older(path: Path, count: int) -> None:
    """A file as version 1 wrote it."""
    names = [field.name for field in fields(Entry) if field.name not in {"part", "what"}]
    with closing(sqlite3.connect(path)) as database, database:
        columns = ", ".join(names)
        database.execute(f"CREATE TABLE ledger ({columns}, PRIMARY KEY (decision)) WITHOUT ROWID")
        for number in range(count):
            values = [getattr(line(number), name) for name in names]
            marks = ", ".join("?" * len(names))
            database.execute(f"INSERT INTO ledger VALUES ({marks})", values)  # noqa: S608 - question marks alone
        database.execute("PRAGMA user_version = 1")


def test_an_older_file_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    older(path, 3)
    assert read_sums(path, "model", 0)[0][0].requests == 3  # before, too
    SqliteLedger(path).write([line(2), line(3)])
    assert [row["part"] for row in rows(path)] == [0, 0, 0, 0]
    assert read_sums(path, "model", 0)[0][0].requests == 4


def test_two_gateways_take_an_older_file_over_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    older(path, 3)

    def write(number: int) -> None:
        SqliteLedger(path).write([line(number)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(10, 18)))
    assert len(rows(path)) == 11


def test_a_column_that_came_later_is_added(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.write([line(1)])
    with closing(sqlite3.connect(ledger.path)) as database, database:
        database.execute("ALTER TABLE ledger DROP COLUMN what")
    ledger.write([line(2)])
    assert [row["what"] for row in rows(ledger.path)] == ["", ""]


def test_old_rows_are_forgotten(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.write([line(1, NOW - 10), line(2, NOW)])
    assert ledger.forget(int((NOW - 5) * 1e6)) == 1
    assert [row["decision"][-1] for row in rows(ledger.path)] == ["2"]


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        SqliteLedger(path).write([line()])
    assert path.read_bytes().startswith(b"something else")


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="has format 99"):
        SqliteLedger(path).write([line()])


def test_text_is_kept_only_where_it_was_asked_for() -> None:
    for content, kept in ((False, None), (True, "what is\ufffd it?".replace("\ufffd", "?"))):
        ours = accounts(content=content)
        ours.finished(request("what is\ud800 it?"), DECISION, OUTCOME)
        assert ours.take(1)[0].text == kept


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    registry = Registry()
    ours = LedgerRecorder(
        FakeAccounts(), entry_counts(registry), lambda: NOW, max_waiting=2, content=False
    )
    for _ in range(5):
        ours.finished(request(), DECISION, OUTCOME)
    assert len(ours) == 2
    told = prometheus(registry).decode()
    assert 'weir_ledger_entries_total{result="dropped",sink="file"} 3.0' in told


def test_what_is_given_back_stays_in_order_and_within_bounds() -> None:
    ours = accounts(most=3)
    ours.requeue([line(1), line(2)])
    assert [e.decision[-1] for e in ours.take(9)] == ["1", "2"]
    ours.finished(request(), DECISION, OUTCOME)
    ours.requeue([line(1), line(2), line(3)])
    assert [e.decision[-1] for e in ours.take(9)] == ["2", "3", "d"]


async def test_a_file_that_cannot_be_written_loses_nothing_that_fits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours, store = accounts(), BrokenStore()
    writer = LedgerWriter(ours, store, lambda: NOW, keep=60)
    for _ in range(3):
        ours.finished(request(), DECISION, OUTCOME)
        await writer.write()
    assert (len(ours), store.kept) == (3, [])
    assert [r.levelname for r in caplog.records] == ["ERROR"]  # said once
    store.broken = False
    await writer.close()
    assert (len(ours), len(store.kept)) == (0, 3)


def test_it_writes_more_often_than_a_second() -> None:
    assert INTERVAL < 1
