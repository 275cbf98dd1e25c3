"""Scorer and gateway as programs to start: a module and its WEIR_* environment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weir_cli.local.state import State
from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class Program:
    """One program: how it is called in messages, what runs, and its settings."""

    name: str
    module: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()
    quiet: bool = False  # what it says on standard output is of no interest


def scorer(*, bundle: Path, state: State, admin: Address) -> Program:
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


def gateway(*, state: State, listen: Address, admin: Address, worker: int = 0) -> Program:
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


def stand_in(at: Address) -> Program:
    """The stand-in, under the two names of the quickstart."""
    arguments = ("stand-in", "--listen", str(at), "--models", "small,large")
    return Program("stand-in", "weir_cli", arguments=arguments, quiet=True)
