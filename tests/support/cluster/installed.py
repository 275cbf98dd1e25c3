"""Weir on the test node as a user has it: models, charts, resources, and load beside changes."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.cluster.charts import CHART, ROOT, options
from support.cluster.client import Client
from support.cluster.node import ADDRESS, Node
from support.cluster.node_files import PAUSE

FILES = ROOT / "tests" / "node"
PACKAGES = ("proto", "runtime", "gateway", "scorer", "operator", "cli", "lab")
NAMESPACE = "weir"
WAIT = ("--wait", "--timeout", "100s")
COLLECTOR_PORT = 4318
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
END_TIMEOUT_S = 90.0


@dataclass(slots=True)
class Load:
    """What came of the requests that ran beside a change; filled when the change is over."""

    answered: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        """All requests that were answered."""
        return sum(self.answered.values())


@dataclass(frozen=True, slots=True)
class Installed:
    """The release on the node."""

    node: Node

    @property
    def admin(self) -> Client:
        """kubectl and Helm as the administrator."""
        return self.node.plane.admin

    @property
    def spans(self) -> Path:
        """Where the collector writes."""
        return self.node.plane.folder / "spans.jsonl"

    def start_collector(self) -> None:
        """Take traces on the node's address."""
        program = [sys.executable, str(FILES / "collector.py"), ADDRESS, str(COLLECTOR_PORT)]
        self.node.plane.programs.start("collector", *program, str(self.spans))

    def start_models(self) -> None:
        """Run the stand-in models as pods."""
        text = (FILES / "models.yaml").read_text()
        text = text.replace("CHECKOUT_HERE", str(ROOT)).replace("PYTHONPATH_HERE", _python_path())
        self.admin.kubectl("apply", "-f", "-", stdin=text)
        self.admin.kubectl("-n", "models", "rollout", "status", "deploy/models", "--timeout=90s")

    def helm(self, verb: str, *settings: str, wait: bool = True) -> None:
        """`helm install|upgrade weir`."""
        telemetry = (
            f"telemetry.endpoint=http://{ADDRESS}:{COLLECTOR_PORT}",
            "telemetry.protocol=http/protobuf",
            *("gateway.preStopSeconds=3", "gateway.drainSeconds=30"),
            *("gateway.resources.requests.cpu=50m", "scorer.resources.requests.cpu=50m"),
        )
        # Helm reads 1 as a number; the ratio is text, as everything in a variable.
        flags = (*options((*telemetry, *settings)), "--set-string", "telemetry.sampleRatio=1")
        waits = WAIT if wait else ()
        began = time.monotonic()
        self.admin.helm(verb, "weir", str(CHART), "-n", NAMESPACE, *flags, *waits)
        print(f"helm {verb} {' '.join(settings)}: {time.monotonic() - began:.0f} s")  # noqa: T201 - figures for `pytest -rP`

    def rollback(self) -> None:
        """`helm rollback weir`."""
        began = time.monotonic()
        self.admin.helm("rollback", "weir", "-n", NAMESPACE, *WAIT)
        print(f"helm rollback: {time.monotonic() - began:.0f} s")  # noqa: T201 - figures for `pytest -rP`

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in Weir's namespace."""
        return self.admin.kubectl("-n", NAMESPACE, *arguments, stdin=stdin)

    def wait_for(self, condition: str, what: str) -> None:
        """`kubectl wait`; where it waits in vain, say what there is and what the operator logs."""
        ran = self.admin.try_("kubectl", "-n", NAMESPACE, "wait", condition, what, "--timeout=60s")
        if ran.code != 0:
            said = (
                self.kubectl("get", what, "-o", "yaml"),
                self.kubectl("get", "pods", "-o", "wide"),
            )
            log = self.kubectl("logs", "deploy/weir-operator", "--tail=30")
            raise AssertionError("\n".join((ran.err, *said, log)))

    def compiled(self, objects: Sequence[Mapping[str, Any]]) -> str:
        """The route table of these resources, as `weir policy compile` makes it."""
        file = self.node.plane.folder / "resources.yaml"
        file.write_text(yaml.safe_dump_all(objects))
        command = [sys.executable, "-m", "weir_cli", "policy", "compile", "-f", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def url(self) -> str:
        """The gateway's Service by address: for programs on the node but outside its pods."""
        service = self.admin.get("-n", NAMESPACE, "service", "weir-gateway")
        return f"http://{service['spec']['clusterIP']}/v1"

    def ask_in_a_pod(self, trace: str, count: int) -> list[dict[str, Any]]:
        """Run ask.py in a pod, by the Service's name."""
        name = f"ask-{secrets.token_hex(3)}"
        url = f"http://weir-gateway.{NAMESPACE}.svc/v1"
        command = ["python3", str(FILES / "ask.py"), url, trace, str(count)]
        self.admin.apply(_pod(name, command), namespace="models")
        done = "--for=jsonpath={.status.phase}=Succeeded"
        ran = self.admin.try_(
            "kubectl", "-n", "models", "wait", done, f"pod/{name}", "--timeout=90s"
        )
        said = self.admin.kubectl("-n", "models", "logs", name)
        assert ran.code == 0, said
        found: list[dict[str, Any]] = json.loads(said)
        return found

    @contextmanager
    def load(self, callers: int = 8, streamed: float = 0.5) -> Generator[Load]:
        """Requests from before the body until after it; the Load is filled afterwards."""
        program = [sys.executable, str(FILES / "load.py"), self.url(), str(callers), str(streamed)]
        loaded = Load()
        with subprocess.Popen(
            self.node.enter(*program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                said = process.stdout.readline()
                assert said == "begun\n", f"the load did not begin: {said}"
                began = time.monotonic()
                yield loaded
                took = time.monotonic() - began
                out, _ = process.communicate("stop\n", timeout=END_TIMEOUT_S)
            finally:
                process.kill()
        told = json.loads(out)
        loaded.answered, loaded.failures = told["answered"], told["failures"]
        counts = f"{loaded.total} requests answered, {len(loaded.failures)} lost: {loaded.answered}"
        print(f"{counts}, in {took:.0f} s")  # noqa: T201 - figures for `pytest -rP`

    def settle(self) -> None:
        """Wait until Kubernetes itself runs new pods: it comes back slowly."""
        began = time.monotonic()
        deployment = ("-n", "models", "deployment", "settled")
        self.admin.kubectl(*deployment[:2], "create", *deployment[2:], f"--image={PAUSE}")
        status = ("rollout", "status", "deploy/settled", "--timeout=100s")
        self.admin.kubectl("-n", "models", *status)
        self.admin.kubectl(*deployment[:2], "delete", *deployment[2:])
        print(f"Kubernetes runs new pods after {time.monotonic() - began:.0f} s")  # noqa: T201 - figures for `pytest -rP`

    def restart_a_gateway_container(self) -> Callable[[], bool]:
        """Ask one gateway container to end (SIGTERM), past the API server; says when it is back."""
        before = self.node.containers("gateway")
        self.node.end_container(before[0])

        def back() -> bool:
            now = self.node.containers("gateway")
            return before[0] not in now and len(now) >= len(before)

        return back

    def traced(self, trace: str) -> list[dict[str, Any]]:
        """The spans of one trace that have come so far."""
        if not self.spans.exists():
            return []
        spans = [json.loads(line) for line in self.spans.read_text().splitlines()]
        return [span for span in spans if span["trace"] == trace or trace in span["links"]]


def resources(*, auth: bool) -> list[dict[str, Any]]:
    """The test's policy and backends; without `auth` they need no Secret."""
    found = [each for each in yaml.safe_load_all((FILES / "weir.yaml").read_text()) if each]
    for each in found:
        if not auth:
            each["spec"].pop("auth", None)
    return found


def _pod(name: str, command: list[str]) -> Mapping[str, Any]:
    container = {
        "name": "main",
        "image": "docker.io/library/python:3.11-slim-bookworm",
        "command": command,
        "env": [{"name": "PYTHONPATH", "value": _python_path()}],
        "volumeMounts": [{"name": "checkout", "mountPath": str(ROOT), "readOnly": True}],
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "checkout", "hostPath": {"path": str(ROOT)}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _python_path() -> str:
    # The test's own environment: made with the machine's Python 3.11, which the image has too.
    site = next((ROOT / ".venv" / "lib").glob("python3*/site-packages"))
    return ":".join([str(site), *(str(ROOT / each) for each in PACKAGES)])
