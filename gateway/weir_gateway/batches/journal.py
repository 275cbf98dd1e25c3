"""The journal of a batch: how far each item is, and which parts were sent to providers.

An item is NEW, then either RUNNING (its own call is about to start) or DECIDED (waits for a
provider's batch) and SENT (its part is written), then DONE or FAILED with its line of the results.
A part's `sent` is stored before the part is submitted and its `upstream` after; in between, only
the provider knows whether it has the part. Every function runs inside its caller's transaction.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from weir_gateway.batches.lines import Item


class ItemState(IntEnum):
    """How far an item is; stored as its number."""

    NEW = 0
    RUNNING = 1
    DECIDED = 2
    SENT = 3
    DONE = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class JournalItem:
    """One item of a batch; `start` and `size` locate its line in the input file."""

    line: int
    custom_id: str
    start: int
    size: int
    single: bool  # it is sent by a call of its own and never in a provider's batch
    decision: str = ""  # encoded by decision_codec; empty where none is stored


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The outcome of an item."""

    line: int
    ok: bool  # False: it goes into the error file
    text: bytes  # its line in the output or error file


@dataclass(frozen=True, slots=True)
class BatchPart:
    """The items of a batch that are sent to one provider as one batch of theirs."""

    batch: str
    number: int
    backend: str
    tag: str  # 16 hex digits that identify it at the provider
    items: int
    created: int  # Unix seconds
    sent: int | None  # Unix seconds since when the provider may have it
    upstream: str | None  # the provider's id of it


def delete_items(database: sqlite3.Connection, batch: str) -> None:
    """Delete the items of an earlier reading that was interrupted."""
    database.execute("DELETE FROM items WHERE batch = ?", (batch,))


def add_items(database: sqlite3.Connection, batch: str, items: Sequence[Item]) -> None:
    """Add items as the input file is read."""
    database.executemany(
        "INSERT INTO items (batch, line, custom_id, start, size) VALUES (?, ?, ?, ?, ?)",
        ((batch, item.line, item.custom_id, item.start, item.size) for item in items),
    )


def set_total(database: sqlite3.Connection, batch: str) -> None:
    """Store the number of items once all have been read."""
    database.execute(
        "UPDATE batches SET total = (SELECT count(*) FROM items WHERE batch = ?) WHERE id = ?",
        (batch, batch),
    )


def reset_running(database: sqlite3.Connection, batch: str) -> int:
    """Make RUNNING items NEW again after a restart; return how many there were."""
    return database.execute(
        "UPDATE items SET state = ? WHERE batch = ? AND state = ?",
        (ItemState.NEW, batch, ItemState.RUNNING),
    ).rowcount


def list_items(
    database: sqlite3.Connection, batch: str, state: ItemState, *, after: int, most: int, size: int
) -> list[JournalItem]:
    """Return items in `state` after line `after`: at most `most`, of `size` bytes or just one."""
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state = ? AND line > ? ORDER BY line LIMIT ?",
        (batch, state, after, most),
    )
    return _up_to(size, rows)


def sent_items(
    database: sqlite3.Connection, part: BatchPart, lines: Sequence[int]
) -> dict[int, JournalItem]:
    """Return the part's items at `lines` that have no result yet, by line."""
    marks = ", ".join("?" * len(lines))
    rows = database.execute(
        f"SELECT * FROM items WHERE batch = ? AND part = ? AND state = ? AND line IN ({marks})",  # noqa: S608 - only question marks are inserted
        (part.batch, part.number, ItemState.SENT, *lines),
    )
    return {row["line"]: _item(row) for row in rows}


def set_running(database: sqlite3.Connection, batch: str, line: int) -> None:
    """Record that the item's own call is about to start."""
    database.execute(
        "UPDATE items SET state = ? WHERE batch = ? AND line = ?", (ItemState.RUNNING, batch, line)
    )


def set_decided(
    database: sqlite3.Connection, batch: str, choices: Sequence[tuple[int, str, str]]
) -> None:
    """Store (line, backend id, decision) of items that wait for a provider's batch."""
    database.executemany(
        "UPDATE items SET state = ?, backend = ?, decision = ? WHERE batch = ? AND line = ?",
        (
            (ItemState.DECIDED, backend, decision, batch, line)
            for line, backend, decision in choices
        ),
    )


def add_results(database: sqlite3.Connection, batch: str, results: Sequence[ItemResult]) -> None:
    """Store results; an item that already has one keeps it."""
    done = failed = 0
    for result in results:
        state = ItemState.DONE if result.ok else ItemState.FAILED
        changed = database.execute(
            "UPDATE items SET state = ?, result = ? WHERE batch = ? AND line = ? AND state < ?",
            (state, result.text, batch, result.line, ItemState.DONE),
        ).rowcount
        done += changed if result.ok else 0
        failed += 0 if result.ok else changed
    database.execute(
        "UPDATE batches SET done = done + ?, wrong = wrong + ? WHERE id = ?", (done, failed, batch)
    )


def reset_to_single(database: sqlite3.Connection, batch: str, lines: Sequence[int]) -> None:
    """Make items NEW again, to be sent by calls of their own."""
    database.executemany(
        "UPDATE items SET state = ?, alone = 1, part = NULL, decision = NULL WHERE batch = ? "
        "AND line = ? AND state < ?",
        ((ItemState.NEW, batch, line, ItemState.DONE) for line in lines),
    )


def backends_to_pack(database: sqlite3.Connection, batch: str) -> list[str]:
    """Return ids of the backends for which decided items wait."""
    rows = database.execute(
        "SELECT DISTINCT backend FROM items WHERE batch = ? AND state = ? ORDER BY backend",
        (batch, ItemState.DECIDED),
    )
    return [str(row["backend"]) for row in rows]


def decided_items(
    database: sqlite3.Connection, batch: str, backend: str, *, after: int, most: int, size: int
) -> list[JournalItem]:
    """Return items that wait for the backend's batch, bounded as in `list_items`."""
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state = ? AND backend = ? AND line > ? "
        "ORDER BY line LIMIT ?",
        (batch, ItemState.DECIDED, backend, after, most),
    )
    return _up_to(size, rows)


def next_part_number(database: sqlite3.Connection, batch: str) -> int:
    (last,) = database.execute(
        "SELECT ifnull(max(part), 0) FROM parts WHERE batch = ?", (batch,)
    ).fetchone()
    return int(last) + 1


def add_part(database: sqlite3.Connection, part: BatchPart, lines: Sequence[int]) -> None:
    """Add a part whose file is complete, and mark its items SENT."""
    database.execute(
        "INSERT INTO parts (batch, part, backend, tag, items, made) VALUES (?, ?, ?, ?, ?, ?)",
        (part.batch, part.number, part.backend, part.tag, part.items, part.created),
    )
    database.executemany(
        "UPDATE items SET state = ?, part = ? WHERE batch = ? AND line = ?",
        ((ItemState.SENT, part.number, part.batch, line) for line in lines),
    )


def open_parts(database: sqlite3.Connection, batch: str) -> list[BatchPart]:
    """Return the parts that are not closed."""
    rows = database.execute(
        "SELECT * FROM parts WHERE batch = ? AND over = 0 ORDER BY part", (batch,)
    )
    return [
        BatchPart(
            batch=row["batch"],
            number=row["part"],
            backend=row["backend"],
            tag=row["tag"],
            items=row["items"],
            created=row["made"],
            sent=row["sent"],
            upstream=row["upstream"],
        )
        for row in rows
    ]


def set_part_sent(database: sqlite3.Connection, part: BatchPart, now: int) -> None:
    """Record that the part is about to be submitted."""
    database.execute(
        "UPDATE parts SET sent = ifnull(sent, ?) WHERE batch = ? AND part = ?",
        (now, part.batch, part.number),
    )


def set_part_upstream(database: sqlite3.Connection, part: BatchPart, upstream: str) -> None:
    """Record the provider's id of the part."""
    database.execute(
        "UPDATE parts SET upstream = ? WHERE batch = ? AND part = ?",
        (upstream, part.batch, part.number),
    )


def known_upstream_ids(database: sqlite3.Connection) -> set[str]:
    """Return the providers' ids of all parts."""
    rows = database.execute("SELECT upstream FROM parts WHERE upstream IS NOT NULL")
    return {str(row["upstream"]) for row in rows}


def close_part(database: sqlite3.Connection, part: BatchPart) -> list[JournalItem]:
    """Close the part; return its items that got no result."""
    database.execute(
        "UPDATE parts SET over = 1 WHERE batch = ? AND part = ?", (part.batch, part.number)
    )
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND part = ? AND state = ?",
        (part.batch, part.number, ItemState.SENT),
    )
    return [_item(row) for row in rows]


def lines_without_result(database: sqlite3.Connection, part: BatchPart, most: int) -> list[int]:
    """Return up to `most` lines of the part's items that have no result yet."""
    rows = database.execute(
        "SELECT line FROM items WHERE batch = ? AND part = ? AND state = ? LIMIT ?",
        (part.batch, part.number, ItemState.SENT, most),
    )
    return [int(row["line"]) for row in rows]


def unfinished_items(database: sqlite3.Connection, batch: str, most: int) -> list[JournalItem]:
    """Return up to `most` items of the batch that have no result."""
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state < ? LIMIT ?", (batch, ItemState.DONE, most)
    )
    return [_item(row) for row in rows]


def add_unsent_results(
    database: sqlite3.Connection, batch: str, results: Sequence[ItemResult]
) -> None:
    """Store the lines of items that were not executed; they count as neither done nor failed."""
    database.executemany(
        "UPDATE items SET state = ?, result = ? WHERE batch = ? AND line = ?",
        ((ItemState.FAILED, result.text, batch, result.line) for result in results),
    )


def read_results(
    database: sqlite3.Connection, batch: str, state: ItemState, *, after: int, size: int
) -> tuple[int, list[bytes]]:
    """Return about `size` bytes of results after line `after`, and the last one's line number."""
    texts: list[bytes] = []
    last = after
    for line, text in _results(database, batch, state, after):
        texts.append(text)
        last = line
        size -= len(text)
        if size < 0:
            break
    return last, texts


def delete_page(database: sqlite3.Connection, batch: str, most: int) -> bool:
    """Delete up to `most` items, and all parts; return whether items may be left."""
    database.execute("DELETE FROM parts WHERE batch = ?", (batch,))
    deleted = database.execute(
        "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE batch = ? LIMIT ?)",
        (batch, most),
    ).rowcount
    return deleted == most


def _results(
    database: sqlite3.Connection, batch: str, state: ItemState, after: int
) -> Iterator[tuple[int, bytes]]:
    rows = database.execute(
        "SELECT line, result FROM items WHERE batch = ? AND state = ? AND line > ? ORDER BY line",
        (batch, state, after),
    )
    for row in rows:
        yield int(row["line"]), bytes(row["result"])


def _up_to(size: int, rows: Iterable[sqlite3.Row]) -> list[JournalItem]:
    """Return the first items, of at most `size` bytes together or just one."""
    items: list[JournalItem] = []
    for row in rows:
        size -= row["size"]
        if items and size < 0:
            break
        items.append(_item(row))
    return items


def _item(row: sqlite3.Row) -> JournalItem:
    return JournalItem(
        line=row["line"],
        custom_id=row["custom_id"],
        start=row["start"],
        size=row["size"],
        single=bool(row["alone"]),
        decision=row["decision"] or "",
    )
