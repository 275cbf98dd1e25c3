"""The parts of the cluster bench: gateways as processes, and one client that times what is told.

Everything is timed from outside: requests to the API server, its watch, and the operator's metrics.
"""

import asyncio
import contextlib
import json
import os
import re
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import aiohttp

from bench.processes import Running, spawn
from support.cluster.operators import OperatorProcess, Site, condition_of
from support.cluster.programs import free_ports

Wire = Mapping[str, object]
PLURALS = {"RoutePolicy": "routepolicies", "ModelBackend": "modelbackends"}
POLL_SECONDS = 0.005  # what is polled is seen at most this much late
WITHIN = 300.0  # a busy machine may be slow; what is measured is not how patient the bench is
AT_ONCE = 8
# The operator as image and chart start it: the tests' site has it look at everything more often.
AS_SHIPPED = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "WEIR_OPERATOR_LEASE_DURATION": "15s",
    "WEIR_OPERATOR_SECRETS_EVERY": "15s",
    "WEIR_OPERATOR_RESYNC_EVERY": "30s",
    "WEIR_OPERATOR_USAGE_EVERY": "30s",
}


@contextlib.asynccontextmanager
async def gateways(here: Site, port: int, count: int) -> AsyncGenerator[list[Running]]:
    """`count` gateways that follow the operator at `port`, as programs of their own."""
    started = [await asyncio.to_thread(_gateway, here, port, number) for number in range(count)]
    try:
        yield started
    finally:
        for each in started:
            await asyncio.to_thread(each.stop)


def _gateway(here: Site, port: int, number: int) -> Running:
    serve, admin = free_ports(2)
    folder = here.folder / f"gateway-{number}"
    folder.mkdir(exist_ok=True)
    environment = {
        "WEIR_LISTEN": f"127.0.0.1:{serve}",
        "WEIR_ADMIN": f"127.0.0.1:{admin}",
        "WEIR_OPERATOR": f"localhost:{port}",
        "WEIR_OPERATOR_CA": str(here.folder / "tls.crt"),
        "WEIR_OPERATOR_TOKEN": str(here.folder / "token"),
        "WEIR_GATEWAY_NAME": f"gateway-{number}",
        "WEIR_ROUTETABLE_FILE": str(folder / "none.json"),
        "WEIR_ROUTETABLE_KEEP": str(folder / "keep"),
        "WEIR_SCORER": f"unix://{folder}/none.sock",  # a table without probes asks no scorer
        "WEIR_LOG_LEVEL": "error",
    }
    program = [sys.executable, "-m", "weir_gateway"]
    return spawn(program, frozenset(os.sched_getaffinity(0)), environment)


@dataclass
class Client:
    """The administrator, over connections that stay open, and the operator's own metrics."""

    here: Site
    session: aiohttp.ClientSession
    tls: ssl.SSLContext
    _statuses: "asyncio.Queue[tuple[float, Wire]]" = field(
        default_factory=asyncio.Queue[tuple[float, Wire]]
    )

    @property
    def _root(self) -> str:
        return f"{self.here.plane.url}/apis/weir.dev/v1alpha1/namespaces/{self.here.namespace}"

    async def ask(
        self, method: str, path: str, body: Wire | None = None, kind: str = "application/json"
    ) -> Wire:
        """One request; fails with what the API server says."""
        headers = {"Authorization": f"Bearer {self.here.plane.token}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._root}/{path}"
        async with self.session.request(
            method, url, data=data, headers=headers, ssl=self.tls
        ) as reply:
            found = cast("Wire", await reply.json())
            assert reply.status < 300, found  # noqa: S101 - a bench of a broken cluster ends
            return found

    async def create(self, documents: Sequence[Wire]) -> None:
        """Create them all, some at once."""
        waiting = list(reversed(documents))

        async def worker() -> None:
            while waiting:
                document = waiting.pop()
                metadata = {**cast("Wire", document["metadata"]), "namespace": self.here.namespace}
                plural = PLURALS[str(document["kind"])]
                await self.ask("POST", plural, {**document, "metadata": metadata})

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(worker())

    async def change(self, name: str, spec: Wire) -> int:
        """Merge into a policy's spec; the new generation."""
        path = f"routepolicies/{name}"
        found = await self.ask("PATCH", path, {"spec": spec}, "application/merge-patch+json")
        return int(cast("int", cast("Wire", found["metadata"])["generation"]))

    @contextlib.asynccontextmanager
    async def watching(self, name: str) -> AsyncGenerator[None]:
        """Note every status of one policy, with the time at which the watch told it."""
        watch = asyncio.create_task(self._watch(name), name="bench-watch")
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self, name: str) -> None:
        url = f"{self._root}/routepolicies?watch=1&fieldSelector=metadata.name={name}"
        headers = {"Authorization": f"Bearer {self.here.plane.token}"}
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(url, headers=headers, ssl=self.tls, timeout=timeout) as reply:
            async for line in reply.content:
                self._statuses.put_nowait((time.perf_counter(), json.loads(line)["object"]))

    async def programmed(self, generation: int) -> float:
        """When the watched policy's status said that all gateways run this generation."""
        async with asyncio.timeout(WITHIN):
            while True:
                at, policy = await self._statuses.get()
                told = condition_of(policy, "Programmed")
                if told.get("status") == "True" and told["observedGeneration"] == generation:
                    return at

    async def metrics(self, operator: OperatorProcess) -> Mapping[str, float]:
        """The operator's figures, by name and labels."""
        try:
            async with self.session.get(f"http://127.0.0.1:{operator.admin}/metrics") as reply:
                text = await reply.text()
        except aiohttp.ClientConnectionError:  # it has only just been started
            return {}
        lines = re.findall(r"^([a-z_]+(?:\{.*\})?) ([0-9.eE+-]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    async def shows(self, programmed: str, name: str) -> None:
        """Wait until a policy's status counts so many gateways, "5/5" say."""
        async with asyncio.timeout(WITHIN):
            while True:
                found = await self.ask("GET", f"routepolicies/{name}")
                if cast("Wire", found.get("status", {})).get("programmed") == programmed:
                    return
                await asyncio.sleep(10 * POLL_SECONDS)

    async def reaches(self, operator: OperatorProcess, figure: str, value: float) -> float:
        """When one of the operator's figures was `value` or more."""
        until = time.perf_counter() + WITHIN
        while (found := await self.metrics(operator)).get(figure, 0) < value:
            if time.perf_counter() > until:
                raise TimeoutError(f"{figure} never was {value}: {found}")
            await asyncio.sleep(POLL_SECONDS)
        return time.perf_counter()


@contextlib.asynccontextmanager
async def client(here: Site) -> AsyncGenerator[Client]:
    """The administrator's client."""
    tls = ssl.create_default_context(cadata=here.plane.ca)
    async with aiohttp.ClientSession() as session:
        yield Client(here, session, tls)


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory now and at its highest; MB (10**6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(kib["VmRSS"]) * 1024 / 1e6, int(kib["VmHWM"]) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, its threads' included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
