"""The SQLite database of files and batches: one connection in a thread of its own.

Every transaction is on disk before its call returns, because a lost row can mean that a paid call
is repeated. Errors of SQLite and of the file system become StoreUnavailable here.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from weir_gateway.adapters.sqlite_file import write_ahead
from weir_gateway.domain.errors import StoreUnavailable

_LOG = logging.getLogger(__name__)

NAME: Final = "batches.db"
VERSION: Final = 1  # PRAGMA user_version
BUSY_TIMEOUT: Final = 10.0  # seconds to wait for another gateway that uses the same folder

T = TypeVar("T")

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,
  name TEXT NOT NULL, bytes INTEGER NOT NULL, created INTEGER NOT NULL, purpose TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,
  endpoint TEXT NOT NULL, input_file TEXT NOT NULL, completion_window TEXT NOT NULL,
  metadata TEXT NOT NULL, headers TEXT NOT NULL, status TEXT NOT NULL, stopping TEXT,
  created INTEGER NOT NULL, expires INTEGER NOT NULL,
  in_progress INTEGER, finalizing INTEGER, completed INTEGER, failed INTEGER, expired INTEGER,
  cancelling INTEGER, cancelled INTEGER, output_file TEXT, error_file TEXT,
  errors TEXT NOT NULL DEFAULT '[]', total INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0, wrong INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS batches_status ON batches (status);
CREATE TABLE IF NOT EXISTS items (
  batch TEXT NOT NULL, line INTEGER NOT NULL, custom_id TEXT NOT NULL, start INTEGER NOT NULL,
  size INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0,
  backend TEXT, decision TEXT, part INTEGER, result BLOB,
  PRIMARY KEY (batch, line)
);
CREATE INDEX IF NOT EXISTS items_state ON items (batch, state, line);
CREATE TABLE IF NOT EXISTS parts (
  batch TEXT NOT NULL, part INTEGER NOT NULL, backend TEXT NOT NULL, tag TEXT NOT NULL,
  items INTEGER NOT NULL, made INTEGER NOT NULL, sent INTEGER, upstream TEXT,
  over INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (batch, part)
);
"""


class Database:
    """Runs transactions; call `start` first and `stop` last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="weir-batches")
        self._connection: sqlite3.Connection | None = None
        self._queued: list[Callable[[sqlite3.Connection], None]] = []
        self._flush: asyncio.Task[None] | None = None
        self._commit_lock = asyncio.Lock()

    async def start(self) -> None:
        """Open the database and create its tables where needed. Raises StoreUnavailable."""
        await self._call(self._open)

    async def stop(self) -> None:
        """Close the database after the transactions in progress."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in its own transaction: all of it is stored or nothing.

        Raises StoreUnavailable. Cancelling the caller does not undo the transaction.
        """
        return await self._call(lambda: self._transact(work))

    async def transact_grouped(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` in one transaction with whatever else is queued meanwhile.

        Returns once it is on disk. Raises StoreUnavailable; then nothing of the group is stored.
        """
        self._queued.append(work)
        if self._flush is None:
            self._flush = asyncio.create_task(self._run_queued(), name="weir-batches-commit")
        await asyncio.shield(self._flush)

    async def _run_queued(self) -> None:
        # Work that arrives during a commit goes into the next one.
        async with self._commit_lock:
            works, self._queued, self._flush = self._queued, [], None
            await self.transact(lambda database: [work(database) for work in works])

    async def _call(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                _LOG.error("the database of batches %s can't be used: %s", self._path, error)
                raise StoreUnavailable(
                    "files and batches can't be read or written now: try again later"
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, mapped)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection or self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            # After "disk full" SQLite has rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
        connection.row_factory = sqlite3.Row
        write_ahead(connection, BUSY_TIMEOUT)
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            connection.close()
            raise sqlite3.DatabaseError(
                f"its format is {version}, but this gateway writes {VERSION}"
            )
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"
        )
        self._connection = connection
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
