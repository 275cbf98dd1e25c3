"""Files that several gateways make, share and lose at once."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weir_gateway.adapters.sqlite_file import opened

GATEWAYS = 8
ROUNDS = 25  # of a race that one in a dozen rounds lost


def _make(path: Path, all_ready: threading.Barrier) -> str:
    all_ready.wait()
    with opened(path, busy=20.0) as database, database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("CREATE TABLE IF NOT EXISTS kept (one INTEGER)")
        database.execute("INSERT INTO kept VALUES (1)")
        (mode,) = database.execute("PRAGMA journal_mode").fetchone()
        return str(mode)


def test_gateways_may_make_a_file_at_the_same_moment(tmp_path: Path) -> None:
    with ThreadPoolExecutor(GATEWAYS) as pool:
        for number in range(ROUNDS):
            path = tmp_path / str(number) / "kept.db"
            ready = threading.Barrier(GATEWAYS)
            made = [pool.submit(_make, path, ready) for _ in range(GATEWAYS)]
            assert [one.result() for one in made] == ["wal"] * GATEWAYS
            assert path.stat().st_mode & 0o077 == 0
            with opened(path, busy=1.0) as database:
                assert database.execute("SELECT count(*) FROM kept").fetchone() == (GATEWAYS,)


def test_a_file_that_is_no_database_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"), opened(path, busy=600.0):
        pass
