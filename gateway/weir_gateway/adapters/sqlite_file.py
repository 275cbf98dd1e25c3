"""SQLite files that gateways of one machine share, opened for each use.

Blocking: call it in a thread.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

RETRY: Final = 0.02  # seconds


@contextmanager
def opened(path: Path, *, busy: float) -> Generator[sqlite3.Connection]:
    """Open the file for the block; create it with access for its owner only.

    Waits up to `busy` seconds for another writer. Raises OSError and sqlite3.Error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=busy)) as database:
        write_ahead(database, busy)
        yield database


def write_ahead(database: sqlite3.Connection, busy: float) -> None:
    """Let readers and a writer work at once; the file remembers it. Raises sqlite3.Error.

    Two that make a file at the same moment get in each other's way here, where SQLite's own
    waiting doesn't reach.
    """
    until = time.monotonic() + busy
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(RETRY)
        else:
            return
