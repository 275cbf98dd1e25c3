"""Policy files compiled to a route table by the operator's planner, for commands that run it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from weir.policies import proofs_of
from weir_cli.catalogs import current_catalog
from weir_cli.failure import Failure
from weir_operator.local import Compiled, compile_paths
from weir_operator.plan.promises import Proofs
from weir_policy.spec.backend import ModelBackendSpec, Protocol
from weir_policy.table import PolicyEntry, Table, encode
from weir_runtime.quantities import Address
from weir_scorer.bundle.calibration import BadCalibration, parse_calibration
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder
from weir_wires.registry import WIRES

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class PolicyMistakes(Failure):
    """The policy files have mistakes; one line for each, with file and line."""

    def __init__(self, mistakes: Sequence[object]) -> None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__(f"the policy files have {count}:\n{lines}")


@dataclass(frozen=True, slots=True)
class Policies:
    """Compiled policy files, as a local gateway runs them."""

    table: Table
    credentials: bytes = field(repr=False)  # JSON
    warnings: tuple[str, ...] = ()

    @property
    def table_json(self) -> bytes:
        """The table as the gateway reads it from a file."""
        return encode(self.table) + b"\n"


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What policies may refer to in a bundle."""

    routers: frozenset[str]
    proofs: Proofs


def bundle_facts(bundle: Path) -> BundleFacts:
    """The routers of a bundle and what it certifies. Raises Failure for a bad one."""
    try:
        folder = Folder.open(bundle)
        manifest = folder.manifest
        calibrations = parse_calibration(folder.read(manifest.calibration))
    except (BundleError, BadCalibration) as broken:
        raise Failure(str(broken), hint=f"weir bundle build --out {bundle}") from broken
    proofs = proofs_of(calibrations, manifest.default_router)
    return BundleFacts(frozenset(manifest.routers), proofs)


def compile_for(paths: Sequence[Path], bundle: Path | None) -> Compiled:
    """Compile for a bundle, mistakes included; None: for any. Raises Failure."""
    catalog = current_catalog()
    if bundle is None:
        return compile_paths(paths, catalog=catalog)
    facts = bundle_facts(bundle)
    return compile_paths(paths, routers=facts.routers, proofs=facts.proofs, catalog=catalog)


def compile_files(paths: Sequence[Path], bundle: Path) -> Compiled:
    """Compile for the routers that `bundle` has.

    Raises PolicyMistakes, and Failure for a bad bundle.
    """
    compiled = compile_for(paths, bundle)
    if compiled.mistakes:
        raise PolicyMistakes(compiled.mistakes)
    return compiled


def compile_policies(paths: Sequence[Path], bundle: Path) -> Policies:
    """What a local Weir runs, secrets included. Raises as `compile_files` does."""
    compiled = compile_files(paths, bundle)
    secrets = [asdict(credential) for credential in compiled.credentials]
    return Policies(
        compiled.table, json.dumps(secrets).encode(), tuple(map(str, compiled.warnings))
    )


def named_policies(table: Table, name: str | None) -> tuple[PolicyEntry, ...]:
    """The policies called `name`, with or without the namespace; all where it is None."""
    return tuple(
        entry
        for entry in table.policies
        if name is None or name in {entry.id, entry.id.partition("/")[2]}
    )


def with_endpoints_at(policies: Policies, url: str) -> Policies:
    """The same policies with every backend served by the mock provider at `url`."""
    backends = tuple(
        replace(entry, spec=_served_at(url, entry.spec)) for entry in policies.table.backends
    )
    return replace(policies, table=replace(policies.table, backends=backends))


def _served_at(url: str, spec: ModelBackendSpec) -> ModelBackendSpec:
    """A cloud's platform becomes a plain provider, and its identity is not asked for."""
    if spec.protocol in WIRES.platforms:
        spec = replace(spec, protocol=Protocol.OPENAI, wires=(), query=(), headers=())
    if spec.auth is not None and spec.auth.cloud is not None:
        spec = replace(spec, auth=None)
    endpoint = url if WIRES.usual(spec.protocol).version_path else f"{url}/v1"
    return replace(spec, endpoint=endpoint, endpoints=())


def loopback_endpoints(policies: Policies) -> dict[Address, tuple[str, ...]]:
    """The addresses on this machine that backends are served at, with the backends' names."""
    addresses: dict[Address, tuple[str, ...]] = {}
    for name, address in _loopback_backends(policies.table):
        addresses[address] = (*addresses.get(address, ()), name)
    return addresses


def _loopback_backends(table: Table) -> Iterator[tuple[str, Address]]:
    for entry in table.backends:
        url = urlsplit(entry.spec.endpoint)
        if url.hostname in _LOOPBACK:
            port = url.port or (443 if url.scheme == "https" else 80)
            yield entry.name, Address(host=str(url.hostname), port=port)
