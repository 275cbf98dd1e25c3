"""The private folder of one running Weir: its route table, keys and its scorer's socket."""

import os
from dataclasses import dataclass
from pathlib import Path

from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class State:
    """A folder that only this user may enter; it goes when Weir ends."""

    folder: Path

    @property
    def table(self) -> Path:
        """The route table that the gateways watch."""
        return self.folder / "routetable.json"

    @property
    def scorer(self) -> Address:
        """The unix socket on which the scorer serves."""
        return Address(path=self.folder / "scorer.sock")

    @property
    def credentials(self) -> Path:
        """The secrets' values that the table's backends refer to."""
        return self.folder / "credentials.json"

    def write(self, table: bytes, credentials: bytes) -> None:
        """Replace both, each at once and whole; the keys are there before who needs them."""
        _replace(self.credentials, credentials)
        _replace(self.table, table)


def _replace(path: Path, data: bytes) -> None:
    """No reader ever sees half of it; only the owner may read it."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)
