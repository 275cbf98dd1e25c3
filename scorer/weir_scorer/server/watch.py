"""Noticing that another bundle lies where the bundle was: a link moved, a folder or file replaced.

Looks at names, sizes and times, never at contents: whoever opens the bundle verifies it.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

Look = frozenset[tuple[str, int, int, int]]  # path, inode, size, time of change in ns


async def watch(path: Path, every: float, seen: Look, changed: Callable[[], None]) -> None:
    """Call `changed` whenever what lies at `path` is not as `seen` and then kept still for a look.

    `every` is the seconds between looks.
    """
    last = previous = seen
    while True:
        await asyncio.sleep(every)
        now = await asyncio.to_thread(look, path)
        if now not in {last, frozenset()} and now == previous:
            last = now
            changed()
        previous = now


def look(path: Path) -> Look:
    """What lies at `path` now, links followed; empty when nothing does. Blocking."""
    try:
        root = path.resolve(strict=True)
        files = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
        stats = [(str(file), file.stat()) for file in files]
    except OSError:  # it is being replaced at this moment
        return frozenset()
    return frozenset(
        (name, stat.st_ino, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns))
        for name, stat in stats
    )
