"""The weights that a deployment has fitted: a folder of JSON files, read again when one changes.

In a cluster the folder is a mounted ConfigMap.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from weir_agents.scores import AgentWeights, AgentWeightsError, load_weights

_LOG = logging.getLogger(__name__)
MAX_FILES: Final = 100
MAX_BYTES: Final = 1_000_000  # of one file
CHECK: Final = 5.0  # seconds between two looks: a fit is made once a day at most

_Signature = tuple[int, int, int]  # inode, size, time of change in nanoseconds


class WeightsFolder:
    """The weights by name: `<name>.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._weights: dict[str, AgentWeights] = {}
        self._seen: dict[str, _Signature] = {}

    def get(self, name: str) -> AgentWeights | None:
        """As last read; None where there is no such file, or it was never valid."""
        return self._weights.get(name)

    async def refresh(self) -> None:
        """Read what has changed; an invalid file is logged, and its weights stay as they were."""
        found = await asyncio.to_thread(self._read_changed)
        for name, read in found.items():
            if isinstance(read, AgentWeights):
                self._weights[name] = read
                _LOG.info("read agents' weights %s for %s", name, read.harness)
            else:
                _LOG.error("can't read agents' weights %s: %s", name, read)

    async def follow(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(CHECK)
            await self.refresh()

    def _read_changed(self) -> dict[str, AgentWeights | str]:
        changed: dict[str, AgentWeights | str] = {}
        for path in sorted(self._folder.glob("*.json"))[:MAX_FILES]:
            try:
                stat = path.stat()
                signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                if self._seen.get(path.stem) == signature:
                    continue
                self._seen[path.stem] = signature
                changed[path.stem] = _read(path, stat.st_size)
            except (OSError, ValueError) as error:
                changed[path.stem] = str(error)
        return changed


def _read(path: Path, size: int) -> AgentWeights | str:
    if size > MAX_BYTES:
        return f"it has {size} bytes, and at most {MAX_BYTES} are read"
    try:
        return load_weights(path.read_text(encoding="utf-8"))
    except AgentWeightsError as error:
        return str(error)
