"""Scorer and gateway as programs to start: a module and its WEIR_* environment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class Program:
    """One program: how it is called in messages, what runs, and its settings."""

    name: str
    module: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def scorer(*, bundle: Path, listen: Address, admin: Address) -> Program:
    """The scorer over a bundle, on a unix socket or a port."""
    return Program(
        "scorer",
        "weir_scorer",
        {
            "WEIR_BUNDLE": str(bundle),
            "WEIR_LISTEN": str(listen),
            "WEIR_ADMIN": str(admin),
        },
    )


def gateway(
    *, table: Path, scorer_at: Address, listen: Address, admin: Address, worker: int = 0
) -> Program:
    """One gateway worker over a route table's file; workers share the port they listen on."""
    return Program(
        f"gateway {worker}" if worker else "gateway",
        "weir_gateway",
        {
            "WEIR_ROUTETABLE_FILE": str(table),
            "WEIR_SCORER": str(scorer_at),
            "WEIR_LISTEN": str(listen),
            "WEIR_REUSE_PORT": "1",
            "WEIR_ADMIN": str(admin),
        },
    )
