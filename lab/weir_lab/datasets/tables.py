"""Reads rows from parquet, JSONL and CSV files, with each row's number for error messages.

Every error of a file's format becomes a DataError here; checks.py validates the columns.
"""

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from weir_lab.datasets.parquet import read_columns
from weir_lab.errors import DataError

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")
# A field of a CSV file: a prompt of some megabytes is odd but legal.
_LARGEST_FIELD = 64 * 1024 * 1024
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, as read, and each row's number in its file."""

    path: Path
    columns: Mapping[str, Sequence[object]]
    places: Sequence[int]  # row (parquet, CSV) or line (JSONL), from 1
    unit: str  # "row" or "line"

    def __len__(self) -> int:
        return len(self.places)

    def at(self, index: int, column: str) -> str:
        """A cell's file, row and column, for the start of an error message."""
        return f"{self.path}, {self.unit} {self.places[index]}, column {column!r}"


def read_table(path: Path) -> Table:
    """Read one file whole. Raises DataError naming what cannot be read and where."""
    readers: dict[str, Callable[[Path], Table]] = {
        ".parquet": _read_parquet,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".csv": _read_csv,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: unknown kind of file; use {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    table = reader(path)
    if not len(table):
        raise DataError(f"{path}: the file has no rows")
    return table


def find_files(path: Path) -> tuple[Path, ...]:
    """The data files that a path names: itself, or those of its folder, in order of name."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_file():
        return (path,)
    found = tuple(sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES))
    if not found:
        raise DataError(f"{path}: the folder has no data files ({', '.join(SUFFIXES)})")
    return found


def _read_parquet(path: Path) -> Table:
    columns, rows = read_columns(path)
    return Table(path, columns, range(1, rows + 1), "row")


def _read_text(path: Path) -> str:
    raw = path.read_bytes()
    if raw.startswith(_WIDE):
        raise DataError(f"{path}: the file is UTF-16 or UTF-32; save it as UTF-8")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        seen = raw[error.start : error.start + 1].hex()
        raise DataError(
            f"{path}, line {line}: byte 0x{seen} is not UTF-8; save the whole file as UTF-8"
        ) from error


def _read_jsonl(path: Path) -> Table:
    places: list[int] = []
    rows: list[Mapping[str, object]] = []
    for line, text in enumerate(_read_text(path).split("\n"), start=1):
        if text.strip():
            rows.append(_object(path, line, text))
            places.append(line)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Table(path, columns, places, "line")


def _object(path: Path, line: int, text: str) -> Mapping[str, object]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}, line {line}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}, line {line}: a JSON object is needed, one a line")
    return cast("dict[str, object]", value)  # JSON's keys are strings


def _read_csv(path: Path) -> Table:
    rows = list(_csv_rows(path, _read_text(path)))
    header = rows[0] if rows else []
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise DataError(f"{path}: the header names {', '.join(sorted(twice))!r} twice")
    for place, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}, row {place}: {len(row)} fields where the header has {len(header)}; "
                "a field with a comma or a line break needs quotes"
            )
    columns = {name: [row[k] or None for row in rows[1:]] for k, name in enumerate(header)}
    return Table(path, columns, range(1, len(rows)), "row")


def _csv_rows(path: Path, text: str) -> Iterator[list[str]]:
    before = csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from (row for row in reader if row)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    finally:
        csv.field_size_limit(before)
