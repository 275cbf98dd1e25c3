"""pyarrow behind one typed function: the library ships no types, and its errors end here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types

from weir_lab.errors import DataError


class _Column(Protocol):
    def to_pylist(self) -> list[object]: ...


class _Read(Protocol):
    column_names: list[str]
    num_rows: int

    def column(self, name: str) -> _Column: ...


class _Parquet(Protocol):
    def read_table(self, source: Path) -> _Read: ...


def read_columns(path: Path) -> tuple[Mapping[str, Sequence[object]], int]:
    """The columns of a parquet file and the number of rows. Raises DataError."""
    try:
        read = cast("_Parquet", pq).read_table(path)
        columns = {name: read.column(name).to_pylist() for name in read.column_names}
    except (ValueError, OSError, NotImplementedError) as error:  # all of pyarrow's derive from them
        raise DataError(f"{path}: not a readable parquet file: {error}") from error
    return columns, read.num_rows
