"""Reads and writes the rows of files and batches.

Every function runs inside its caller's transaction; times are in Unix seconds.
"""

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
    FilePurpose,
    LineError,
    NewBatch,
    Page,
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
    database.execute(
        "INSERT INTO files (id, key, name, bytes, created, purpose) VALUES (?, ?, ?, ?, ?, ?)",
        (file.id, file.key, file.name, file.bytes, file.created, file.purpose),
    )


def get_file(database: sqlite3.Connection, key: str, file_id: str) -> StoredFile | None:
    """Return one of the key's files; None where there is no such file."""
    row = database.execute(
        "SELECT * FROM files WHERE id = ? AND key = ?", (file_id, key)
    ).fetchone()
    return None if row is None else _file(row)


def list_files(
    database: sqlite3.Connection, key: str, page: Page, purpose: str | None
) -> list[StoredFile]:
    """Return the key's files, newest first; one more than `page.limit` if there are more."""
    rows = database.execute(
        "SELECT * FROM files WHERE key = ? AND (? IS NULL OR purpose = ?) AND seq < "
        "ifnull((SELECT seq FROM files WHERE id = ? AND key = ?), 9e18) ORDER BY seq DESC LIMIT ?",
        (key, purpose, purpose, page.after, key, page.limit + 1),
    )
    return [_file(row) for row in rows]


def delete_file(database: sqlite3.Connection, file_id: str) -> None:
    """Delete the row of a file; its content stays."""
    database.execute("DELETE FROM files WHERE id = ?", (file_id,))


def file_ids(database: sqlite3.Connection) -> frozenset[str]:
    return frozenset(str(row["id"]) for row in database.execute("SELECT id FROM files"))


def total_file_bytes(database: sqlite3.Connection) -> int:
    """Return the bytes of all files together."""
    (total,) = database.execute("SELECT ifnull(sum(bytes), 0) FROM files").fetchone()
    return int(total)


def active_batch_reading(database: sqlite3.Connection, file_id: str) -> str | None:
    """Return the id of an active batch that reads this file; None where there is none."""
    row = database.execute(
        f"SELECT id FROM batches WHERE input_file = ? AND status IN ({_MARKS})",  # noqa: S608 - only question marks are inserted
        (file_id, *ACTIVE),
    ).fetchone()
    return None if row is None else str(row["id"])


def add_batch(database: sqlite3.Connection, batch_id: BatchId, new: NewBatch, now: int) -> Batch:
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
    """Return one of the key's batches; None where there is no such batch."""
    row = database.execute(
        "SELECT * FROM batches WHERE id = ? AND key = ?", (batch_id, key)
    ).fetchone()
    return None if row is None else _batch(row)


def batch_of(database: sqlite3.Connection, batch_id: str) -> Batch:
    """Return a batch of any key. Raises LookupError where it is gone."""
    row = database.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if row is None:
        raise LookupError(batch_id)
    return _batch(row)


def list_batches(database: sqlite3.Connection, key: str, page: Page) -> list[Batch]:
    """Return the key's batches, newest first; one more than `page.limit` if there are more."""
    rows = database.execute(
        "SELECT * FROM batches WHERE key = ? AND seq < ifnull((SELECT seq FROM batches "
        "WHERE id = ? AND key = ?), 9e18) ORDER BY seq DESC LIMIT ?",
        (key, page.after, key, page.limit + 1),
    )
    return [_batch(row) for row in rows]


def list_active(database: sqlite3.Connection, most: int) -> list[Batch]:
    """Return active batches in turns: the oldest of each key, then the second oldest, and so on."""
    rows = database.execute(
        "SELECT *, row_number() OVER (PARTITION BY key ORDER BY seq) AS turn FROM batches "  # noqa: S608 - only question marks are inserted
        f"WHERE status IN ({_MARKS}) ORDER BY turn, seq LIMIT ?",
        (*ACTIVE, most),
    )
    return [_batch(row) for row in rows]


def count_active(database: sqlite3.Connection, key: str) -> int:
    """Count the key's batches that have not ended."""
    (count,) = database.execute(
        f"SELECT count(*) FROM batches WHERE key = ? AND status IN ({_MARKS})",  # noqa: S608 - only question marks are inserted
        (key, *ACTIVE),
    ).fetchone()
    return int(count)


def set_status(database: sqlite3.Connection, batch_id: str, status: BatchStatus, now: int) -> None:
    """Set the status, and `now` as its time unless it has one."""
    column = "" if status is BatchStatus.VALIDATING else f", {status} = ifnull({status}, {now:d})"
    database.execute(
        f"UPDATE batches SET status = ?{column} WHERE id = ?",  # noqa: S608 - the column is one of our statuses
        (status, batch_id),
    )


def request_stop(database: sqlite3.Connection, batch_id: str, status: BatchStatus) -> None:
    """Record that the batch is to end early and with which status; the first request wins."""
    database.execute(
        "UPDATE batches SET stopping = ifnull(stopping, ?) WHERE id = ?", (status, batch_id)
    )


def stop_status(database: sqlite3.Connection, batch_id: str) -> BatchStatus | None:
    """Return the status of a requested early end; None where none was requested."""
    row = database.execute("SELECT stopping FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return BatchStatus(row["stopping"]) if row is not None and row["stopping"] else None


def set_failed(
    database: sqlite3.Connection, batch_id: str, errors: Sequence[LineError], now: int
) -> None:
    """Set the status to failed and store the errors of its file."""
    text = json.dumps([asdict(error) for error in errors])
    database.execute("UPDATE batches SET errors = ? WHERE id = ?", (text, batch_id))
    set_status(database, batch_id, BatchStatus.FAILED, now)


def set_result_files(
    database: sqlite3.Connection, batch_id: str, output: FileId | None, error: FileId | None
) -> None:
    database.execute(
        "UPDATE batches SET output_file = ?, error_file = ? WHERE id = ?",
        (output, error, batch_id),
    )


def expired_files(database: sqlite3.Connection, before: int, most: int) -> list[str]:
    """Return ids of files created before `before` that no active batch reads."""
    rows = database.execute(
        f"SELECT id FROM files WHERE created < ? AND id NOT IN (SELECT input_file FROM batches "  # noqa: S608 - only question marks are inserted
        f"WHERE status IN ({_MARKS})) LIMIT ?",
        (before, *ACTIVE, most),
    )
    return [str(row["id"]) for row in rows]


def ended_with_items(database: sqlite3.Connection) -> list[str]:
    """Return ids of ended batches that still have items: their clean-up was interrupted."""
    rows = database.execute(
        f"SELECT id FROM batches WHERE status NOT IN ({_MARKS}) AND id IN "  # noqa: S608 - only question marks are inserted
        "(SELECT DISTINCT batch FROM items)",
        ACTIVE,
    )
    return [str(row["id"]) for row in rows]


def delete_batches(database: sqlite3.Connection, before: int) -> None:
    """Delete ended batches created before `before`, with their items and parts."""
    database.execute(
        f"DELETE FROM batches WHERE created < ? AND status NOT IN ({_MARKS})",  # noqa: S608 - only question marks are inserted
        (before, *ACTIVE),
    )
    for table in ("items", "parts"):
        database.execute(f"DELETE FROM {table} WHERE batch NOT IN (SELECT id FROM batches)")  # noqa: S608 - the table is one of the two above


def _file(row: sqlite3.Row) -> StoredFile:
    return StoredFile(
        id=FileId(row["id"]),
        key=row["key"],
        name=row["name"],
        bytes=row["bytes"],
        created=row["created"],
        purpose=FilePurpose(row["purpose"]),
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
