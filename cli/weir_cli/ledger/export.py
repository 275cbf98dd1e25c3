"""A ledger's rows as a file of another kind: Parquet, CSV or JSON lines, by the file's name.

Some thousand rows are in memory at a time.
"""

import csv
import json
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

from weir_cli.failure import Failure
from weir_gateway.adapters.ledger.entry import Entry

TOGETHER: Final = 10_000  # rows
Row = Sequence[object]
Write = Callable[[Sequence[Row]], None]
_KINDS: Final[dict[object, type]] = {
    int: int,
    float: float,
    bool: bool,
    str: str,
    float | None: float,
    str | None: str,
}
COLUMNS: Final = {field.name: _KINDS[field.type] for field in fields(Entry)}


def export_rows(database: sqlite3.Connection, query: str, since: int, into: Path) -> int:
    """Write the rows that `query` gives, `COLUMNS` in order; gives how many.

    Raises Failure for a name of no known kind, and where the file can't be written. What is not
    whole is not left under that name.
    """
    opened = _WRITERS.get(into.suffix)
    if opened is None:
        kinds = ", ".join(_WRITERS)
        raise Failure(f"{into}: its name says no kind that is known.", hint=f"end it in {kinds}")
    part = into.with_name(f".{into.name}.part")
    count = 0
    try:
        with opened(part) as write:
            for rows in _some(database.execute(query, (since,))):
                write(rows)
                count += len(rows)
        part.replace(into)
    except OSError as error:
        raise Failure(f"{into} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _some(cursor: sqlite3.Cursor) -> Iterator[list[Row]]:
    with closing(cursor):
        while rows := cursor.fetchmany(TOGETHER):
            yield [tuple(_typed(row)) for row in rows]


def _typed(row: Row) -> Iterator[object]:
    """SQLite knows no booleans."""
    for value, kind in zip(row, COLUMNS.values(), strict=True):
        yield bool(value) if kind is bool and value is not None else value


@contextmanager
def _csv(path: Path) -> Generator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        yield writer.writerows


@contextmanager
def _json_lines(path: Path) -> Generator[Write]:
    with path.open("w", encoding="utf-8") as file:

        def write(rows: Sequence[Row]) -> None:
            for row in rows:
                line = json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False)
                file.write(line + "\n")

        yield write


@contextmanager
def _parquet(path: Path) -> Generator[Write]:
    try:
        # Imported here: only a parquet file needs pyarrow.
        from weir_lab.datasets.parquet import ParquetRows  # noqa: PLC0415 - see above
    except ModuleNotFoundError as missing:
        raise Failure(
            f"{path}: writing parquet needs pyarrow, which is not installed.",
            hint="pip install 'weir-gateway[lab]', or write a .csv or .jsonl",
        ) from missing
    with ParquetRows(path, COLUMNS) as rows:
        yield rows.write


_WRITERS: Final = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
