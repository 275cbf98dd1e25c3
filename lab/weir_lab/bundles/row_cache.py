"""Columns of prompts kept on disk as they are computed, so that an interrupted run goes on.

A chunk is kept under a hash of what it was computed from: bundle, router and texts. Must not know
what the columns are for.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Read = Callable[[Sequence[str]], Rows]

CHUNK = 256  # prompts


def read_cached(
    folder: Path,
    inputs: str,
    prompts: Sequence[str],
    read: Read,
    advance: Callable[[int], None] = lambda _: None,
) -> Rows:
    """`read`'s rows for all `prompts`, chunk by chunk; a chunk that is in `folder` is not read.

    `made_of` names everything beside the texts that the rows depend on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Rows] = []
    for start in range(0, len(prompts), CHUNK):
        chunk = prompts[start : start + CHUNK]
        parts.append(_chunk(folder / f"{_key(inputs, chunk)}.npy", chunk, read))
        advance(len(chunk))
    return np.concatenate(parts)


def _chunk(file_path: Path, chunk: Sequence[str], read: Read) -> Rows:
    try:
        rows = np.load(file_path, allow_pickle=False)
        if len(rows) == len(chunk):
            return np.asarray(rows, dtype=np.float32)
    except (OSError, ValueError, EOFError):
        pass  # not there, or cut short by an interruption: computed again
    rows = read(chunk)
    # Written beside its place and moved there, for a run may be interrupted while it writes.
    beside = file_path.with_suffix(".part")
    with beside.open("wb") as file:
        np.save(file, rows)
    os.replace(beside, file_path)  # noqa: PTH105 - pathlib's replace, named by the OS call
    return rows


def _key(made_of: str, chunk: Sequence[str]) -> str:
    key = hashlib.sha256(made_of.encode())
    for text in chunk:
        key.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    return key.hexdigest()[:32]
