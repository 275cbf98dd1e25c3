"""A whole Kubernetes node on this machine: real pods, Services and DNS, in a network of its own.

Needs root, containerd, runc, the CNI plugins, iptables, conntrack and iproute2 (Debian's packages).
Lives in one folder and one network namespace; ends with its pods, mounts, cgroups and links.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.cluster import node_files
from support.cluster.binaries import Binaries
from support.cluster.control_plane import (
    START_TIMEOUT_S,
    ControlPlane,
    start_etcd,
    write_service_account_keys,
)
from support.cluster.programs import Programs

PROGRAMS = ("containerd", "runc", "ctr", "ip", "nsenter", "iptables", "conntrack", "openssl")
HOST_ADDRESS = "10.213.7.1"
ADDRESS = "10.213.7.2"
COMMAND_TIMEOUT_S = 300.0
SHIM = "containerd-shim"


@dataclass(slots=True)
class Node:
    """A running node and its control plane."""

    plane: ControlPlane
    namespace: str  # of the network

    def enter(self, *command: str) -> list[str]:
        """The command as it is run in the node's network."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def load(self, archive: Path) -> None:
        """Put an image file's images where the kubelet finds them."""
        _run([*self._ctr(), "images", "import", str(archive)])

    def containers(self, name: str) -> list[str]:
        """The ids of the running containers of this name, asked of the runtime itself."""
        running = _run([*self._ctr(), "tasks", "ls"]).splitlines()
        ids = {line.split()[0] for line in running if "RUNNING" in line}
        label = f'labels."io.kubernetes.container.name"=={name}'
        named = _run([*self._ctr(), "containers", "ls", "-q", label]).split()
        return [each for each in named if each in ids]

    def end_container(self, name: str) -> None:
        """SIGTERM to a container; the kubelet starts it again."""
        _run([*self._ctr(), "tasks", "kill", "-s", "SIGTERM", name])

    def _ctr(self) -> list[str]:
        return ["ctr", f"--address={self.plane.folder}/containerd.sock", "--namespace=k8s.io"]

    def end_pods(self) -> None:
        """Kill every container; what is left of them is swept with the folder."""
        with contextlib.suppress(subprocess.SubprocessError):
            for task in _run([*self._ctr(), "tasks", "ls", "-q"]).split():
                _try([*self._ctr(), "tasks", "kill", "-s", "KILL", task])
            for task in _run([*self._ctr(), "tasks", "ls", "-q"]).split():
                _try([*self._ctr(), "tasks", "rm", "-f", task])


def lacking() -> str:
    """What this machine, or the container that the tests run in, does not let root do for a node.

    Empty where nothing is lacking. Leaves nothing behind.
    """
    name = f"weir-probe-{secrets.token_hex(3)}"
    mount = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        for what, command in (("mount", mount), ("add networks", ["ip", "netns", "add", name])):
            try:
                _run(command)
            except (OSError, subprocess.SubprocessError) as error:
                return f"root may not {what} here: {error}"
    finally:
        _try(["ip", "netns", "delete", name])
    whole = Path("/sys/fs/cgroup")
    group = (whole if (whole / "cgroup.procs").exists() else whole / "memory") / name
    try:
        group.mkdir()
        group.rmdir()
    except OSError as error:
        return f"root may not make control groups here: {error}"
    return ""


@contextmanager
def node(binaries: Binaries, pause: Path) -> Generator[Node]:
    """Start a node; `pause` is an image file with the pods' first container.

    Raises ProgramFailedError with the log of what failed.
    """
    with tempfile.TemporaryDirectory(prefix="weir-node-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        network = f"weir-{secrets.token_hex(3)}"
        enter = ("nsenter", f"--net=/run/netns/{network}")
        plane = ControlPlane(binaries, folder, Programs(folder, prefix=enter))
        made = Node(plane, network)
        try:
            _make_network(made)
            _start(made, pause)
            yield made
        finally:
            _end(made)


def _make_network(made: Node) -> None:
    name, link = made.namespace, _link(made)
    for command in (
        f"ip netns add {name}",
        f"ip link add {link} type veth peer name eth0 netns {name}",
        f"ip address add {HOST_ADDRESS}/30 dev {link}",
        f"ip link set {link} up",
    ):
        _run(command.split())
    settings = ("ip_forward=1", "conf.all.rp_filter=0", "conf.all.route_localnet=1")
    for command in (
        "ip link set lo up",
        f"ip address add {ADDRESS}/30 dev eth0",
        "ip link set eth0 up",
        f"ip route add default via {HOST_ADDRESS}",
        f"ip address add {node_files.DNS}/32 dev lo",
        *(f"sysctl -qw net.ipv4.{setting}" for setting in settings),
    ):
        _run(made.enter(*command.split()))
    # Where bridged packets pass iptables at all, Services need them to (a kernel without: fine).
    _try(made.enter("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"))


def _start(made: Node, pause: Path) -> None:
    plane, folder = made.plane, made.plane.folder
    (folder / "cni").mkdir()
    (folder / "cni" / "10-pods.conflist").write_text(node_files.network(folder))
    (folder / "containerd.toml").write_text(node_files.containerd(folder))
    plane.programs.start("containerd", "containerd", f"--config={folder}/containerd.toml")
    _start_api_server(plane)
    _start_managers(plane)
    socket = folder / "containerd.sock"
    plane.programs.wait("containerd", socket.exists, START_TIMEOUT_S)
    made.load(pause)
    _start_kubelet(plane)
    ca, token = folder / "pki" / "apiserver.crt", folder / "admin.token"
    token.write_text(plane.token)
    # -P: a module beside dns.py must not stand in for one of the standard library.
    program = [sys.executable, "-P", str(Path(__file__).with_name("dns.py")), node_files.DNS]
    plane.programs.start("dns", *program, plane.url, str(ca), str(token))
    plane.programs.wait("node", lambda: _ready(plane), START_TIMEOUT_S)


def _start_api_server(plane: ControlPlane) -> None:
    folder = plane.folder
    etcd = "http://127.0.0.1:2379"
    start_etcd(plane, etcd, "http://127.0.0.1:2380")
    write_service_account_keys(folder)
    _write_kubelet_client(folder)
    users = {
        plane.token: 'admin,admin,"system:masters"',
        _token(folder, "kubelet"): f'system:node:{node_files.NODE},kubelet,"system:nodes"',
        _token(folder, "kube-proxy"): "system:kube-proxy,proxy",
    }
    tokens = folder / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text("".join(f"{token},{user}\n" for token, user in users.items()))
    plane.programs.start(
        *("kube-apiserver", plane.binaries["kube-apiserver"], f"--etcd-servers={etcd}"),
        *(f"--bind-address={ADDRESS}", f"--advertise-address={ADDRESS}", "--secure-port=6443"),
        *(f"--cert-dir={folder}/pki", f"--token-auth-file={tokens}"),
        *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
        f"--service-cluster-ip-range={node_files.SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/sa.pub",
        f"--service-account-signing-key-file={folder}/sa.key",
        f"--kubelet-client-certificate={folder}/kubelet-client.crt",
        f"--kubelet-client-key={folder}/kubelet-client.key",
        *("--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true"),
    )
    plane.url = f"https://{ADDRESS}:6443"

    def ready() -> bool:
        plane.ca = (folder / "pki" / "apiserver.crt").read_text()
        return plane.ready()

    plane.programs.wait("/readyz", ready, START_TIMEOUT_S)
    plane.user("admin", plane.token)
    for name in ("kubelet", "kube-proxy"):
        plane.user(name, _token(folder, name))


def _start_managers(plane: ControlPlane) -> None:
    folder, binaries = plane.folder, plane.binaries
    common = (f"--kubeconfig={folder}/admin.kubeconfig", "--leader-elect=false")
    common = (*common, "--bind-address=127.0.0.1")
    plane.programs.start(
        *("kube-controller-manager", binaries["kube-controller-manager"], *common),
        *(f"--cert-dir={folder}/manager", f"--root-ca-file={folder}/pki/apiserver.crt"),
        *("--allocate-node-cidrs=true", f"--cluster-cidr={node_files.PODS}"),
        f"--service-cluster-ip-range={node_files.SERVICES}",
        f"--service-account-private-key-file={folder}/sa.key",
    )
    plane.programs.start(
        *("kube-scheduler", binaries["kube-scheduler"], *common, f"--cert-dir={folder}/scheduler")
    )


def _start_kubelet(plane: ControlPlane) -> None:
    folder, binaries = plane.folder, plane.binaries
    (folder / "kubelet.json").write_text(node_files.kubelet(folder, ADDRESS))
    (folder / "proxy.json").write_text(node_files.proxy(folder))
    plane.programs.start(
        *("kubelet", binaries["kubelet"], f"--config={folder}/kubelet.json"),
        *(f"--kubeconfig={folder}/kubelet.kubeconfig", f"--hostname-override={node_files.NODE}"),
        *(
            f"--node-ip={ADDRESS}",
            f"--root-dir={folder}/kubelet",
            f"--cert-dir={folder}/kubelet-pki",
        ),
    )
    plane.programs.start("kube-proxy", binaries["kube-proxy"], f"--config={folder}/proxy.json")


def _ready(plane: ControlPlane) -> bool:
    status, found = plane.request("GET", f"/api/v1/nodes/{node_files.NODE}")
    if status != 200:
        return False
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    up = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in found["status"].get("conditions", ())
    )
    return up and not found["spec"].get("taints") and plane.request("GET", account)[0] == 200


def _token(folder: Path, name: str) -> str:
    file = folder / f"{name}.token"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def _write_kubelet_client(folder: Path) -> None:
    # One self-signed certificate is client and authority at once: the kubelet trusts nobody else.
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subject = ["-subj", "/O=system:masters/CN=kube-apiserver"]
    out = ["-keyout", f"{folder}/kubelet-client.key", "-out", f"{folder}/kubelet-client.crt"]
    _run(["openssl", "req", "-x509", *curve, *subject, *out])


def _end(made: Node) -> None:
    programs, folder = made.plane.programs, made.plane.folder
    for name in ("kubelet", "kube-proxy"):
        if name in programs.by_name:
            programs.by_name[name].stop()
    networks = _pod_networks(
        folder
    )  # the network plugin's to remove, were its pods to end in peace
    made.end_pods()
    programs.stop()
    for pid in _shims(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(str(folder))), reverse=True):
        _try(["umount", "--lazy", mount])
    for network in networks:
        _try(["ip", "netns", "delete", network])
    _try(["ip", "link", "delete", _link(made)])
    _try(["ip", "netns", "delete", made.namespace])
    _sweep_cgroups()
    shutil.rmtree(folder, ignore_errors=True)


def _pod_networks(folder: Path) -> set[str]:
    """The names of the network namespaces that the running pods' specs point to."""
    found: set[str] = set()
    for spec in folder.glob("containerd-state/io.containerd.runtime.v2.task/k8s.io/*/config.json"):
        for namespace in json.loads(spec.read_text())["linux"]["namespaces"]:
            path = Path(namespace.get("path", ""))
            if namespace["type"] == "network" and path.parent.name == "netns":
                found.add(path.name)
    return found


def _shims(folder: Path) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = entry.read_bytes().decode(errors="replace")
            if SHIM in line and str(folder) in line:
                found.append(int(entry.parent.name))
    return found


def _sweep_cgroups() -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        trees = [
            *Path("/sys/fs/cgroup").glob("*/kubepods"),
            *Path("/sys/fs/cgroup").glob("kubepods"),
        ]
        if not trees:
            return
        for tree in trees:
            for group in sorted((p for p in tree.rglob("*") if p.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    group.rmdir()
            with contextlib.suppress(OSError):
                tree.rmdir()
        time.sleep(0.2)


def _link(made: Node) -> str:
    return f"{made.namespace}-h"


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_S
    )
    if done.returncode != 0:
        raise subprocess.SubprocessError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


def _try(command: Sequence[str]) -> None:
    subprocess.run(command, capture_output=True, check=False, timeout=COMMAND_TIMEOUT_S)
