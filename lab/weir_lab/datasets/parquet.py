"""pyarrow behind one typed class: the library ships no types, and its errors end here."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, cast

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
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


class ParquetRows:
    """A parquet file as it is written, some rows at a time; a context manager."""

    def __init__(self, path: Path, columns: Mapping[str, type]) -> None:
        """Columns by name, each of int, float, str or bool; any may be None in a row.

        Raises OSError.
        """
        arrow = cast("_Arrow", pa)
        types = {
            int: arrow.int64(),
            float: arrow.float64(),
            str: arrow.string(),
            bool: arrow.bool_(),
        }
        self._columns = {name: types[kind] for name, kind in columns.items()}
        self._schema = arrow.schema(list(self._columns.items()))
        self._file = cast("_Parquet", pq).ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: Sequence[Sequence[object]]) -> None:
        """Rows in the columns' order, as one row group."""
        arrow = cast("_Arrow", pa)
        values = zip(*rows, strict=True)
        arrays = [
            arrow.array(list(column), type=kind)
            for column, kind in zip(values, self._columns.values(), strict=True)
        ]
        self._file.write_table(arrow.Table.from_arrays(arrays, schema=self._schema))


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


class _Writer(Protocol):
    def write_table(self, table: object) -> None: ...
    def close(self) -> None: ...


class _Parquet(Protocol):
    def ParquetFile(self, source: Path) -> _File: ...  # noqa: N802 - pyarrow's name
    def ParquetWriter(self, where: Path, schema: object, *, compression: str) -> _Writer: ...  # noqa: N802 - pyarrow's name


class _Tables(Protocol):
    def from_arrays(self, arrays: Sequence[object], *, schema: object) -> object: ...


class _Arrow(Protocol):
    Table: _Tables

    def int64(self) -> object: ...
    def float64(self) -> object: ...
    def string(self) -> object: ...
    def bool_(self) -> object: ...
    def schema(self, fields: Sequence[tuple[str, object]]) -> object: ...
    def array(self, values: Sequence[object], *, type: object) -> object: ...  # noqa: A002 - pyarrow's name
