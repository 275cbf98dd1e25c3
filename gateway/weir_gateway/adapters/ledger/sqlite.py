"""The ledger in an SQLite file: one row per decision, written in batches, read by `weir ledger`.

Blocking: for a thread, never for the event loop. Several gateways of one machine may share a file.
"""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

from weir_gateway.adapters.ledger.entry import Entry

VERSION: Final = 1  # PRAGMA user_version
BUSY: Final = 5.0  # seconds to wait for another gateway that writes to the same file
TABLE: Final = "ledger"
_TYPES: Final[Mapping[object, str]] = {
    int: "INTEGER NOT NULL",
    bool: "INTEGER NOT NULL",
    str: "TEXT NOT NULL",
    float | None: "REAL",
    str | None: "TEXT",
}


class LedgerError(Exception):
    """The file can't be used; the message says which and why."""


class SqliteLedger:
    """The file, opened anew for each batch: one that was replaced or repaired is found again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, entries: Sequence[Entry]) -> None:
        """Keep `entries`; one whose decision is there already is not kept twice.

        Raises LedgerError; then none of them is kept.
        """
        with self._opened() as database, database:
            database.executemany(_INSERT, map(_values, entries))

    def forget(self, before: int) -> int:
        """Delete what ended before `before` (microseconds since 1970); gives how many."""
        with self._opened() as database, database:
            return database.execute(_FORGET, (before,)).rowcount

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, timeout=BUSY)) as database:
                _prepare(database, self.path)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"the ledger {self.path} can't be written: {error}") from error


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version != 0:
        raise LedgerError(f"the ledger {path} has format {version}, this gateway writes {VERSION}")
    database.execute("PRAGMA journal_mode = WAL")
    with database:
        database.execute(_CREATE)
        database.execute(_INDEX)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _values(entry: Entry) -> tuple[object, ...]:
    return tuple(getattr(entry, name) for name in _NAMES)


_NAMES: Final = tuple(field.name for field in fields(Entry))
_COLUMNS: Final = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in fields(Entry))
_CREATE: Final = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS}, PRIMARY KEY (decision)) WITHOUT ROWID"
)
_INDEX: Final = f"CREATE INDEX IF NOT EXISTS {TABLE}_at ON {TABLE} (at)"
_INSERT: Final = f"INSERT OR IGNORE INTO {TABLE} VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - the names are ours
_FORGET: Final = f"DELETE FROM {TABLE} WHERE at < ?"  # noqa: S608 - the name is ours
