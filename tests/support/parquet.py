"""Writing parquet files in tests; pyarrow ships no types, so it is wrapped once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types


class _Tables(Protocol):
    def from_pylist(self, rows: list[Mapping[str, object]]) -> object: ...


class _Arrow(Protocol):
    Table: _Tables


class _Parquet(Protocol):
    def write_table(self, table: object, where: Path) -> None: ...


def write_parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """One row group; columns and their types are taken from the rows."""
    table = cast("_Arrow", pa).Table.from_pylist(list(rows))
    cast("_Parquet", pq).write_table(table, path)
    return path
