"""weir-operator as a subprocess against a test cluster, and gateways that follow its stream."""

import queue
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from support.cluster.programs import free_ports
from weir_policy.table import PolicyEntry, decode
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage, Report, RouteTable

DEADLINE_S = 30.0


def until(holds: Callable[[], bool], what: str, within: float = DEADLINE_S) -> None:
    """Ask again and again; fails with `what` when it does not come to hold."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


@dataclass
class RunningOperator:
    """The program while it runs."""

    process: subprocess.Popen[bytes]
    stream: str  # host:port
    admin: str
    log: Path

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def metrics(self) -> str:
        """The Prometheus text."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=5) as reply:
            return str(reply.read().decode())

    def resident_mb(self) -> float:
        """Memory in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1000


@contextmanager
def operator(
    folder: Path, environ: Mapping[str, str], **settings: str
) -> Generator[RunningOperator]:
    """Run it until the block is left; `settings` are WEIR_* variables."""
    stream, admin = free_ports(2)
    log = folder / f"operator-{stream}.log"
    variables = {
        **environ,
        "WEIR_OPERATOR_LISTEN": f"127.0.0.1:{stream}",
        "WEIR_ADMIN": f"127.0.0.1:{admin}",
        **settings,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "weir_operator"], env=variables, stdout=out, stderr=out
        )
    running = RunningOperator(process, f"127.0.0.1:{stream}", f"127.0.0.1:{admin}", log)
    try:
        until(lambda: running.ready() or process.poll() is not None, "ready")
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(10)


@dataclass
class FollowingGateway:
    """A gateway that takes every table, or refuses those that `refuse` names a reason for."""

    name: str
    refuse: Callable[[RouteTable], str] = lambda _: ""
    tables: list[tuple[float, RouteTable]] = field(default_factory=list[tuple[float, RouteTable]])
    error: grpc.StatusCode | None = None
    _reports: "queue.Queue[Report | None]" = field(default_factory=queue.Queue[Report | None])

    @property
    def table(self) -> RouteTable | None:
        """The newest one."""
        return self.tables[-1][1] if self.tables else None

    def served(self) -> list[PolicyEntry]:
        """The newest table's policies."""
        return list(decode(self.table.table).policies) if self.table else []

    def policies(self) -> list[str]:
        """Their ids."""
        return [policy.id for policy in self.served()]

    def report(self, *usage: PolicyUsage) -> None:
        """Report usage."""
        version = self.table.version if self.table else ""
        self._reports.put(Report(gateway=self.name, version=version, usage=usage))

    @contextmanager
    def following(self, channel: grpc.Channel, token: str = "") -> Generator["FollowingGateway"]:
        """Follow until the block is left."""
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._reports.put(Report(gateway=self.name))
        call = rpc.RouteTablesStub(channel).Stream(self._said(), metadata=metadata)
        thread = threading.Thread(target=self._follow, args=(call,), name=self.name, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._reports.put(None)
            call.cancel()
            thread.join(10)
            channel.close()

    def _said(self) -> Iterator[Report]:
        while (report := self._reports.get()) is not None:
            yield report

    def _follow(self, call: Iterator[RouteTable]) -> None:
        try:
            for table in call:
                verdict = Report(gateway=self.name, version=table.version)
                reason = self.refuse(table)
                if reason:
                    verdict.nack.reason = reason
                else:
                    verdict.ack.SetInParent()
                self._reports.put(verdict)
                self.tables.append((time.monotonic(), table))
        except grpc.RpcError as error:
            self.error = error.code()
