"""Scorer and gateway for a bench: real programs over a table compiled from policies."""

import socket
import tempfile
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from bench.processes import Cores, Running, start
from weir_cli.addresses import bound_address, listen, url
from weir_cli.local import programs
from weir_cli.local.programs import Program, StateFolder
from weir_operator.local import compile_paths
from weir_runtime.quantities import Address

_READY_SECONDS = 120.0
_BETWEEN = 0.05
# `cached` and `uncached` differ only in the prompts they are sent.
_POLICIES = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: weak}
spec: {protocol: openai, endpoint: "http://127.0.0.1:@PORT@/v1", model: mock,
       price: {input: "0.15", output: "0.60"}}
---
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: strong}
spec: {protocol: openai, endpoint: "http://127.0.0.1:@PORT@/v1", model: mock,
       price: {input: "2.50", output: "10.00"}}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: random}
spec:
  match: {models: [random]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: random}
  objective: {strongShare: 30%}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: linear}
spec:
  match: {models: [linear]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: linear}
  objective: {strongShare: 30%}
"""


@dataclass(frozen=True, slots=True)
class Weir:
    """The running programs and where the gateway listens."""

    scorer: Running
    gateway: Running
    port: int
    extproc: Address  # where it decides for an Envoy


@contextmanager
def weir(bundle: Path, upstream: int, on: Cores) -> Generator[Weir]:
    """Run both programs with everything at its default, the gateway on a core of its own."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        state = StateFolder(Path(folder))
        state.write(_table(Path(folder), upstream), b"[]")
        at, extproc, scorer_admin, gateway_admin = free(), free(), free(), free()
        scorer = _start(programs.scorer(bundle=bundle, state=state, admin=scorer_admin), on.others)
        try:
            wait_ready(scorer_admin)
            program = programs.gateway(state=state, listen=at, admin=gateway_admin)
            gateway = _start(program, on.gateway, {"WEIR_EXTPROC": str(extproc)})
            try:
                wait_ready(gateway_admin)
                yield Weir(scorer, gateway, at.port, extproc)
            finally:
                gateway.stop()
        finally:
            scorer.stop()


def _table(folder: Path, upstream: int) -> bytes:
    file = folder / "policies.yaml"
    file.write_text(_POLICIES.replace("@PORT@", str(upstream)), encoding="utf-8")
    compiled = compile_paths([file])
    if compiled.mistakes:
        raise SystemExit("\n".join(map(str, compiled.mistakes)))
    return compiled.table_json


def _start(
    program: Program, on: frozenset[int], further: Mapping[str, str] | None = None
) -> Running:
    quiet = {"WEIR_LOG_LEVEL": "error"}
    environment = {**program.environment, **quiet, **(further or {})}
    return start(["-m", program.module], on, environment)


def free() -> Address:
    """A loopback address that nobody listens on."""
    with listen(Address(host="127.0.0.1", port=0)) as found:
        return bound_address(found)


def wait_ready(admin: Address) -> None:
    """Return once the program with this admin port is ready."""
    ends = monotonic() + _READY_SECONDS
    while monotonic() < ends:
        try:
            with urllib.request.urlopen(f"{url(admin)}/readyz", timeout=2):  # noqa: S310 - our own loopback probe
                return
        except OSError:
            sleep(_BETWEEN)
    raise SystemExit(f"not ready after {_READY_SECONDS:g} s: {admin}")


def wait_open(at: Address) -> None:
    """Return once something listens there."""
    ends = monotonic() + _READY_SECONDS
    while monotonic() < ends:
        try:
            socket.create_connection((at.host, at.port), timeout=1).close()
        except OSError:
            sleep(_BETWEEN)
        else:
            return
    raise SystemExit(f"nothing listens after {_READY_SECONDS:g} s: {at}")
