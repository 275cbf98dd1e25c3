"""How fast a policy reaches the gateways on a real API server: `make bench-cluster`.

Starts etcd and kube-apiserver, the operator with the chart's rights, and five gateways. First 100
changes of one policy, one after another; then 1,000 policies and 2,000 backends: a cold start of
the operator, and changes at that size. Prints a table and writes bench/out/cluster.json.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.cluster_report import Change, Changes, ColdStart, print_report
from bench.control import AS_SHIPPED, Client, client, cpu_seconds, gateways, memory_mb
from bench.plan import documents
from support.cluster.binaries import CLUSTER, BinariesMissingError, find
from support.cluster.control_plane import ControlPlane, control_plane
from support.cluster.operators import OperatorProcess, Site, define, site
from support.cluster.programs import free_ports
from support.resources import backend, policy

OUT = Path(__file__).parent / "out" / "cluster.json"
ACKS = 'weir_operator_reports_total{verdict="ack"}'
COMPILE = "weir_operator_compile_duration_seconds"
GATEWAYS = 5


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    changes: int
    policies: int
    backends: int
    changes_at_size: int


@dataclass(frozen=True, slots=True)
class Bench:
    """One namespace with its operator and gateways."""

    client: Client
    operator: OperatorProcess

    async def acknowledged(self, count: int) -> float:
        """When the operator had `count` acknowledgements in all."""
        return await self.client.reaches(self.operator, ACKS, count)

    async def change(self, name: str, number: int) -> Change:
        """Change a policy that all gateways run, and wait until they run the change."""
        known = int((await self.client.metrics(self.operator)).get(ACKS, 0))
        began = time.perf_counter()
        spec = {"objective": {"strongShare": f"{number % 50 + 20}%", "threshold": None}}
        generation = await self.client.change(name, spec)
        sent = time.perf_counter()
        told = asyncio.create_task(self.client.programmed(generation), name="bench-told")
        first = await self.acknowledged(known + 1)
        last = await self.acknowledged(known + GATEWAYS)
        return Change(sent - began, first - began, last - began, await told - began)

    async def changes(self, name: str, count: int) -> Changes:
        """Many, one after another."""
        pid = self.operator.process.pid
        async with self.client.watching(name):
            await self.change(name, -1)  # warms up and does not count
            before, cpu = await self.client.metrics(self.operator), cpu_seconds(pid)
            each = [await self.change(name, number) for number in range(count)]
            after = await self.client.metrics(self.operator)
        compiled = _since(before, after, f"{COMPILE}_sum") / _since(
            before, after, f"{COMPILE}_count"
        )
        writes = _since(before, after, "weir_operator_writes_total")
        used = cpu_seconds(pid) - cpu
        return Changes(tuple(each), compiled, used / count, writes / count, *memory_mb(pid))


def _since(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    """How much a counter has grown, over all its labels."""
    return sum(
        value - before.get(key, 0) for key, value in after.items() if key.split("{")[0] == name
    )


async def small(plane: ControlPlane, folder: Path, size: Size) -> Changes:
    """One policy over two backends."""
    async with _placed(plane, folder) as (here, asks):
        operator = here.start(0, 0, **AS_SHIPPED)
        async with gateways(here, operator.port, GATEWAYS):
            bench = Bench(asks, operator)
            await asks.create([backend("weak"), backend("strong"), policy()])
            await here.until("chat", "Programmed", status="True")
            await asks.shows(f"{GATEWAYS}/{GATEWAYS}", "chat")
            return await bench.changes("chat", size.changes)


async def large(plane: ControlPlane, folder: Path, size: Size) -> tuple[ColdStart, Changes]:
    """Everything is there before the operator and the gateways start."""
    async with _placed(plane, folder) as (here, asks):
        made = documents(size.policies, size.backends)
        await asks.create(made)
        (port,) = free_ports(1)
        async with gateways(here, port, GATEWAYS):
            began = time.perf_counter()
            operator = here.start(0, port, **AS_SHIPPED)
            pid = operator.process.pid
            bench = Bench(asks, operator)
            first = await bench.acknowledged(1) - began
            last = await bench.acknowledged(GATEWAYS) - began
            cpu, programmed_mb = cpu_seconds(pid), memory_mb(pid)[0]
            compiled = (await asks.metrics(operator))[f"{COMPILE}_sum"]
            written = await asks.reaches(
                operator, 'weir_operator_writes_total{outcome="done",what="status"}', len(made)
            )
            memory = memory_mb(pid)
            cold = ColdStart(first, last, written - began, cpu, compiled, programmed_mb, *memory)
            await asks.shows(f"{GATEWAYS}/{GATEWAYS}", "p0")
            return cold, await bench.changes("p0", size.changes_at_size)


@asynccontextmanager
async def _placed(plane: ControlPlane, folder: Path) -> AsyncGenerator[tuple[Site, Client]]:
    async with site(plane, folder) as here, client(here) as asks:
        try:
            yield here, asks
        except Exception:
            print(here.logs[-4000:], file=sys.stderr)
            raise


async def measured(size: Size) -> tuple[Changes, ColdStart, Changes]:
    """All of it, on one control plane."""
    binaries = find(os.environ, CLUSTER, lambda line: print(line, file=sys.stderr))
    with control_plane(binaries) as plane, tempfile.TemporaryDirectory() as name:
        define(plane)
        folders = [Path(name, part) for part in ("small", "large")]
        for folder in folders:
            folder.mkdir()
        one = await small(plane, folders[0], size)
        return (one, *await large(plane, folders[1], size))


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--backends", type=int, default=2000)
    parser.add_argument("--changes-at-size", type=int, default=30)
    arguments = parser.parse_args()
    size = Size(**vars(arguments))
    try:
        one, cold, many = asyncio.run(measured(size))
    except BinariesMissingError as error:
        sys.exit(str(error))
    print_report(one, cold, many, f"{size.policies} policies, {size.backends} backends")
    OUT.parent.mkdir(exist_ok=True)
    told = {"one_policy": asdict(one), "cold_start": asdict(cold), "at_size": asdict(many)}
    OUT.write_text(json.dumps({"size": asdict(size), **told}, indent=2))


if __name__ == "__main__":
    main()
