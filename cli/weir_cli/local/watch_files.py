"""Watches policy files: reports when one of them changes, appears or goes."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] # also takes trio's events, which are not installed

SUFFIXES = (".yaml", ".yml")
_RETRY = 1000  # ms: where notices get lost (network mounts, replaced folders), looking finds it
_GATHER = 200  # ms in which changes count as one: editors write a file in several steps
_STEP = 50

Fingerprint = frozenset[tuple[str, int, int, int]]


async def changes(paths: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield once for each change of the YAML files in or at `paths`, until `stop`."""
    # The folder is watched, not the file: what replaces a file has another inode.
    folders = sorted({path if path.is_dir() else path.parent for path in paths})
    last = await asyncio.to_thread(fingerprint, paths)
    async for _ in awatch(
        *folders,
        debounce=_GATHER,
        step=_STEP,
        stop_event=stop,
        rust_timeout=_RETRY,
        yield_on_timeout=True,
        recursive=False,
    ):
        current = await asyncio.to_thread(fingerprint, paths)
        if current != last:
            last = current
            yield


def fingerprint(paths: Sequence[Path]) -> Fingerprint:
    """Identifies a state of the files without reading them."""
    return frozenset(_stats(paths))


def _stats(paths: Sequence[Path]) -> Iterator[tuple[str, int, int, int]]:
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.suffix in SUFFIXES or file == path:
                try:
                    seen = file.stat()
                except OSError:  # gone between the listing and the look: another state
                    continue
                yield str(file), seen.st_ino, seen.st_mtime_ns, seen.st_size
