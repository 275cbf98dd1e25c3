"""The ledger in an SQLite file: one row per decision, written in batches, read by `weir ledger`.

Blocking: for a thread, never for the event loop. Several gateways of one machine may share a file.
"""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Final

from weir_gateway.adapters import sqlite_file
from weir_gateway.adapters.ledger.entry import Entry, Rating

VERSION: Final = 2  # PRAGMA user_version
OLDER_VERSIONS: Final = (1,)  # formats that are taken over as they are next written to
BUSY: Final = 5.0  # seconds to wait for another gateway that writes to the same file
TABLE: Final = "ledger"
FEEDBACK: Final = "feedback"  # the other table: what clients said of their answers
_TYPES: Final[Mapping[object, str]] = {
    int: "INTEGER NOT NULL",
    bool: "INTEGER NOT NULL",
    str: "TEXT NOT NULL",
    float: "REAL NOT NULL",
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
        with opened(self.path) as database, database:
            database.executemany(_INSERT, map(_values, entries))

    def forget(self, before: int) -> int:
        """Delete what ended before `before` (microseconds since 1970), with what was said of it.

        Gives how many entries. Raises LedgerError.
        """
        with opened(self.path) as database, database:
            database.execute(_FORGET_FEEDBACK, (before, before))
            return database.execute(_FORGET, (before,)).rowcount


@contextmanager
def opened(path: Path) -> Generator[sqlite3.Connection]:
    """The file, made or brought up to this version first. Raises LedgerError."""
    try:
        with sqlite_file.opened(path, busy=BUSY) as database:
            _prepare(database, path)
            yield database
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the ledger {path} can't be written: {error}") from error


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    if _version(database) == VERSION and not _missing_columns(database):
        return
    database.execute("BEGIN IMMEDIATE")  # one gateway at a time; the next one finds it done
    with database:
        version = _version(database)
        if version not in {0, *OLDER_VERSIONS, VERSION}:
            message = f"the ledger {path} has format {version}, this gateway writes {VERSION}"
            raise LedgerError(message)
        if version in OLDER_VERSIONS:
            database.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_before")
        database.execute(_CREATE)
        if version in OLDER_VERSIONS:
            _migrate(database)
        database.execute(_CREATE_FEEDBACK)
        for table, column in _missing_columns(database):
            database.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        database.execute(_INDEX)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")]


def _missing_columns(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """The tables' columns, as SQL declares them, that an older gateway's file lacks."""
    lacks: list[tuple[str, str]] = []
    for table, kind in ((TABLE, Entry), (FEEDBACK, Rating)):
        there = _columns(database, table)
        lacks += [(table, _column(f)) for f in fields(kind) if f.name not in there]
    return lacks


def _migrate(database: sqlite3.Connection) -> None:
    """The rows of a file of an older format."""
    names = ", ".join(_columns(database, f"{TABLE}_before"))
    database.execute(f"INSERT INTO {TABLE} ({names}) SELECT {names} FROM {TABLE}_before")  # noqa: S608 - the names are the file's own columns, which were ours
    database.execute(f"DROP TABLE {TABLE}_before")


def _column(field: "Field[object]") -> str:
    return f"{field.name} {_TYPES[field.type]}{_default(field)}"


def _default(field: "Field[object]") -> str:
    """What older rows have in a column that came later."""
    if field.default is MISSING or field.default is None:
        return ""
    default = field.default
    return f" DEFAULT '{default}'" if isinstance(default, str) else f" DEFAULT {default or 0}"


def _values(entry: Entry) -> tuple[object, ...]:
    return tuple(getattr(entry, name) for name in _NAMES)


_NAMES: Final = tuple(field.name for field in fields(Entry))
_COLUMNS: Final = ", ".join(_column(field) for field in fields(Entry))
_CREATE: Final = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS}, PRIMARY KEY (decision, part)) WITHOUT ROWID"
)
_CREATE_FEEDBACK: Final = (
    f"CREATE TABLE IF NOT EXISTS {FEEDBACK} ({', '.join(_column(f) for f in fields(Rating))}, "
    "PRIMARY KEY (decision, key)) WITHOUT ROWID"
)
_INDEX: Final = f"CREATE INDEX IF NOT EXISTS {TABLE}_at ON {TABLE} (at)"
_INSERT: Final = (
    f"INSERT OR IGNORE INTO {TABLE} ({', '.join(_NAMES)}) "  # noqa: S608 - the names are ours
    f"VALUES ({', '.join('?' * len(_NAMES))})"
)
_FORGET: Final = f"DELETE FROM {TABLE} WHERE at < ?"  # noqa: S608 - the name is ours
_FORGET_FEEDBACK: Final = (
    f"DELETE FROM {FEEDBACK} WHERE decision IN (SELECT decision FROM {TABLE} WHERE at < ?) OR "  # noqa: S608 - the names are ours
    f"at < ? AND decision NOT IN (SELECT decision FROM {TABLE})"
)
