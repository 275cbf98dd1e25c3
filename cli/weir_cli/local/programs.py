"""The programs of a local Weir: module, arguments and WEIR_* settings; the folder they share."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its name in messages, the module to run, and its settings."""

    name: str
    module: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()
    quiet: bool = False  # discard standard output


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The private folder of one running Weir; deleted when Weir ends."""

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
        """Replace both files atomically, credentials first: the table refers to them."""
        _replace(self.credentials, credentials)
        _replace(self.table, table)


def scorer(*, bundle: Path, state: StateFolder, admin: Address) -> Program:
    """The scorer over a bundle, on the unix socket in `state`."""
    return Program(
        "scorer",
        "weir_scorer",
        {
            "WEIR_SCORER_BUNDLE": str(bundle),
            "WEIR_SCORER_LISTEN": str(state.scorer),
            "WEIR_SCORER_ADMIN": str(admin),
        },
    )


def gateway(*, state: StateFolder, listen: Address, admin: Address, worker: int = 0) -> Program:
    """One gateway worker over the files in `state`; workers share the port they listen on."""
    return Program(
        f"gateway {worker}" if worker else "gateway",
        "weir_gateway",
        {
            "WEIR_ROUTETABLE_FILE": str(state.table),
            "WEIR_CREDENTIALS_FILE": str(state.credentials),
            "WEIR_SCORER": str(state.scorer),
            "WEIR_LISTEN": str(listen),
            "WEIR_REUSE_PORT": "1",
            "WEIR_ADMIN": str(admin),
        },
    )


def mock_provider(at: Address, options: Sequence[str] = ()) -> Program:
    """`weir stand-in` at `at`, with further options of its command line."""
    arguments = ("stand-in", "--listen", str(at), *options)
    return Program("stand-in", "weir_cli", arguments=arguments, quiet=True)


def _replace(path: Path, data: bytes) -> None:
    """Write atomically, readable by the owner alone."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)
