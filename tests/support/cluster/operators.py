"""The operator as a process on a test cluster, with the rights that the chart grants alone.

Each `Site` is a namespace with the chart's roles, Lease and ConfigMap, a certificate and a token of
the gateways; operators are started and killed in it, and gateways run in the test's loop.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.cluster.charts import CHART
from support.cluster.control_plane import ControlPlane
from support.cluster.programs import free_ports
from support.gateway import Running, running_gateway

DEFINITIONS = CHART.parent / "weir-crds" / "templates"
AUDIENCE = "weir-operator"
NAME = "weir"
DEADLINE = 180.0  # seconds; generous, because it only bounds a failure


def define(plane: ControlPlane) -> None:
    """Make both definitions known."""
    plane.admin.kubectl("apply", *(f"-f={file}" for file in sorted(DEFINITIONS.glob("*.yaml"))))
    plane.admin.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")


def own_address() -> str:
    """An address of this machine that is not its loopback: a cluster's backends may name it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


@dataclass
class OperatorProcess:
    """One running operator."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    admin: int
    number: int = 0  # of the replica

    @property
    def said(self) -> str:
        """Everything it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL, as a node that dies."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


@dataclass
class Site:
    """One namespace with an operator's surroundings."""

    plane: ControlPlane
    namespace: str
    folder: Path
    started: list[OperatorProcess] = field(default_factory=list[OperatorProcess])

    def start(self, number: int = 0, port: int = 0, **variables: str) -> OperatorProcess:
        """Start an operator; `port` 0 takes a free one."""
        given, admin = free_ports(2)
        port = port or given
        log = self.folder / f"operator-{len(self.started)}.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "OTEL_"))}
        environment = {
            **kept,
            "KUBECONFIG": str(self.plane.folder / f"{self.namespace}-{NAME}-operator.kubeconfig"),
            "WEIR_OPERATOR_LISTEN": f"127.0.0.1:{port}",
            "WEIR_ADMIN": f"127.0.0.1:{admin}",
            "WEIR_OPERATOR_NAMESPACE": self.namespace,
            "WEIR_OPERATOR_WATCH": self.namespace,
            "WEIR_OPERATOR_NAME": f"operator-{number}",
            "WEIR_OPERATOR_TLS": str(self.folder),
            "WEIR_OPERATOR_GATEWAYS": f"system:serviceaccount:{self.namespace}:{NAME}-gateway",
            "WEIR_OPERATOR_REPLICAS": f"system:serviceaccount:{self.namespace}:{NAME}-operator",
            "WEIR_OPERATOR_TOKEN": str(self.folder / "replica-token"),
            "WEIR_OPERATOR_HOST": "127.0.0.1",
            "WEIR_OPERATOR_TLS_NAME": "localhost",
            "WEIR_OPERATOR_SETTLE": "4s",
            "WEIR_OPERATOR_LEASE_DURATION": "2s",
            "WEIR_OPERATOR_SECRETS_EVERY": "200ms",
            "WEIR_OPERATOR_RESYNC_EVERY": "1s",
            "WEIR_OPERATOR_USAGE_EVERY": "2s",
            **variables,
        }
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "weir_operator"], stderr=errors, env=environment
            )
        operator = OperatorProcess(process, log, port, admin, number)
        self.started.append(operator)
        return operator

    def gateway(
        self, number: int, port: int, **variables: str
    ) -> contextlib.AbstractAsyncContextManager[Running]:
        """A gateway in the test's loop that follows the operator at `port`."""
        folder = self.folder / f"gateway-{number}"
        folder.mkdir(exist_ok=True)
        settings = {
            "WEIR_OPERATOR": f"localhost:{port}",
            "WEIR_OPERATOR_CA": str(self.folder / "tls.crt"),
            "WEIR_OPERATOR_TOKEN": str(self.folder / "token"),
            "WEIR_GATEWAY_NAME": f"gateway-{number}",
            "WEIR_ROUTETABLE_KEEP": str(folder / "keep"),
            "WEIR_USAGE_EVERY": "200ms",
            **variables,
        }
        return running_gateway(folder, None, tuple(settings.items()))

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """As the administrator, in this namespace, off the loop."""
        whole = ("-n", self.namespace, *arguments)
        return await asyncio.to_thread(self.plane.admin.kubectl, *whole, stdin=stdin)

    async def apply(self, *documents: Mapping[str, Any]) -> None:
        """`kubectl apply` in this namespace."""
        here = [
            {**d, "metadata": {**d["metadata"], "namespace": self.namespace}} for d in documents
        ]
        await asyncio.to_thread(self.plane.admin.apply, *here, namespace=self.namespace)

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Ask the API as the administrator, off the loop."""
        return await asyncio.to_thread(self.plane.request, method, path, body)

    async def read(self, plural: str, name: str) -> dict[str, Any]:
        """One of our resources."""
        path = f"/apis/weir.dev/v1alpha1/namespaces/{self.namespace}/{plural}/{name}"
        status, reply = await self.request("GET", path)
        assert status == 200, reply
        found: dict[str, Any] = reply
        return found

    async def until(
        self, name: str, kind: str, plural: str = "routepolicies", *, message: str = "", **said: str
    ) -> str:
        """Wait for a condition of this generation to have these fields; returns its message.

        `message` is a regular expression that the message must match.
        """
        last: object = None
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            resource = await self.read(plural, name)
            last = condition = condition_of(resource, kind)
            current = condition.get("observedGeneration") == resource["metadata"]["generation"]
            same = all(condition.get(key) == value for key, value in said.items())
            if current and same and re.search(message, condition["message"]):
                return str(condition["message"])
            await asyncio.sleep(0.05)
        wanted = {**said, "message": message}
        raise AssertionError(f"{kind} of {name} is {last}, not {wanted}; operator:\n{self.logs}")

    @property
    def logs(self) -> str:
        """What every operator has logged."""
        return "\n".join(operator.said for operator in self.started)


def condition_of(resource: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """One condition; empty where it has none."""
    conditions: list[dict[str, Any]] = resource.get("status", {}).get("conditions", [])
    found = [condition for condition in conditions if condition["type"] == kind]
    return found[0] if found else {}


@contextlib.asynccontextmanager
async def site(plane: ControlPlane, folder: Path) -> AsyncGenerator[Site]:
    """Set a namespace up; every operator in it is ended afterwards."""
    made = await asyncio.to_thread(_make, plane, folder)
    try:
        yield made
    finally:
        for operator in made.started:
            if operator.process.poll() is None:
                operator.process.kill()
                operator.process.wait(DEADLINE)


def _make(plane: ControlPlane, folder: Path) -> Site:
    namespace = plane.namespace("site")
    options = (
        *("-n", namespace, "--set", f"fullnameOverride={NAME}"),
        *("--set", f"operator.watchNamespaces={{{namespace}}}"),
    )
    plane.admin.helm("install", NAME, str(CHART), *options)
    plane.service_account(namespace, f"{NAME}-operator")
    token = plane.service_account_token(namespace, f"{NAME}-gateway", (AUDIENCE,))
    (folder / "token").write_text(token)
    token = plane.service_account_token(namespace, f"{NAME}-operator", (AUDIENCE,))
    (folder / "replica-token").write_text(token)
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    make += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make += ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(make, check=True, capture_output=True, timeout=30)
    return Site(plane, namespace, folder)
