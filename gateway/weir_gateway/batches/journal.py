"""What has become of each item of a batch, and of what was sent for it: money hangs on it.

An item is NEW, then RUNNING (a call of its own is about to be made) or DECIDED (for a provider's
batch) and SENT (with a part), then DONE or FAILED with its line of the results. A part's `sent` is
noted before it is submitted, its `upstream` after: between the two only the provider knows.
Every function runs in a transaction of its caller's.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from weir_gateway.batches.lines import Item


class ItemState(IntEnum):
    """How far an item is; kept as its number."""

    NEW = 0
    RUNNING = 1
    DECIDED = 2
    SENT = 3
    DONE = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class JournalItem:
    """One item."""

    line: int
    custom_id: str
    start: int
    size: int
    single: bool  # it goes in no provider's batch (any more)
    decision: str = ""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How an item ended."""

    line: int
    ok: bool  # False: for the error file
    text: bytes  # its line there


@dataclass(frozen=True, slots=True)
class BatchPart:
    """What is sent to one provider as one batch."""

    batch: str
    number: int
    backend: str
    tag: str  # 16 hex digits by which it is known again at the provider
    items: int
    created: int  # seconds since 1970
    sent: int | None  # since when it may be there
    upstream: str | None  # the provider's id


def delete_items(database: sqlite3.Connection, batch: str) -> None:
    """Forget items of an earlier reading that was cut short."""
    database.execute("DELETE FROM items WHERE batch = ?", (batch,))


def add_items(database: sqlite3.Connection, batch: str, items: Sequence[Item]) -> None:
    """Items as they are read."""
    database.executemany(
        "INSERT INTO items (batch, line, custom_id, start, size) VALUES (?, ?, ?, ?, ?)",
        ((batch, item.line, item.custom_id, item.start, item.size) for item in items),
    )


def set_total(database: sqlite3.Connection, batch: str) -> None:
    """Count them, when all have been read."""
    database.execute(
        "UPDATE batches SET total = (SELECT count(*) FROM items WHERE batch = ?) WHERE id = ?",
        (batch, batch),
    )


def reset_running(database: sqlite3.Connection, batch: str) -> int:
    """After a start: what was on its way alone is new again; gives how many that are."""
    return database.execute(
        "UPDATE items SET state = ? WHERE batch = ? AND state = ?",
        (ItemState.NEW, batch, ItemState.RUNNING),
    ).rowcount


def list_items(
    database: sqlite3.Connection, batch: str, state: ItemState, *, after: int, most: int, size: int
) -> list[JournalItem]:
    """Items in `state` beyond line `after`: at most `most`, of `size` bytes or just one."""
    found: list[JournalItem] = []
    left = size
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state = ? AND line > ? ORDER BY line LIMIT ?",
        (batch, state, after, most),
    )
    for row in rows:
        left -= row["size"]
        if found and left < 0:
            break
        found.append(_item(row))
    return found


def sent_items(
    database: sqlite3.Connection, part: BatchPart, lines: Sequence[int]
) -> dict[int, JournalItem]:
    """Those of a part's items that have no result yet, of these lines."""
    marks = ", ".join("?" * len(lines))
    rows = database.execute(
        f"SELECT * FROM items WHERE batch = ? AND part = ? AND state = ? AND line IN ({marks})",  # noqa: S608 - the marks are ours
        (part.batch, part.number, ItemState.SENT, *lines),
    )
    return {row["line"]: _item(row) for row in rows}


def set_running(database: sqlite3.Connection, batch: str, line: int) -> None:
    """A call of its own is about to be made."""
    database.execute(
        "UPDATE items SET state = ? WHERE batch = ? AND line = ?", (ItemState.RUNNING, batch, line)
    )


def set_decided(
    database: sqlite3.Connection, batch: str, choices: Sequence[tuple[int, str, str]]
) -> None:
    """(line, backend's id, decision) of items that wait for a provider's batch."""
    database.executemany(
        "UPDATE items SET state = ?, backend = ?, decision = ? WHERE batch = ? AND line = ?",
        (
            (ItemState.DECIDED, backend, decision, batch, line)
            for line, backend, decision in choices
        ),
    )


def add_results(database: sqlite3.Connection, batch: str, results: Sequence[ItemResult]) -> None:
    """Keep results, each once: an item that has one keeps it."""
    done = wrong = 0
    for result in results:
        state = ItemState.DONE if result.ok else ItemState.FAILED
        changed = database.execute(
            "UPDATE items SET state = ?, result = ? WHERE batch = ? AND line = ? AND state < ?",
            (state, result.text, batch, result.line, ItemState.DONE),
        ).rowcount
        done += changed if result.ok else 0
        wrong += 0 if result.ok else changed
    database.execute(
        "UPDATE batches SET done = done + ?, wrong = wrong + ? WHERE id = ?", (done, wrong, batch)
    )


def reset_to_single(database: sqlite3.Connection, batch: str, lines: Sequence[int]) -> None:
    """Items that are new again, to be sent one by one."""
    database.executemany(
        "UPDATE items SET state = ?, alone = 1, part = NULL, decision = NULL WHERE batch = ? "
        "AND line = ? AND state < ?",
        ((ItemState.NEW, batch, line, ItemState.DONE) for line in lines),
    )


def backends_to_pack(database: sqlite3.Connection, batch: str) -> list[str]:
    """The backends whose batches are still to be made."""
    rows = database.execute(
        "SELECT DISTINCT backend FROM items WHERE batch = ? AND state = ? ORDER BY backend",
        (batch, ItemState.DECIDED),
    )
    return [str(row["backend"]) for row in rows]


def decided_items(
    database: sqlite3.Connection, batch: str, backend: str, *, after: int, most: int, size: int
) -> list[JournalItem]:
    """Items that wait for the backend's batch; bounded as `some` are."""
    found: list[JournalItem] = []
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state = ? AND backend = ? AND line > ? "
        "ORDER BY line LIMIT ?",
        (batch, ItemState.DECIDED, backend, after, most),
    )
    for row in rows:
        size -= row["size"]
        if found and size < 0:
            break
        found.append(_item(row))
    return found


def next_part_number(database: sqlite3.Connection, batch: str) -> int:
    """The number of the next part."""
    (last,) = database.execute(
        "SELECT ifnull(max(part), 0) FROM parts WHERE batch = ?", (batch,)
    ).fetchone()
    return int(last) + 1


def add_part(database: sqlite3.Connection, part: BatchPart, lines: Sequence[int]) -> None:
    """A part whose file lies ready, and its items."""
    database.execute(
        "INSERT INTO parts (batch, part, backend, tag, items, made) VALUES (?, ?, ?, ?, ?, ?)",
        (part.batch, part.number, part.backend, part.tag, part.items, part.created),
    )
    database.executemany(
        "UPDATE items SET state = ?, part = ? WHERE batch = ? AND line = ?",
        ((ItemState.SENT, part.number, part.batch, line) for line in lines),
    )


def open_parts(database: sqlite3.Connection, batch: str) -> list[BatchPart]:
    """Those that are not over."""
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
    """It is about to be submitted."""
    database.execute(
        "UPDATE parts SET sent = ifnull(sent, ?) WHERE batch = ? AND part = ?",
        (now, part.batch, part.number),
    )


def set_part_upstream(database: sqlite3.Connection, part: BatchPart, upstream: str) -> None:
    """The provider has it, as `upstream`."""
    database.execute(
        "UPDATE parts SET upstream = ? WHERE batch = ? AND part = ?",
        (upstream, part.batch, part.number),
    )


def known_upstream_ids(database: sqlite3.Connection) -> set[str]:
    """All providers' ids of parts."""
    rows = database.execute("SELECT upstream FROM parts WHERE upstream IS NOT NULL")
    return {str(row["upstream"]) for row in rows}


def close_part(database: sqlite3.Connection, part: BatchPart) -> list[JournalItem]:
    """Nothing more comes of it; gives its items that got no result."""
    database.execute(
        "UPDATE parts SET over = 1 WHERE batch = ? AND part = ?", (part.batch, part.number)
    )
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND part = ? AND state = ?",
        (part.batch, part.number, ItemState.SENT),
    )
    return [_item(row) for row in rows]


def lines_without_result(database: sqlite3.Connection, part: BatchPart, most: int) -> list[int]:
    """Lines of a part's items that have no result yet."""
    rows = database.execute(
        "SELECT line FROM items WHERE batch = ? AND part = ? AND state = ? LIMIT ?",
        (part.batch, part.number, ItemState.SENT, most),
    )
    return [int(row["line"]) for row in rows]


def unfinished_items(database: sqlite3.Connection, batch: str, most: int) -> list[JournalItem]:
    """Items that have no result."""
    rows = database.execute(
        "SELECT * FROM items WHERE batch = ? AND state < ? LIMIT ?", (batch, ItemState.DONE, most)
    )
    return [_item(row) for row in rows]


def add_unsent_results(
    database: sqlite3.Connection, batch: str, results: Sequence[ItemResult]
) -> None:
    """What there is to say of items that were not executed, which counts as neither."""
    database.executemany(
        "UPDATE items SET state = ?, result = ? WHERE batch = ? AND line = ?",
        ((ItemState.FAILED, result.text, batch, result.line) for result in results),
    )


def read_results(
    database: sqlite3.Connection, batch: str, state: ItemState, *, after: int, size: int
) -> tuple[int, list[bytes]]:
    """Results beyond line `after` in order, about `size` bytes, and the last one's line."""
    found: list[bytes] = []
    last = after
    for line, text in _results(database, batch, state, after):
        found.append(text)
        last = line
        size -= len(text)
        if size < 0:
            break
    return last, found


def delete_page(database: sqlite3.Connection, batch: str, most: int) -> bool:
    """They are in the files now; gives whether there may be more than the `most` that went."""
    database.execute("DELETE FROM parts WHERE batch = ?", (batch,))
    gone = database.execute(
        "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE batch = ? LIMIT ?)",
        (batch, most),
    ).rowcount
    return gone == most


def _results(
    database: sqlite3.Connection, batch: str, state: ItemState, after: int
) -> Iterator[tuple[int, bytes]]:
    rows = database.execute(
        "SELECT line, result FROM items WHERE batch = ? AND state = ? AND line > ? ORDER BY line",
        (batch, state, after),
    )
    for row in rows:
        yield int(row["line"]), bytes(row["result"])


def _item(row: sqlite3.Row) -> JournalItem:
    return JournalItem(
        line=row["line"],
        custom_id=row["custom_id"],
        start=row["start"],
        size=row["size"],
        single=bool(row["alone"]),
        decision=row["decision"] or "",
    )
