"""Arrays of a head file, checked as they are read, and the curve that ends most heads."""

import numpy as np

from weir_scorer.engine.heads.ports import Arrays, BadHead, Floats

_CLIP = 30.0  # beyond this a sigmoid is 0 or 1 in float32 anyway


def sigmoid(logits: Floats) -> Floats:
    """The logistic curve, as float32."""
    return (1 / (1 + np.exp(-np.clip(logits, -_CLIP, _CLIP)))).astype(np.float32)


def floats(arrays: Arrays, name: str, dimensions: int) -> Floats:
    """The named array as float32. Raises BadHead where it is missing, misshapen or not finite."""
    if name not in arrays:
        raise BadHead(f"no array `{name}`; there are: {', '.join(arrays) or 'none'}")
    array = arrays[name]
    if array.ndim != dimensions or array.dtype.kind != "f":
        raise BadHead(f"`{name}` must be floats in {dimensions} dimensions")
    values = array.astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise BadHead(f"`{name}` holds numbers that are not finite")
    return values
