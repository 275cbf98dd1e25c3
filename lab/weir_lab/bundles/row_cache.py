"""Caches the columns of prompts on disk chunk by chunk, so that an interrupted run can resume.

A chunk's file is named by a hash of its inputs: bundle, router and texts.
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
    """The rows of all `prompts`; `read` computes the chunks that `folder` lacks.

    `inputs` names everything that the rows depend on beside the texts.
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
        pass  # missing, or truncated by an interruption: compute it
    rows = read(chunk)
    # Written under another name and then moved: a run may be interrupted while it writes.
    partial = file_path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, rows)
    os.replace(partial, file_path)  # noqa: PTH105 - pathlib's replace, named by the OS call
    return rows


def _key(inputs: str, chunk: Sequence[str]) -> str:
    key = hashlib.sha256(inputs.encode())
    for text in chunk:
        key.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    return key.hexdigest()[:32]
