"""The columns that a bundle's linear router reads of prompts, and its head's arrays.

They are read through the serving engine, so that training and serving see the same numbers.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.errors import LabError
from weir_lab.routers.task import Columns
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import TextBlock
from weir_scorer.engine.routers import Linear

_CHUNK = 256
_BATCH = 32  # texts padded to the longest of them


class NotLinear(LabError):
    """The router is not linear: only a linear one can be the prior that labels correct."""


def read_columns(
    path: Path,
    bundle: Bundle,
    router: str,
    prompts: Sequence[str],
    advance: Callable[[int], None] = lambda _: None,
) -> Columns:
    """The standardised columns of `prompts`. Raises NotLinear, UnknownRouter, BundleError."""
    name = bundle.engines[0].resolve(router)
    folder = Folder.open(path)
    entry = folder.manifest.routers[name]
    if entry.kind != "linear" or entry.head is None:
        raise NotLinear(
            f"router {name!r} is of kind {entry.kind!r}; only a linear router can be adapted"
        )
    head = read_head(folder, entry.head)
    parts: list[Doubles] = []
    for start in range(0, len(prompts), _CHUNK):
        chunk = prompts[start : start + _CHUNK]
        parts.append(_raw(folder, bundle, entry, chunk))
        advance(len(chunk))
    width = len(head["weights"])
    raw = np.concatenate(parts) if parts else np.zeros((0, width))
    linear = Linear(head)
    return Columns(
        router=name,
        rows=linear.standardise(raw.astype(np.float32)).astype(np.float64),
        prior=linear.logits(raw.astype(np.float32)).astype(np.float64),
        widths=tuple(folder.manifest.blocks[block].dim for block in entry.blocks),
        head=head,
    )


def read_raw(path: Path, bundle: Bundle, router: str, prompts: Sequence[str]) -> Doubles:
    """The columns that a router reads of `prompts`, not standardised."""
    folder = Folder.open(path)
    return _raw(folder, bundle, folder.manifest.routers[router], prompts)


def read_head(folder: Folder, path: str) -> dict[str, NDArray[np.float32]]:
    with np.load(BytesIO(folder.read(path)), allow_pickle=False) as archive:
        return {key: np.asarray(archive[key], dtype=np.float32) for key in archive.files}


def _raw(folder: Folder, bundle: Bundle, entry: RouterEntry, prompts: Sequence[str]) -> Doubles:
    """The engine's numbers, block after block."""
    blocks = [folder.manifest.blocks[name] for name in entry.blocks]
    engine = bundle.engines[0]
    prepared = engine.prepare(prompts, entry.name)
    starts = range(0, len(prompts), _BATCH)
    columns = [
        np.stack([item.features[block.name] for item in prepared])
        if isinstance(block, TextBlock)
        else np.concatenate([engine.read(prompts[at : at + _BATCH], block) for at in starts])
        for block in blocks
    ]
    return np.concatenate(columns, axis=1).astype(np.float64)
