"""The paths of files and batches, by method. Must not know who keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weir_gateway.http.batches import BATCHES, BatchEndpoints, Batches
from weir_gateway.http.files import FILES, FileEndpoints, Files
from weir_gateway.http.server import Handler, SubpathHandler


class Keeping(Protocol):
    """Where files and batches are kept."""

    @property
    def files(self) -> Files:
        """The files."""
        ...

    @property
    def api(self) -> Batches:
        """The batches."""
        ...


@dataclass(frozen=True, slots=True)
class KeptPaths:
    """What is served where."""

    exact: Mapping[tuple[str, str], Handler]
    below: Mapping[tuple[str, str], SubpathHandler]


def kept_paths(kept: Keeping | None, *, largest: int, within: float) -> KeptPaths:
    """The endpoints; without `kept` they say that nothing is kept.

    `largest` is the most bytes of a file; a body, or a piece of a file, may take `within` seconds.
    """
    files = FileEndpoints(kept.files if kept else None, max_file_bytes=largest, timeout=within)
    batches = BatchEndpoints(kept.api if kept else None, timeout=within)
    return KeptPaths(
        {
            ("POST", FILES): files.create,
            ("GET", FILES): files.list,
            ("POST", BATCHES): batches.create,
            ("GET", BATCHES): batches.list,
        },
        {
            ("GET", FILES): files.get,
            ("DELETE", FILES): files.delete,
            ("GET", BATCHES): batches.get,
            ("POST", BATCHES): batches.cancel,
        },
    )
