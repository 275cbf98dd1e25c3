"""The plain functions: one decider per policies and bundle, opened at the first call and kept.

A changed policy file is seen by its time and size; the decider that opens for it starts anew.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from weir.decider import Decider
from weir.decision import Decision
from weir.policies import PolicySource
from weir.read_request import Messages

MAX_DECIDERS: Final = 8  # each has a bundle in memory: 50 to 150 MB

Key = tuple[object, ...]


class SharedDeciders:
    """Opened deciders; the oldest is forgotten when there are too many, and ends when unused."""

    def __init__(self, limit: int = MAX_DECIDERS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._opened: OrderedDict[Key, Decider] = OrderedDict()

    def get(self, policies: PolicySource, bundle: str | os.PathLike[str] | None) -> Decider:
        """The decider for these; opens it where there is none. Raises NoBundle, PolicyMistakes."""
        # A forked process must not use its parent's threads.
        key = (os.getpid(), None if bundle is None else str(bundle), *_identities(policies))
        decider = self._opened.get(key)
        if decider is not None:
            return decider
        with self._lock:
            if key not in self._opened:
                self._opened[key] = Decider.open(policies, bundle=bundle)
            decider = self._opened[key]
            if len(self._opened) > self._limit:
                self._opened.popitem(last=False)
        return decider

    async def get_async(
        self, policies: PolicySource, bundle: str | os.PathLike[str] | None
    ) -> Decider:
        """As `get`, without blocking the event loop."""
        return await asyncio.to_thread(self.get, policies, bundle)


SHARED: Final = SharedDeciders()


def decide(
    messages: Messages,
    policy: PolicySource,
    *,
    bundle: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Decision:
    """Decide which model answers `messages`, by a decider that is opened once and kept.

    `options` are those of `Decider.decide`. Raises what `Decider.open` and `Decider.decide` raise.
    """
    return SHARED.get(policy, bundle).decide(messages, **options)


async def adecide(
    messages: Messages,
    policy: PolicySource,
    *,
    bundle: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Decision:
    """As `decide`, without blocking the event loop."""
    decider = await SHARED.get_async(policy, bundle)
    return await decider.adecide(messages, **options)


def _identities(policies: PolicySource) -> Iterator[object]:
    """What tells these policies from others, and a changed file from what it was."""
    if isinstance(policies, str | os.PathLike):
        yield from _files(Path(policies))
    elif isinstance(policies, Mapping):
        yield msgspec.json.encode(policies)
    else:
        for one in cast("Sequence[PolicySource]", policies):
            yield from _identities(one)


def _files(path: Path) -> Iterator[object]:
    yield str(path.absolute())
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            status = file.stat()
            yield file.name, status.st_mtime_ns, status.st_size
    except OSError:
        return  # opening it says what is wrong
