"""Reads a table's columns as typed values; an error names the first invalid cell."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets.tables import Table
from weir_lab.errors import DataError

_SHOWN = 60  # characters of an offending value that a message repeats


def require(table: Table, names: Sequence[str], form: str) -> None:
    """Raises DataError naming the columns that are missing and those that are there."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(
            f"{table.path}: column {', '.join(map(repr, missing))} is missing; {form} "
            f"need {', '.join(names)}; the file has {', '.join(map(str, table.columns)) or 'none'}"
        )


def texts(table: Table, name: str) -> tuple[str, ...]:
    """Strings, none of them blank."""
    column = table.columns[name]
    for index, value in enumerate(column):
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{table.at(index, name)}: {_show(value)} is not a text")
    return tuple(str(value) for value in column)


def labels(table: Table, name: str, default: str) -> tuple[str, ...]:
    """Short names; a missing column or cell takes the default, a number its decimal form."""
    column = table.columns.get(name)
    if column is None:
        return (default,) * len(table)
    return tuple(default if value is None else str(value) for value in column)


def unit_interval(table: Table, name: str) -> NDArray[np.float64]:
    """Numbers in [0, 1]; none missing, none NaN."""
    values = _numbers(table, name, may_miss=False)
    for index in np.flatnonzero(~((values >= 0) & (values <= 1))):
        value = table.columns[name][int(index)]
        raise DataError(f"{table.at(int(index), name)}: {_show(value)} is outside [0, 1]")
    return values


def amounts(table: Table, name: str) -> NDArray[np.float64]:
    """Numbers from 0 up; NaN where the column or the cell is missing."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    values = _numbers(table, name, may_miss=True)
    for index in np.flatnonzero(values < 0):
        value = table.columns[name][int(index)]
        raise DataError(f"{table.at(int(index), name)}: {_show(value)} is below 0")
    return values


def flags(table: Table, name: str) -> NDArray[np.bool_]:
    """True where the cell is true; a missing column is false throughout."""
    column = table.columns.get(name)
    if column is None:
        return np.zeros(len(table), dtype=np.bool_)
    return np.array([value in (True, 1, "true", "True", "1") for value in column], dtype=np.bool_)


def _numbers(table: Table, name: str, *, may_miss: bool) -> NDArray[np.float64]:
    values = np.empty(len(table), dtype=np.float64)
    for index, value in enumerate(table.columns[name]):
        number = _number(value)
        if number is None and not (may_miss and value is None):
            raise DataError(f"{table.at(index, name)}: {_show(value)} is not a number")
        values[index] = math.nan if number is None else number
    return values


def _number(value: object) -> float | None:
    """The number a cell holds; None where it holds none, or no finite one."""
    if isinstance(value, str | int | float):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None
    return None


def _show(value: object) -> str:
    if value is None:
        return "an empty cell"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
