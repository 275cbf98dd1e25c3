"""Policy files compiled to a route table by the operator's planner, for commands that run it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from weir_cli.failure import Failure
from weir_operator.local import Compiled, compile_paths
from weir_runtime.quantities import Address
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder

_OPENAI = "PROTOCOL_OPENAI"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Table = Mapping[str, Any]


class PolicyMistakes(Failure):
    """The policy files have mistakes; one line for each, with file and line."""

    def __init__(self, mistakes: Sequence[object]) -> None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__(f"the policy files have {count}:\n{lines}")


@dataclass(frozen=True, slots=True)
class Policies:
    """Compiled policy files, as the gateway reads them."""

    table: bytes  # JSON
    credentials: bytes = field(repr=False)  # JSON


def compile_files(paths: Sequence[Path], bundle: Path) -> Compiled:
    """Compile for the routers that `bundle` has.

    Raises PolicyMistakes, and Failure for a bad bundle.
    """
    try:
        routers = frozenset(Folder.open(bundle).manifest.routers)
    except BundleError as broken:
        raise Failure(str(broken), hint=f"weir bundle build --out {bundle}") from broken
    compiled = compile_paths(paths, routers=routers)
    if compiled.mistakes:
        raise PolicyMistakes(compiled.mistakes)
    return compiled


def compile_policies(paths: Sequence[Path], bundle: Path) -> Policies:
    """What a local Weir runs, secrets included. Raises as `compile_files` does."""
    compiled = compile_files(paths, bundle)
    secrets = [asdict(credential) for credential in compiled.credentials]
    return Policies(compiled.table_json, json.dumps(secrets).encode())


def route_table(policies: Policies) -> dict[str, Any]:
    """The compiled table as plain JSON values."""
    return cast("dict[str, Any]", json.loads(policies.table))


def with_endpoints_at(policies: Policies, url: str) -> Policies:
    """The same policies with every backend served by the mock provider at `url`."""
    table = route_table(policies)
    for backend in table.get("backends", []):
        wire = backend.get("protocol", _OPENAI)
        backend["endpoint"] = f"{url}/v1" if wire == _OPENAI else url
    return replace(policies, table=json.dumps(table).encode())


def loopback_endpoints(policies: Policies) -> dict[Address, tuple[str, ...]]:
    """The addresses on this machine that backends are served at, with the backends' names."""
    addresses: dict[Address, tuple[str, ...]] = {}
    for name, address in _loopback_backends(route_table(policies)):
        addresses[address] = (*addresses.get(address, ()), name)
    return addresses


def _loopback_backends(table: Table) -> Iterator[tuple[str, Address]]:
    for backend in table.get("backends", []):
        url = urlsplit(str(backend.get("endpoint", "")))
        if url.hostname in _LOOPBACK:
            port = url.port or (443 if url.scheme == "https" else 80)
            yield str(backend["name"]), Address(host=str(url.hostname), port=port)
