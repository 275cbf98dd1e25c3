"""Files and batches as rows, and back. Every function runs in a transaction of its caller's."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final, TypeVar

from weir_gateway.domain.batch import (
    Batch,
    BatchId,
    BatchStatus,
    Counts,
    FileId,
    LineError,
    NewBatch,
    Page,
    Purpose,
    StoredFile,
)

T = TypeVar("T")
Query = Callable[[sqlite3.Connection], T]
Work = Query[None]

ACTIVE: Final = tuple(str(status) for status in BatchStatus if not status.over)
_MARKS: Final = ", ".join("?" * len(ACTIVE))
_OPTIONAL_TIMES: Final = (
    *("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"),
)


def add_file(database: sqlite3.Connection, file: StoredFile) -> None:
    """Keep it."""
    database.execute(
        "INSERT INTO files (id, key, name, bytes, created, purpose) VALUES (?, ?, ?, ?, ?, ?)",
        (file.id, file.key, file.name, file.bytes, file.created, file.purpose),
    )


def get_file(database: sqlite3.Connection, key: str, file_id: str) -> StoredFile | None:
    """The key's file of this id."""
    row = database.execute(
        "SELECT * FROM files WHERE id = ? AND key = ?", (file_id, key)
    ).fetchone()
    return None if row is None else _file(row)


def list_files(
    database: sqlite3.Connection, key: str, page: Page, purpose: str | None
) -> list[StoredFile]:
    """The key's files, newest first; one more than the page has, where there are more."""
    rows = database.execute(
        "SELECT * FROM files WHERE key = ? AND (? IS NULL OR purpose = ?) AND seq < "
        "ifnull((SELECT seq FROM files WHERE id = ? AND key = ?), 9e18) ORDER BY seq DESC LIMIT ?",
        (key, purpose, purpose, page.after, key, page.limit + 1),
    )
    return [_file(row) for row in rows]


def delete_file(database: sqlite3.Connection, file_id: str) -> None:
    """Delete its row."""
    database.execute("DELETE FROM files WHERE id = ?", (file_id,))


def file_ids(database: sqlite3.Connection) -> frozenset[str]:
    """All files' ids."""
    return frozenset(str(row["id"]) for row in database.execute("SELECT id FROM files"))


def total_file_bytes(database: sqlite3.Connection) -> int:
    """All files together."""
    (total,) = database.execute("SELECT ifnull(sum(bytes), 0) FROM files").fetchone()
    return int(total)


def active_batch_reading(database: sqlite3.Connection, file_id: str) -> str | None:
    """A batch under way that reads this file."""
    row = database.execute(
        f"SELECT id FROM batches WHERE input_file = ? AND status IN ({_MARKS})",  # noqa: S608 - the marks are ours
        (file_id, *ACTIVE),
    ).fetchone()
    return None if row is None else str(row["id"])


def add_batch(database: sqlite3.Connection, batch_id: BatchId, new: NewBatch, now: int) -> Batch:
    """Keep a new one."""
    database.execute(
        "INSERT INTO batches (id, key, endpoint, input_file, completion_window, metadata, headers, "
        "status, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(batch_id, new.key, new.endpoint, new.input_file, new.window),
            *(json.dumps(dict(new.metadata)), json.dumps(dict(new.headers))),
            *(BatchStatus.VALIDATING, now, now + int(new.seconds)),
        ),
    )
    return batch_of(database, batch_id)


def get_batch(database: sqlite3.Connection, key: str, batch_id: str) -> Batch | None:
    """The key's batch of this id."""
    row = database.execute(
        "SELECT * FROM batches WHERE id = ? AND key = ?", (batch_id, key)
    ).fetchone()
    return None if row is None else _batch(row)


def batch_of(database: sqlite3.Connection, batch_id: str) -> Batch:
    """The batch of this id, whosever it is. Raises LookupError where it is gone."""
    row = database.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if row is None:
        raise LookupError(batch_id)
    return _batch(row)


def list_batches(database: sqlite3.Connection, key: str, page: Page) -> list[Batch]:
    """The key's batches, newest first; one more than the page has, where there are more."""
    rows = database.execute(
        "SELECT * FROM batches WHERE key = ? AND seq < ifnull((SELECT seq FROM batches "
        "WHERE id = ? AND key = ?), 9e18) ORDER BY seq DESC LIMIT ?",
        (key, page.after, key, page.limit + 1),
    )
    return [_batch(row) for row in rows]


def list_active(database: sqlite3.Connection, most: int) -> list[Batch]:
    """Batches that are not over: the oldest of each key, then the second oldest, and so on."""
    rows = database.execute(
        "SELECT *, row_number() OVER (PARTITION BY key ORDER BY seq) AS turn FROM batches "  # noqa: S608 - the marks are ours
        f"WHERE status IN ({_MARKS}) ORDER BY turn, seq LIMIT ?",
        (*ACTIVE, most),
    )
    return [_batch(row) for row in rows]


def count_active(database: sqlite3.Connection, key: str) -> int:
    """How many of the key's batches are not over."""
    (count,) = database.execute(
        f"SELECT count(*) FROM batches WHERE key = ? AND status IN ({_MARKS})",  # noqa: S608 - the marks are ours
        (key, *ACTIVE),
    ).fetchone()
    return int(count)


def set_status(database: sqlite3.Connection, batch_id: str, status: BatchStatus, now: int) -> None:
    """Note that it is `status` since `now`."""
    column = "" if status is BatchStatus.VALIDATING else f", {status} = ifnull({status}, {now:d})"
    database.execute(
        f"UPDATE batches SET status = ?{column} WHERE id = ?",  # noqa: S608 - the column is a status of ours
        (status, batch_id),
    )


def request_stop(database: sqlite3.Connection, batch_id: str, why: BatchStatus) -> None:
    """Note that it is to end before its time, and as what: the first reason stands."""
    database.execute(
        "UPDATE batches SET stopping = ifnull(stopping, ?) WHERE id = ?", (why, batch_id)
    )


def stop_status(database: sqlite3.Connection, batch_id: str) -> BatchStatus | None:
    """As what it is to end, where that is before its time."""
    row = database.execute("SELECT stopping FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return BatchStatus(row["stopping"]) if row is not None and row["stopping"] else None


def set_failed(
    database: sqlite3.Connection, batch_id: str, errors: Sequence[LineError], now: int
) -> None:
    """It has failed, and why."""
    told = json.dumps([asdict(error) for error in errors])
    database.execute("UPDATE batches SET errors = ? WHERE id = ?", (told, batch_id))
    set_status(database, batch_id, BatchStatus.FAILED, now)


def set_result_files(
    database: sqlite3.Connection, batch_id: str, output: FileId | None, error: FileId | None
) -> None:
    """Its results."""
    database.execute(
        "UPDATE batches SET output_file = ?, error_file = ? WHERE id = ?",
        (output, error, batch_id),
    )


def expired_files(database: sqlite3.Connection, before: int, most: int) -> list[str]:
    """Files that were made before `before` (seconds since 1970) and no batch under way needs."""
    rows = database.execute(
        f"SELECT id FROM files WHERE created < ? AND id NOT IN (SELECT input_file FROM batches "  # noqa: S608 - the marks are ours
        f"WHERE status IN ({_MARKS})) LIMIT ?",
        (before, *ACTIVE, most),
    )
    return [str(row["id"]) for row in rows]


def ended_with_items(database: sqlite3.Connection) -> list[str]:
    """Batches that are over and whose items are noted still: their end was cut short."""
    found = database.execute(
        f"SELECT id FROM batches WHERE status NOT IN ({_MARKS}) AND id IN "  # noqa: S608 - the marks are ours
        "(SELECT DISTINCT batch FROM items)",
        ACTIVE,
    )
    return [str(row["id"]) for row in found]


def delete_batches(database: sqlite3.Connection, before: int) -> None:
    """Delete those that were over and made before `before`, with all that was noted of them."""
    database.execute(
        f"DELETE FROM batches WHERE created < ? AND status NOT IN ({_MARKS})",  # noqa: S608 - the marks are ours
        (before, *ACTIVE),
    )
    for table in ("items", "parts"):
        database.execute(f"DELETE FROM {table} WHERE batch NOT IN (SELECT id FROM batches)")  # noqa: S608 - the name is ours


def _file(row: sqlite3.Row) -> StoredFile:
    return StoredFile(
        id=FileId(row["id"]),
        key=row["key"],
        name=row["name"],
        bytes=row["bytes"],
        created=row["created"],
        purpose=Purpose(row["purpose"]),
    )


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(
        id=BatchId(row["id"]),
        key=row["key"],
        endpoint=row["endpoint"],
        input_file=FileId(row["input_file"]),
        window=row["completion_window"],
        metadata=json.loads(row["metadata"]),
        headers=json.loads(row["headers"]),
        status=BatchStatus(row["status"]),
        created=row["created"],
        expires=row["expires"],
        output_file=row["output_file"],
        error_file=row["error_file"],
        errors=tuple(LineError(**error) for error in json.loads(row["errors"])),
        counts=Counts(row["total"], row["done"], row["wrong"]),
        **{name: row[name] for name in _OPTIONAL_TIMES},
    )
