"""The paths of files and batches, by method. Must not know who keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weir_gateway.http.batches import BATCHES, BatchEndpoints, Batches
from weir_gateway.http.files import FILES, FileEndpoints, Files
from weir_gateway.http.server import ByName, Endpoint


class Keeping(Protocol):
    """Where files and batches are kept."""

    @property
    def shelf(self) -> Files:
        """The files."""
        ...

    @property
    def desk(self) -> Batches:
        """The batches."""
        ...


@dataclass(frozen=True, slots=True)
class KeptPaths:
    """What is served where."""

    exact: Mapping[tuple[str, str], Endpoint]
    below: Mapping[tuple[str, str], ByName]


def kept_paths(kept: Keeping | None, *, largest: int, within: float) -> KeptPaths:
    """The endpoints; without `kept` they say that nothing is kept.

    `largest` is the most bytes of a file; a body, or a piece of a file, may take `within` seconds.
    """
    files = FileEndpoints(kept.shelf if kept else None, largest=largest, within=within)
    batches = BatchEndpoints(kept.desk if kept else None, within=within)
    return KeptPaths(
        {
            ("POST", FILES): files.create,
            ("GET", FILES): files.list,
            ("POST", BATCHES): batches.create,
            ("GET", BATCHES): batches.list,
        },
        {
            ("GET", FILES): files.one,
            ("DELETE", FILES): files.delete,
            ("GET", BATCHES): batches.one,
            ("POST", BATCHES): batches.cancel,
        },
    )
