"""Budgets in an SQLite file: they outlive the gateway, and gateways of one machine share them.

Each gateway process has a row per policy and period with its own sums, so that telling them twice
counts once. Amounts are text: SQLite's integers end below ten million dollars in pico-USD. The file
may hold other tables.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from weir_gateway.adapters.budget.memory import standing
from weir_gateway.adapters.sqlite_file import opened
from weir_gateway.routing.budget.plan import DAY, HOURS, REMEMBERED
from weir_gateway.routing.budget.ports import BudgetStoreUnavailable, LeaseRequest, LeaseState

BUSY: Final = 1.0  # seconds to wait for another gateway that writes
TIMEOUT: Final = 2.0  # seconds a call may take in all
RETENTION: Final = 2 * DAY  # seconds that a period is kept beyond its end

_T = TypeVar("_T")
_SPENT: Final = (
    "CREATE TABLE IF NOT EXISTS budget_spent (policy TEXT NOT NULL, span TEXT NOT NULL, "
    "instance TEXT NOT NULL, until REAL NOT NULL, granted TEXT NOT NULL, spent TEXT NOT NULL, "
    "requests INTEGER NOT NULL, PRIMARY KEY (policy, span, instance)) WITHOUT ROWID"
)
_HOURS: Final = (
    "CREATE TABLE IF NOT EXISTS budget_traffic (policy TEXT NOT NULL, hour INTEGER NOT NULL, "
    "requests INTEGER NOT NULL, PRIMARY KEY (policy, hour)) WITHOUT ROWID"
)
_OTHERS: Final = (
    "SELECT granted, spent, requests FROM budget_spent "
    "WHERE policy = ? AND span = ? AND instance <> ?"
)
_KEEP: Final = (
    "INSERT OR REPLACE INTO budget_spent "
    "(policy, span, instance, until, granted, spent, requests) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FORGET: Final = "DELETE FROM budget_spent WHERE policy = ? AND until < ?"
_COUNT: Final = (
    "INSERT INTO budget_traffic (policy, hour, requests) VALUES (?, ?, ?) "
    "ON CONFLICT (policy, hour) DO UPDATE SET requests = requests + excluded.requests"
)
_FORGET_HOURS: Final = "DELETE FROM budget_traffic WHERE policy = ? AND hour < ?"
_TRAFFIC: Final = "SELECT hour, requests FROM budget_traffic WHERE policy = ?"


class SqliteBudgetStore:
    """The file, opened anew for each call: one that was replaced or repaired is found again."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """`read_only`, claims are answered as if they counted, and the file stays as it is."""
        self.path = path
        self._read_only = read_only

    async def renew(self, request: LeaseRequest) -> LeaseState:
        """Keep and grant, off the loop. Raises BudgetStoreUnavailable."""
        return await self._call(lambda database: _exchange(database, request))

    async def count(self, policy: str, hour: int, requests: int) -> None:
        """Count, off the loop. Raises BudgetStoreUnavailable."""
        await self._call(lambda database: _count(database, policy, hour, requests))

    async def traffic(self, policy: str) -> Mapping[int, int]:
        """Requests by hour since 1970. Raises BudgetStoreUnavailable."""
        return await self._call(lambda database: _traffic(database, policy))

    async def _call(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await asyncio.to_thread(self._work, work)
        except TimeoutError as late:
            raise BudgetStoreUnavailable(f"{self.path} took longer than {TIMEOUT:g} s") from late

    def _work(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._opened() as database:
            done = work(database)
            if self._read_only:
                database.rollback()
            return done

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        """Within one transaction, kept where the block ends well."""
        try:
            with opened(self.path, busy=BUSY) as database, database:
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SPENT)
                database.execute(_HOURS)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise BudgetStoreUnavailable(
                f"budgets can't be kept in {self.path}: {error}"
            ) from error


def _exchange(database: sqlite3.Connection, claim: LeaseRequest) -> LeaseState:
    others = [0, 0, 0]
    for row in database.execute(_OTHERS, (claim.policy, claim.span, claim.instance)):
        others = [total + int(part) for total, part in zip(others, row, strict=True)]
    now = standing(claim, (others[0], others[1], others[2]))
    key = (claim.policy, claim.span, claim.instance, claim.until)
    database.execute(_KEEP, (*key, str(now.granted), str(claim.spent), claim.requests))
    database.execute(_FORGET, (claim.policy, claim.until - RETENTION - _length(claim)))
    return now


def _length(claim: LeaseRequest) -> float:
    """At least as long as the claim's period, in seconds."""
    return 31 * DAY if claim.span.count("-") == 1 else DAY


def _count(database: sqlite3.Connection, policy: str, hour: int, requests: int) -> None:
    database.execute(_COUNT, (policy, hour, requests))
    database.execute(_FORGET_HOURS, (policy, hour - (REMEMBERED + 2) * HOURS))


def _traffic(database: sqlite3.Connection, policy: str) -> Mapping[int, int]:
    return {int(hour): int(count) for hour, count in database.execute(_TRAFFIC, (policy,))}
