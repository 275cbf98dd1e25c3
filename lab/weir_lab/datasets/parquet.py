"""pyarrow behind one typed class: the library ships no types, and its errors end here."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types

from weir_lab.errors import DataError

_ROWS = 1024  # read together


class ParquetTable:
    """An open parquet file, read whole or a few rows at a time."""

    def __init__(self, path: Path) -> None:
        """Raises DataError for a file that is not parquet."""
        self._path = path
        with _mapped(path):
            self._file = cast("_Parquet", pq).ParquetFile(path)
            self.columns = tuple(self._file.schema_arrow.names)
            self.count = self._file.metadata.num_rows

    def rows(self, *columns: str) -> Iterator[tuple[object, ...]]:
        """The values of `columns`, row by row. Raises DataError where the file is damaged."""
        for values in self.batches(columns):
            yield from zip(*(values[name] for name in columns), strict=True)

    def batches(self, columns: Sequence[str]) -> Iterator[Mapping[str, Sequence[object]]]:
        """Some rows of `columns` at a time, in order. Raises DataError as `rows` does."""
        with _mapped(self._path):
            for batch in self._file.iter_batches(batch_size=_ROWS, columns=list(columns)):
                yield batch.to_pydict()


def read_columns(path: Path) -> tuple[Mapping[str, Sequence[object]], int]:
    """The columns of a parquet file and the number of rows. Raises DataError."""
    table = ParquetTable(path)
    columns: dict[str, list[object]] = {name: [] for name in table.columns}
    for values in table.batches(table.columns):
        for name, column in columns.items():
            column.extend(values[name])
    return columns, table.count


@contextmanager
def _mapped(path: Path) -> Generator[None]:
    try:
        yield
    except (ValueError, OSError, NotImplementedError) as error:  # all of pyarrow's derive from them
        raise DataError(f"{path}: not a readable parquet file: {error}") from error


class _Batch(Protocol):
    def to_pydict(self) -> Mapping[str, Sequence[object]]: ...


class _Schema(Protocol):
    names: list[str]


class _Metadata(Protocol):
    num_rows: int


class _File(Protocol):
    schema_arrow: _Schema
    metadata: _Metadata

    def iter_batches(self, *, batch_size: int, columns: list[str]) -> Iterator[_Batch]: ...


class _Parquet(Protocol):
    def ParquetFile(self, source: Path) -> _File: ...  # noqa: N802 - pyarrow's name
