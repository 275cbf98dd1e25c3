"""Sums in an SQLite file: what one machine's gateways have spent, over their restarts.

Opened anew for each telling, off the loop: a file that was repaired or replaced is found again.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from weir_gateway.adapters.spend.sums import Change, SumStoreUnavailable
from weir_gateway.adapters.sqlite_file import opened

INTERVAL: Final = 0.5  # seconds
BUSY: Final = 2.0  # seconds to wait for another gateway that writes
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS sums "
    "(name TEXT PRIMARY KEY, amount INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID"
)
_ADD: Final = (
    "INSERT INTO sums VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET amount = amount + excluded.amount"
)


class SqliteSums:
    """A SumStore."""

    @property
    def every(self) -> float:
        """Seconds between two tellings."""
        return INTERVAL

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """`now` is seconds since 1970."""
        self._path = path
        self._now = now
        self._lock = threading.Lock()  # a telling that was given up may still be under way
        self._done: tuple[int, list[int]] = (0, [])  # the last number and what came of it

    async def add(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        """Add `changes`, all or none. Raises SumStoreUnavailable."""
        try:
            return await asyncio.to_thread(self._add, number, changes)
        except (OSError, sqlite3.Error) as error:
            raise SumStoreUnavailable(f"the file {self._path}: {error}") from error

    def _add(self, number: int, changes: Sequence[Change]) -> list[int]:
        with self._lock:
            if self._done[0] != number:
                self._done = (number, self._write(changes))
            return self._done[1]

    def _write(self, changes: Sequence[Change]) -> list[int]:
        with opened(self._path, busy=BUSY) as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_CREATE)
            database.execute("DELETE FROM sums WHERE until < ?", (int(self._now()),))
            changed = [(c.name, c.amount, c.until) for c in changes if c.amount]
            database.executemany(_ADD, changed)
            return [_total(database, change.name) for change in changes]


def _total(database: sqlite3.Connection, name: str) -> int:
    row = database.execute("SELECT amount FROM sums WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])
