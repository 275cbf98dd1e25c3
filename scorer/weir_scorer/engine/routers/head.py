"""The interface of a head, the reading of its arrays, and the logistic curve of most heads."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import EngineError, Matrix

Arrays = Mapping[str, NDArray[np.generic]]
Floats = NDArray[np.float32]
Integers = NDArray[np.intp]


class BadHead(EngineError):
    """A head's arrays are missing, misshapen or not finite."""


class Head(Protocol):
    """One router's arithmetic over its trained weights."""

    @property
    def dim(self) -> int:
        """Columns it reads."""
        ...

    @property
    def profiles(self) -> int:
        """Models whose quality it predicts; 0 if it cannot."""
        ...

    def scores(self, features: Matrix) -> Floats:
        """One score per row, finite, in [0,1]."""
        ...

    def quality(self, features: Matrix) -> Matrix:
        """[rows, profiles], finite, in [0,1]."""
        ...


_CLIP = 30.0  # beyond this a sigmoid is 0 or 1 in float32 anyway


def sigmoid(logits: Floats) -> Floats:
    """The logistic curve, as float32."""
    return (1 / (1 + np.exp(-np.clip(logits, -_CLIP, _CLIP)))).astype(np.float32)


def floats(arrays: Arrays, name: str, dimensions: int) -> Floats:
    """The named array as float32. Raises BadHead where it is missing, misshapen or not finite."""
    array = _array(arrays, name)
    if array.ndim != dimensions or array.dtype.kind != "f":
        raise BadHead(f"`{name}` must be floats in {dimensions} dimensions")
    values = array.astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise BadHead(f"`{name}` holds numbers that are not finite")
    return values


def quantised(arrays: Arrays, name: str) -> Floats:
    """A table stored as signed bytes, times `<name>_scale` of each column."""
    array, scale = _array(arrays, name), floats(arrays, f"{name}_scale", 1)
    if array.ndim != 2 or array.dtype != np.int8:  # noqa: PLR2004 - rows and columns
        raise BadHead(f"`{name}` must be signed bytes in 2 dimensions")
    if array.shape[1] != scale.size:
        raise BadHead(f"`{name}` has {array.shape[1]} columns, its scale has {scale.size}")
    table: Floats = array.astype(np.float32)
    table *= scale
    return table


def integers(arrays: Arrays, name: str, most: int) -> Integers:
    """A row of whole numbers from 0 to `most`."""
    array = _array(arrays, name)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadHead(f"`{name}` must be whole numbers in 1 dimension")
    if array.size and not (int(array.min()) >= 0 and int(array.max()) <= most):
        raise BadHead(f"`{name}` must lie between 0 and {most}")
    return array.astype(np.intp)


def check_length(name: str, rows: int, other: str, wanted: int) -> None:
    """Raises BadHead unless two arrays are as long as each other."""
    if rows != wanted:
        raise BadHead(f"`{name}` has {rows} rows, `{other}` wants {wanted}")


def _array(arrays: Arrays, name: str) -> NDArray[np.generic]:
    if name not in arrays:
        raise BadHead(f"no array `{name}`; there are: {', '.join(arrays) or 'none'}")
    return arrays[name]
