"""The array types that the lab's functions take and give, named by their element type."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # what heads are made of and served with
Doubles = NDArray[np.float64]  # what fits and figures are computed in
Integers = NDArray[np.intp]
Flags = NDArray[np.bool_]
Arrays = Mapping[str, NDArray[np.generic]]  # a head file's arrays by name
