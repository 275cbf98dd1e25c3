"""A throw-away Kubernetes control plane on loopback ports, and fake nodes on request.

`control_plane(binaries)` is etcd and kube-apiserver: resources, CEL rules, RBAC, watches, tokens.
`controllers=True` adds kube-controller-manager (namespaces end, owners are followed, service
accounts appear); `nodes=2` adds the scheduler and kwok, whose fake nodes make pods Ready without
containers.
All of it lives in one temporary folder and is gone afterwards, also when the test run is killed.
"""

import base64
import json
import secrets
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.cluster.binaries import Binaries
from support.cluster.client import Client
from support.cluster.programs import ProgramFailedError, Programs, free_ports

STAGES = Path(__file__).with_name("kwok.yaml")
START_TIMEOUT_S = 90.0
REQUEST_TIMEOUT_S = 10.0
ATTEMPTS = 3  # a port that was free may be taken before the server binds it
SERVICE_RANGE = "10.96.0.0/16"


@dataclass(slots=True)
class ControlPlane:
    """A running control plane, seen by its administrator."""

    binaries: Binaries
    folder: Path
    programs: Programs
    url: str = ""
    ca: str = ""  # PEM
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    started_in_s: float = 0.0

    @property
    def admin(self) -> Client:
        """kubectl and Helm as a member of system:masters."""
        return Client(self.binaries, self.folder / "admin.kubeconfig")

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Ask the API as the administrator: (status, decoded JSON or text). A PATCH is a merge."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(  # noqa: S310 - our own https URL
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )
        context = ssl.create_default_context(cadata=self.ca)
        try:
            with urllib.request.urlopen(  # noqa: S310 - our own https URL
                request, timeout=REQUEST_TIMEOUT_S, context=context
            ) as reply:
                return reply.status, _decoded(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def user(self, name: str, token: str, namespace: str = "default") -> Client:
        """Another user, by bearer token: its own kubeconfig, kubectl and Helm."""
        ca = base64.b64encode(self.ca.encode()).decode()
        path = self.folder / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority-data": ca}}
            ],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": name, "namespace": namespace},
                }
            ],
        }
        path.touch(mode=0o600)  # Helm warns of a kubeconfig that others can read
        path.write_text(json.dumps(config))
        return Client(self.binaries, path, namespace)

    def service_account(
        self, namespace: str, name: str, audiences: Sequence[str] = (), seconds: int = 3600
    ) -> Client:
        """The user that a pod with this service account would be; made if it is not there."""
        token = self.service_account_token(namespace, name, audiences, seconds)
        return self.user(f"{namespace}-{name}", token, namespace)

    def service_account_token(
        self, namespace: str, name: str, audiences: Sequence[str] = (), seconds: int = 3600
    ) -> str:
        """A token as the kubelet would mount it (TokenRequest)."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._expect(409, "POST", accounts, {"metadata": {"name": name}})
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        reply = self._expect(0, "POST", f"{accounts}/{name}/token", {"spec": spec})
        return str(reply["status"]["token"])

    def namespace(self, prefix: str, labels: Mapping[str, str] | None = None) -> str:
        """Make a namespace of its own for one test and give its name."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        body = {"metadata": {"name": name, "labels": dict(labels or {})}}
        self._expect(0, "POST", "/api/v1/namespaces", body)
        return name

    def stop_api_server(self) -> None:
        """Kill kube-apiserver; what it kept stays in etcd."""
        self.programs.by_name["kube-apiserver"].stop()

    def start_api_server(self) -> None:
        """Start kube-apiserver again on its port, and wait until it is ready."""
        self.programs.by_name["kube-apiserver"].start()
        self.programs.wait("/readyz", self.ready, START_TIMEOUT_S)

    def ready(self) -> bool:
        """Whether the API server says it can do its work."""
        return self.request("GET", "/readyz")[0] == 200

    def _expect(self, also: int, method: str, path: str, body: Mapping[str, Any]) -> Any:
        status, reply = self.request(method, path, body)
        assert status in {200, 201, also}, f"{method} {path}: {status} {reply}"
        return reply


@contextmanager
def control_plane(
    binaries: Binaries, *, controllers: bool = False, nodes: int = 0, arguments: Sequence[str] = ()
) -> Generator[ControlPlane]:
    """Start a control plane and end it; `arguments` go to kube-apiserver.

    Raises ProgramFailedError with the log of what failed.
    """
    with tempfile.TemporaryDirectory(prefix="weir-cluster-", ignore_cleanup_errors=True) as folder:
        plane = _started(
            binaries, Path(folder), arguments, controllers=controllers or nodes > 0, nodes=nodes
        )
        try:
            yield plane
        finally:
            plane.programs.stop()


def _started(
    binaries: Binaries, root: Path, arguments: Sequence[str], *, controllers: bool, nodes: int
) -> ControlPlane:
    for attempt in range(1, ATTEMPTS + 1):
        folder = root / str(attempt)
        folder.mkdir()
        plane = ControlPlane(binaries, folder, Programs(folder))
        began = time.monotonic()
        try:
            _start_api(plane, arguments, controllers=controllers)
            if controllers:
                _start_controllers(plane, nodes)
        except BaseException as error:
            plane.programs.stop()
            if not isinstance(error, ProgramFailedError) or attempt == ATTEMPTS:
                raise
            if "address already in use" not in str(error):
                raise
        else:
            plane.started_in_s = time.monotonic() - began
            return plane
    raise AssertionError("unreachable: the last attempt returns or raises")


def _start_api(plane: ControlPlane, arguments: Sequence[str], *, controllers: bool) -> None:
    client, peer, secure = free_ports(3)
    etcd = f"http://127.0.0.1:{client}"
    start_etcd(plane, etcd, f"http://127.0.0.1:{peer}")
    write_service_account_keys(plane.folder)
    tokens = plane.folder / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{plane.token},admin,admin,system:masters\n")
    # Pods are refused without a service account, and only the controllers make "default".
    lone = () if controllers else ("--disable-admission-plugins=ServiceAccount",)
    plane.programs.start(
        *("kube-apiserver", plane.binaries["kube-apiserver"], f"--etcd-servers={etcd}"),
        *("--bind-address=127.0.0.1", f"--secure-port={secure}", f"--cert-dir={plane.folder}/pki"),
        *(f"--token-auth-file={tokens}", "--authorization-mode=RBAC", *lone),
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={plane.folder}/sa.pub",
        f"--service-account-signing-key-file={plane.folder}/sa.key",
        # A loopback address can't be an endpoint of the service "kubernetes".
        *("--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", *arguments),
    )
    plane.url = f"https://127.0.0.1:{secure}"

    def ready() -> bool:
        plane.ca = (plane.folder / "pki" / "apiserver.crt").read_text()  # its own, and its CA's
        return plane.ready()

    plane.programs.wait("/readyz", ready, START_TIMEOUT_S)
    plane.user("admin", plane.token)


def start_etcd(plane: ControlPlane, client: str, peer: str) -> None:
    """Start etcd on these two URLs; what it holds is thrown away."""
    plane.programs.start(
        *("etcd", plane.binaries["etcd"], f"--data-dir={plane.folder}/etcd"),
        *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
        *(f"--initial-cluster=default={peer}", "--unsafe-no-fsync=true", "--log-level=warn"),
    )


def write_service_account_keys(folder: Path) -> None:
    """Make the key pair by which service accounts' tokens are signed and checked."""
    private, public = f"{folder}/sa.key", f"{folder}/sa.pub"
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*make, "-out", private], check=True, capture_output=True, timeout=30)
    publish = ["openssl", "pkey", "-in", private, "-pubout", "-out", public]
    subprocess.run(publish, check=True, capture_output=True, timeout=30)


def _start_controllers(plane: ControlPlane, nodes: int) -> None:
    folder, binaries = plane.folder, plane.binaries
    manager, scheduler = free_ports(2)
    # They act as the administrator: their own rights are Kubernetes' business, not ours.
    common = (f"--kubeconfig={folder}/admin.kubeconfig", "--leader-elect=false")
    common = (*common, "--bind-address=127.0.0.1")
    plane.programs.start(
        *("kube-controller-manager", binaries["kube-controller-manager"], *common),
        *(f"--secure-port={manager}", f"--cert-dir={folder}/manager"),
        *(f"--root-ca-file={folder}/pki/apiserver.crt", "--use-service-account-credentials=false"),
        f"--service-account-private-key-file={folder}/sa.key",
        "--horizontal-pod-autoscaler-sync-period=2s",
    )
    if nodes:
        plane.programs.start(
            *("kube-scheduler", binaries["kube-scheduler"], *common),
            *(f"--secure-port={scheduler}", f"--cert-dir={folder}/scheduler"),
        )
        plane.programs.start(
            *("kwok", binaries["kwok"], f"--kubeconfig={folder}/admin.kubeconfig"),
            *(f"--config={STAGES}", "--manage-all-nodes=true", "--cidr=10.244.0.0/16"),
            *("--node-ip=10.0.0.1", "--node-lease-duration-seconds=40"),
        )
        for number in range(nodes):
            status, reply = plane.request("POST", "/api/v1/nodes", _node(f"node-{number}"))
            assert status == 201, reply
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    plane.programs.wait(
        "service account", lambda: plane.request("GET", account)[0] == 200, START_TIMEOUT_S
    )
    plane.programs.wait("nodes", lambda: _nodes_ready(plane), START_TIMEOUT_S)


def _node(name: str) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{name}"}
    labels |= {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _nodes_ready(plane: ControlPlane) -> bool:
    def ready(node: Mapping[str, Any]) -> bool:
        conditions = node["status"].get("conditions") or ()
        up = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        return up and not node["spec"].get("taints")  # the controllers take the not-ready taint off

    return all(ready(node) for node in plane.request("GET", "/api/v1/nodes")[1]["items"])


def _decoded(data: bytes) -> Any:
    text = data.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
