"""Feedback: whose it is, what is kept of it, and what happens when it can't be."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.fakes import FakeAccounts, FakeClock
from support.tables import STRONG, WEAK, request
from weir_gateway.adapters.ledger.entry import entry
from weir_gateway.adapters.ledger.feedback import PendingFeedback, SqliteFeedback
from weir_gateway.adapters.ledger.feedback_service import (
    MAX_WAITING,
    FeedbackService,
    FeedbackStore,
    TokenBucket,
    feedback_counts,
)
from weir_gateway.adapters.ledger.recent import RecentDecisions
from weir_gateway.adapters.ledger.sqlite import LedgerError, SqliteLedger
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import (
    BadRequest,
    DecisionTooOld,
    FeedbackUnavailable,
    NoSuchDecision,
    NotPermitted,
    TooMuchFeedback,
    WeirError,
)
from weir_gateway.domain.ids import DecisionId, KeyName
from weir_gateway.domain.outcome import AcceptedFeedback, Feedback, Outcome, RatedDecision
from weir_gateway.domain.request import ClientKey
from weir_gateway.http.feedback import parse
from weir_policy.ids import ModelName, PicoUsd, PolicyId, TableVersion
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry

NOW = 1_800_000_000.0
ID = DecisionId("d" * 32)
DECISION = RouteDecision(
    id=ID,
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
    servable=(WEAK, STRONG),
    propensity=0.98,
)
OUTCOME = Outcome(
    status=200, usage=None, paid=PicoUsd(1), saved=PicoUsd(0), overhead=0.001, duration=0.1
)
MINE = ClientKey(KeyName("mine"), feedback_weight=2.0)
ASKED = replace(request(), key=MINE)


def ledger(folder: Path, *decisions: RouteDecision, at: float = NOW) -> Path:
    path = folder / "ledger.db"
    lines = [entry(ASKED, one, OUTCOME, at=at, content=False) for one in decisions]
    SqliteLedger(path).write(lines)
    return path


def said(
    score: float | None = 1.0, *, key: str = "mine", at: float = NOW, **more: object
) -> PendingFeedback:
    preferred, comment = more.get("preferred"), str(more.get("comment", ""))
    model = ModelName(str(preferred)) if preferred is not None else None
    feedback = Feedback(ID, None if model else score, model, comment)
    return PendingFeedback(feedback, KeyName(key), 2.0, at, None)


def store(path: Path, *, content: bool = False) -> SqliteFeedback:
    return SqliteFeedback(path, within=3600, content=content)


def rows(path: Path) -> list[dict[str, object]]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM feedback")]


class Keeper:
    """A store that knows every decision, refuses while it is broken, and counts its batches."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.batches: list[int] = []

    def keep(self, batch: Sequence[PendingFeedback]) -> list[AcceptedFeedback | WeirError]:
        self.batches.append(len(batch))
        if self.broken:
            raise LedgerError("the disk is full")
        decided = RatedDecision(KeyName(""), PolicyId("shop/chat"), ModelName("weak"), (), NOW)
        return [AcceptedFeedback(decided, replaced=False) for _ in batch]


@contextlib.asynccontextmanager
async def desk(
    kept: FeedbackStore,
    recent: RecentDecisions | None = None,
    *,
    per_minute: int = 100,
    within: float = 3,
) -> AsyncGenerator[tuple[FeedbackService, Registry]]:
    registry = Registry()
    made = FeedbackService(
        kept,
        recent or RecentDecisions(FakeAccounts(), lambda: NOW),
        TokenBucket(per_minute, FakeClock()),
        feedback_counts(registry),
        lambda: NOW,
        within=within,
    )
    task = asyncio.create_task(made.run(), name="desk-under-test")
    try:
        yield made, registry
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_feedback_is_kept_with_its_weight_and_the_later_one_replaces(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    (first,) = store(path).keep([said(0.25, comment="meh")])
    (second,) = store(path).keep([said(0.75, at=NOW + 5)])
    assert isinstance(first, AcceptedFeedback)
    assert isinstance(second, AcceptedFeedback)
    assert (first.replaced, second.replaced) == (False, True)
    assert (second.decided.policy, second.decided.model) == ("shop/chat", "weak")
    (row,) = rows(path)
    assert (row["decision"], row["key"], row["rating"], row["weight"]) == (ID, "mine", 0.75, 2.0)
    assert (row["at"], row["preferred"], row["comment"]) == (int((NOW + 5) * 1e6), "", None)


def test_a_comment_is_kept_only_where_content_is(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    store(path, content=True).keep([said(comment="too terse")])
    assert rows(path)[0]["comment"] == "too terse"


def test_unknown_foreign_and_old_decisions_are_told_apart_only_from_one_s_own(
    tmp_path: Path,
) -> None:
    path = ledger(tmp_path, DECISION)
    unknown = replace(said(), feedback=Feedback(DecisionId("0" * 32), 1.0))
    foreign, lost, old, fine = store(path).keep(
        [said(key="other"), unknown, said(at=NOW + 3601), said(at=NOW - 60)]
    )
    assert isinstance(foreign, NoSuchDecision)
    assert isinstance(lost, NoSuchDecision)
    assert foreign.message.replace(ID, "?") == lost.message.replace("0" * 32, "?")
    assert isinstance(old, DecisionTooOld)
    assert isinstance(fine, AcceptedFeedback)  # a clock that went backwards refuses nobody


def test_a_preferred_model_must_have_been_there_to_prefer(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    bad, good = store(path).keep([said(preferred="gpt"), said(preferred="strong")])
    assert isinstance(bad, BadRequest)
    assert bad.message == "preferred must be one of: weak, strong"
    assert isinstance(good, AcceptedFeedback)
    (row,) = rows(path)
    assert (row["preferred"], row["rating"]) == ("strong", None)


def test_feedback_is_forgotten_with_its_decision(tmp_path: Path) -> None:
    newer = replace(DECISION, id=DecisionId("e" * 32))
    path = ledger(tmp_path, DECISION)
    ledger(tmp_path, newer, at=NOW + 10)
    store(path).keep([said(), replace(said(), feedback=Feedback(newer.id, 1.0))])
    assert SqliteLedger(path).forget(int((NOW + 5) * 1e6)) == 1
    assert [row["decision"] for row in rows(path)] == [newer.id]


def test_a_file_without_the_table_gets_it(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE feedback")
        database.execute("ALTER TABLE ledger DROP COLUMN propensity")
    assert isinstance(store(path).keep([said()])[0], AcceptedFeedback)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT propensity FROM ledger").fetchone() == (1.0,)


def test_the_ledger_keeps_how_probable_the_choice_was(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT propensity, explored, candidates FROM ledger").fetchone()
    assert found == (0.98, 0, "shop/weak,shop/strong")


FILLING = """
import resource, sys
from pathlib import Path
from weir_gateway.adapters.ledger.feedback import PendingFeedback, SqliteFeedback
from weir_gateway.adapters.ledger.sqlite import LedgerError
from weir_gateway.domain.outcome import Feedback

resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))  # of any file: a full disk
store = SqliteFeedback(Path(sys.argv[1]), within=3600, content=True)
feedback = Feedback("d" * 32, 1.0, comment="x" * 4000)
pending = PendingFeedback(feedback, "mine", 1.0, 1_800_000_000.0, None)
try:
    store.keep([pending])
except LedgerError as error:
    print(error)
"""


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    path = ledger(tmp_path, DECISION)
    store(path).keep([said(0.25)])
    command = [sys.executable, "-c", FILLING, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "can't be written" in done.stdout, done.stderr
    assert [row["rating"] for row in rows(path)] == [0.25]
    assert isinstance(store(path).keep([said(0.75)])[0], AcceptedFeedback)  # there is room again


async def test_a_decision_is_known_before_its_row_is_written() -> None:
    recent = RecentDecisions(FakeAccounts(), lambda: NOW, max_decisions=2)
    recent.decided(ASKED, DECISION, 0.001)
    recent.fell_back(ASKED, replace(DECISION, chosen=STRONG))
    found = recent.find(ID)
    assert found is not None
    assert (found.key, found.model, found.candidates) == ("mine", "strong", ("weak", "strong"))
    for number in range(2):
        recent.decided(ASKED, replace(DECISION, id=DecisionId(f"{number:032x}")), 0.001)
    assert (len(recent), recent.find(ID)) == (2, None)


async def test_what_the_desk_remembers_needs_no_row(tmp_path: Path) -> None:
    recent = RecentDecisions(FakeAccounts(), lambda: NOW)
    recent.decided(ASKED, DECISION, 0.001)
    path = tmp_path / "ledger.db"
    async with desk(store(path), recent) as (ours, registry):
        await ours.submit(Feedback(ID, 1.0), MINE)
        with pytest.raises(NoSuchDecision):
            await ours.submit(Feedback(ID, 0.0), ClientKey(KeyName("other")))
        with pytest.raises(NotPermitted, match="may not give feedback"):
            await ours.submit(Feedback(ID, 0.0), replace(MINE, feedback=False))
    assert [row["rating"] for row in rows(path)] == [1.0]
    told = prometheus(registry).decode()
    assert 'weir_feedback_total{model="weak",policy="shop/chat",result="kept"} 1.0' in told
    assert 'result="decision_not_found"} 1.0' in told


async def test_another_gateway_s_row_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with desk(store(path)) as (ours, _):
        giving = asyncio.create_task(ours.submit(Feedback(ID, 1.0), MINE), name="giver")
        await asyncio.to_thread(ledger, tmp_path, DECISION)
        assert (await giving).replaced is False


async def test_many_are_written_in_few_transactions() -> None:
    keeper = Keeper()
    async with desk(keeper, per_minute=500) as (ours, _):
        await asyncio.gather(*(ours.submit(Feedback(ID, 1.0), None) for _ in range(400)))
    assert sum(keeper.batches) == 400
    assert len(keeper.batches) <= 4


async def test_floods_are_told_when_to_come_again() -> None:
    async with desk(Keeper(), per_minute=60) as (ours, _):
        for _ in range(60):
            await ours.submit(Feedback(ID, 1.0), None)
        with pytest.raises(TooMuchFeedback) as told:
            await ours.submit(Feedback(ID, 1.0), None)
        assert told.value.retry_after == "1"
        await ours.submit(Feedback(ID, 1.0), MINE)  # another key's is its own affair


async def test_a_file_that_can_t_be_written_refuses_and_recovers() -> None:
    keeper = Keeper(broken=True)
    async with desk(keeper) as (ours, _):
        with pytest.raises(FeedbackUnavailable):
            await ours.submit(Feedback(ID, 1.0), None)
        keeper.broken = False
        assert not (await ours.submit(Feedback(ID, 1.0), None)).replaced


async def test_no_more_waits_than_fits_and_none_for_ever() -> None:
    registry = Registry()
    idle = FeedbackService(  # whose task does not run
        Keeper(),
        RecentDecisions(FakeAccounts(), lambda: NOW),
        TokenBucket(10_000, FakeClock()),
        feedback_counts(registry),
        lambda: NOW,
        within=0.2,
    )
    every = [idle.submit(Feedback(ID, 1.0), None) for _ in range(MAX_WAITING + 5)]
    results = await asyncio.gather(*every, return_exceptions=True)
    assert all(isinstance(result, FeedbackUnavailable) for result in results)
    assert sum("too much" in str(result) for result in results) == 5


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 50))
@example([1.3143353746824888, 0.0], 1)  # a token less a rounding error
def test_a_gate_never_lets_more_through_than_its_rate(pauses: list[float], rate: int) -> None:
    clock = FakeClock()
    gate = TokenBucket(rate, clock, keys=3)
    start = clock.now
    passed = 0
    for pause in pauses:
        clock.advance(pause)
        wait = gate.retry_after("a")
        passed += wait == 0
        assert passed <= rate + (clock.now - start) * rate / 60 + 1e-6
        if wait:
            clock.advance(wait)
            assert gate.retry_after("a") == 0
            passed += 1


def test_a_gate_forgets_the_longest_unused() -> None:
    gate = TokenBucket(1, FakeClock(), keys=2)
    assert gate.retry_after("a") == 0
    assert gate.retry_after("a") > 0
    assert [gate.retry_after(key) for key in ("b", "c", "a")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b'{"score":1}', "decision", "missing"),
        (b'{"decision":"x","score":1}', "decision", ""),
        (b'{"decision":"%s"}' % (b"d" * 32), "score", "exactly one"),
        (b'{"decision":"%s","score":1,"thumbs":"up"}' % (b"d" * 32), "score", "exactly one"),
        (b'{"decision":"%s","score":1.5}' % (b"d" * 32), "score", "<= 1"),
        (b'{"decision":"%s","score":-0.1}' % (b"d" * 32), "score", ">= 0"),
        (b'{"decision":"%s","score":"1"}' % (b"d" * 32), "score", ""),
        (b'{"decision":"%s","thumbs":"sideways"}' % (b"d" * 32), "thumbs", ""),
        (b'{"decision":"%s","preferred":""}' % (b"d" * 32), "preferred", ""),
        (b'{"decision":"%s","rating":1}' % (b"d" * 32), None, "rating"),
        (b'{"decision":"%s","score":NaN}' % (b"d" * 32), None, ""),
        (b"[]", None, ""),
        (b"", None, ""),
    ],
)
def test_what_is_no_feedback_is_refused_by_name(body: bytes, field: str | None, words: str) -> None:
    with pytest.raises(BadRequest) as told:
        parse(body)
    assert words in told.value.message
    assert told.value.param == field


def test_thumbs_are_the_ends_of_the_scale() -> None:
    body = '{"decision":"%s","thumbs":"%s","comment":null}'
    assert parse((body % (ID, "up")).encode()) == Feedback(ID, 1.0)
    assert parse((body % (ID, "down")).encode()) == Feedback(ID, 0.0)


@given(st.binary(max_size=200) | st.text().map(lambda text: f'{{"decision":"{text}'.encode()))
def test_any_bytes_are_feedback_or_a_bad_request(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert parse(body).decision
