"""pyarrow behind one typed class: the library ships no types, and its errors end here."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types

from weir_cli.failure import Failure

_ROWS = 1024  # read together


class Table:
    """An open parquet file, read a few rows at a time."""

    def __init__(self, path: Path) -> None:
        """Raises Failure for a file that is not parquet."""
        try:
            self._file = cast("_Parquet", pq).ParquetFile(path)
        except (OSError, ValueError) as error:  # all of pyarrow's derive from them
            raise Failure(f"{path}: not a readable parquet file: {error}") from error
        self.columns = tuple(self._file.schema_arrow.names)
        self.count = self._file.metadata.num_rows

    def rows(self, *columns: str) -> Iterator[tuple[object, ...]]:
        """The values of `columns`, row by row."""
        for batch in self._file.iter_batches(batch_size=_ROWS, columns=list(columns)):
            values = batch.to_pydict()
            yield from zip(*(values[name] for name in columns), strict=True)


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
