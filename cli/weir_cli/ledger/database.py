"""The ledger's file, opened read-only beside the gateways that write it."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from weir_cli.failure import Failure
from weir_cli.ledger.export import COLUMNS
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, OLDER_VERSIONS, TABLE, VERSION


@contextmanager
def open_ledger(path: Path) -> Generator[tuple[sqlite3.Connection, int]]:
    """The file and its format's version. Raises Failure, also for SQLite errors in the block."""
    if not path.is_file():
        raise Failure(f"There is no ledger at {path}.", hint="`weir up` writes one; see --ledger")
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in {*OLDER_VERSIONS, VERSION}:
                raise Failure(f"{path} is no ledger of this version of Weir.")
            yield database, version
    except sqlite3.Error as error:
        raise Failure(
            f"{path} can't be read as a ledger: {error}",
            hint="a gateway of this version brings an older file up to date",
        ) from error


def selected_columns(database: sqlite3.Connection) -> str:
    """Every column for a SELECT; NULL stands for one that an older file lacks."""
    existing = _columns(database)
    return ", ".join(name if name in existing else "NULL" for name in COLUMNS)


def has_column(database: sqlite3.Connection, name: str) -> bool:
    """Whether the file has this column; an older gateway's may not."""
    return name in _columns(database)


def _columns(database: sqlite3.Connection) -> set[str]:
    rows = database.execute(f"PRAGMA table_info({TABLE})")
    return {str(row[1]) for row in rows}


def has_feedback(database: sqlite3.Connection) -> bool:
    """Whether the file has the table of clients' feedback; an older gateway's has not."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(query, (FEEDBACK,)).fetchone() is not None
