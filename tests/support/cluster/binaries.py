"""Where the test cluster's programs come from: a given folder, or a build from pinned Go modules.

`KUBEBUILDER_ASSETS` (the variable of Kubernetes' own envtest) wins. Else `go build` makes the
programs that tests/cluster/tools/go.mod names, once per go.mod, go.sum, tool list and build flags,
and keeps them in a cache folder (`WEIR_KUBE_CACHE`, else ~/.cache/weir). Knows nothing of how they
are run.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "cluster" / "tools"
KUBERNETES = "k8s.io/kubernetes/cmd"
PACKAGES: dict[str, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": f"{KUBERNETES}/kube-apiserver",
    "kubectl": f"{KUBERNETES}/kubectl",
    "kube-controller-manager": f"{KUBERNETES}/kube-controller-manager",
    "kube-scheduler": f"{KUBERNETES}/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "helm": "helm.sh/helm/v3/cmd/helm",
    "kubelet": f"{KUBERNETES}/kubelet",
    "kube-proxy": f"{KUBERNETES}/kube-proxy",
}
NODE_ONLY = ("kubelet", "kube-proxy")
CLUSTER = tuple(name for name in PACKAGES if name not in NODE_ONLY)
NODE = tuple(PACKAGES)
GO_TIMEOUT_S = 3600.0  # a cold build takes minutes on two cores, and much longer on a busy machine


class BinariesMissingError(Exception):
    """The programs are neither given nor can be built here; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds the programs."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)

    def lacks(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that are not here as something that can be run."""
        return [name for name in names if not os.access(self.folder / name, os.X_OK)]


def find(
    environ: Mapping[str, str],
    names: Sequence[str] = CLUSTER,
    say: Callable[[str], None] = lambda _line: None,
) -> Binaries:
    """Give the folder of `names`, building them where that is needed.

    `say` is told before a build starts and how long it took. Raises BinariesMissingError.
    """
    given = environ.get("KUBEBUILDER_ASSETS")
    if given:
        binaries = Binaries(Path(given).resolve())
        if lacking := binaries.lacks(names):
            raise BinariesMissingError(
                f"KUBEBUILDER_ASSETS={given} lacks {', '.join(lacking)}; "
                "unset it to build them with Go"
            )
        return binaries
    binaries = Binaries(cache_folder(environ))
    if binaries.lacks(names):
        _build(binaries, names, environ, say)
    return binaries


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder of this go.mod's programs: another version, another folder."""
    root = environ.get("WEIR_KUBE_CACHE") or Path(environ.get("HOME", "/")) / ".cache" / "weir"
    digest = hashlib.sha256()
    for part in (TOOLS / "go.mod", TOOLS / "go.sum", Path(__file__)):  # this file: tools and flags
        digest.update(part.read_bytes())
    return Path(root) / f"kube-{digest.hexdigest()[:12]}"


def _build(
    target: Binaries, names: Sequence[str], environ: Mapping[str, str], say: Callable[[str], None]
) -> None:
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise BinariesMissingError(
            "needs Kubernetes' programs: set KUBEBUILDER_ASSETS to a folder with "
            f"{', '.join(names)}, or install Go (https://go.dev/dl) and they are built"
        )
    target.folder.mkdir(parents=True, exist_ok=True)
    with _locked(target.folder / ".lock"):
        wanted = target.lacks(names)  # another run may have built them while this one waited
        if not wanted:
            return
        say(f"building {', '.join(wanted)} (minutes, once) into {target.folder}")
        began = time.monotonic()
        _go_build(go, target.folder, wanted)
        say(f"built {len(wanted)} programs in {time.monotonic() - began:.0f} s")


def _go_build(go: str, folder: Path, names: Sequence[str]) -> None:
    # One command for all: they share most of their packages, and links run beside compilation.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as work:
        command = [go, "build", "-mod=readonly", "-buildvcs=false", "-trimpath"]
        command += ["-ldflags", _version_stamps(go), "-o", f"{work}/"]
        command += [PACKAGES[name] for name in names]
        _go(command)
        if "etcd" in names:  # `go build` names a program by its package's last folder
            Path(work, "server").rename(Path(work, "etcd"))
        for name in names:
            Path(work, name).rename(folder / name)


def _go(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        cwd=TOOLS,
        capture_output=True,
        text=True,
        check=False,
        timeout=GO_TIMEOUT_S,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    if done.returncode != 0:
        raise BinariesMissingError(f"`go {command[1]}` failed:\n{done.stderr[-4000:]}")
    return done.stdout


def _version_stamps(go: str) -> str:
    # A module build knows no versions: the API server would call itself v0.0.0, and Helm would
    # refuse charts for their kubeVersion.
    modules = ("k8s.io/kubernetes", "helm.sh/helm/v3", "sigs.k8s.io/kwok")
    kubernetes, helm, kwok = _go([go, "list", "-m", "-f", "{{.Version}}", *modules]).split()
    major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
    stamps = {
        "helm.sh/helm/v3/internal/version.version": helm,
        "sigs.k8s.io/kwok/pkg/consts.Version": kwok,
    }
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        stamps |= {f"{package}.gitVersion": kubernetes, f"{package}.gitTreeState": "clean"}
        stamps |= {f"{package}.gitMajor": major, f"{package}.gitMinor": minor}
        stamps |= {f"{package}.gitCommit": "none", f"{package}.buildDate": "1970-01-01T00:00:00Z"}
    for package in ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"):
        stamps |= {f"{package}.k8sVersionMajor": major, f"{package}.k8sVersionMinor": minor}
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build what is missing and print the folder: `python -m support.cluster.binaries [node]`."""
    names = NODE if sys.argv[1:] == ["node"] else CLUSTER
    try:
        binaries = find(os.environ, names, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201 - a program's output
    except BinariesMissingError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program's output
        return 1
    print(binaries.folder)  # noqa: T201 - a program's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
