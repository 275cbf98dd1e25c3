"""Our images, built from their Dockerfiles by buildah: no daemon, no registry, root on Debian.

The base image is made by debootstrap, since Debian 12's python3 is the 3.11 of the real base. Steps
reach the package index by the machine's own pip settings and certificates, mounted while they run.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cluster.charts import ROOT

BASE = "docker.io/library/python:3.11-slim-bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
MACHINE = ("/etc/pip.conf", "/etc/ssl/certs")
STEP_TIMEOUT_S = 1200.0
STDOUT = "/weir-test-stdout"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as the real base has it
MIRROR = "http://deb.debian.org/debian"


class ImageFailedError(Exception):
    """A build step failed; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Target:
    """One of our images."""

    name: str
    dockerfile: str
    stage: str = ""

    def reference(self, version: str) -> str:
        """As the chart names it and a container runtime completes it."""
        return f"docker.io/library/{self.name}:{version}"


TARGETS = (
    Target("weir-gateway", "Dockerfile.gateway"),
    Target("weir-scorer", "Dockerfile.scorer", "cpu"),
    Target("weir-operator", "Dockerfile.operator"),
)


@dataclass(frozen=True, slots=True)
class ImageStore:
    """A folder of images and layers; kept between runs, so that only what changed is built."""

    folder: Path

    def buildah(self, *arguments: str, timeout_s: float = STEP_TIMEOUT_S) -> str:
        """Run buildah on this store. Raises ImageFailedError."""
        store = [f"--root={self.folder}/storage", f"--runroot={self.folder}/run"]
        return _run(["buildah", *store, *arguments], timeout_s, self._environ())

    def has(self, reference: str) -> bool:
        """Whether an image of this name is here."""
        names = self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").split()
        return reference in names

    def make_base(self) -> None:
        """Make the stand-in for the base image, unless it is here."""
        if self.has(BASE):
            return
        container = self.buildah("from", "scratch").strip()
        try:
            root = self.buildah("mount", container).strip()
            bootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
            _run([*bootstrap, root, _mirror()], STEP_TIMEOUT_S, self._environ())
            self.buildah("umount", container)
            self.buildah("config", f"--env=PATH={PATH}", container)
            self.buildah("commit", container, BASE)
        finally:
            self.buildah("rm", container)

    def build(self, target: Target, version: str) -> str:
        """Build one image from its Dockerfile; its reference."""
        mounts = [f"--volume={path}:{path}:ro" for path in MACHINE if Path(path).exists()]
        stage = [f"--target={target.stage}"] if target.stage else []
        reference = target.reference(version)
        command = ["build", "--pull-never", "--layers", f"--build-arg=VERSION={version}"]
        command += ["--build-arg=OTLP_HTTP=1", *mounts]  # the test's collector speaks HTTP
        file = ROOT / target.dockerfile
        self.buildah(*command, *stage, f"--tag={reference}", f"--file={file}", str(ROOT))
        return reference

    def with_entrypoint(self, source: str, reference: str, *command: str) -> None:
        """Make an image that is another one with another entry point."""
        container = self.buildah("from", "--pull-never", source).strip()
        try:
            entry = f"--entrypoint={json.dumps(command)}"
            self.buildah("config", entry, "--cmd=", "--user=10001:10001", container)
            self.buildah("commit", container, reference)
        finally:
            self.buildah("rm", container)

    def run(self, reference: str, *command: str) -> str:
        """Run a command in a throw-away container of an image."""
        # Into a file that is mounted: of a short command buildah's own pipe may lose the output.
        container = self.buildah("from", "--pull-never", reference).strip()
        with tempfile.NamedTemporaryFile("r") as out:
            Path(out.name).chmod(0o666)  # for the image's own user
            shell = ("sh", "-c", f'exec "$@" >{STDOUT}', "sh", *command)
            mount = f"--volume={out.name}:{STDOUT}"
            try:
                self.buildah("run", mount, container, "--", *shell, timeout_s=120)
            finally:
                self.buildah("rm", container)
            return out.read()

    def inspect(self, reference: str, template: str) -> str:
        """One thing about an image, by Go template."""
        found = self.buildah("inspect", "--type=image", f"--format={template}", reference)
        return found.strip()

    def archive(self, reference: str, path: Path) -> None:
        """Write an image as a file that `ctr images import` reads."""
        path.unlink(missing_ok=True)
        self.buildah("push", reference, f"docker-archive:{path}:{reference}")

    def _environ(self) -> Mapping[str, str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = ["stat", "--file-system", "--format=%T", str(self.folder)]
        nested = _run(kind, 10, os.environ).strip() == "overlayfs"  # overlay on overlay: refused
        driver = "vfs" if nested else "overlay"
        return {"STORAGE_DRIVER": driver, "BUILDAH_ISOLATION": "chroot", **os.environ}


def store(environ: Mapping[str, str]) -> ImageStore:
    """The machine's own store, beside the cache of Kubernetes' programs."""
    root = environ.get("WEIR_KUBE_CACHE") or Path(environ.get("HOME", "/")) / ".cache" / "weir"
    return ImageStore(Path(root) / "images")


def _mirror() -> str:
    # Where this machine itself gets Debian from; its answer is used and written nowhere.
    wanted = ("Created-By: Packages", "Codename: bookworm", "Component: main")
    asked = _run(["apt-get", "indextargets", "--format=$(REPO_URI)", *wanted], 60, os.environ)
    return asked.split()[0] if asked.split() else MIRROR


def _run(command: Sequence[str], timeout_s: float, environ: Mapping[str, str]) -> str:
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
            timeout=timeout_s,
            env=environ,
        )
        errors.seek(0)
        said = errors.read()
    if done.returncode != 0:
        raise ImageFailedError(f"{' '.join(command)}:\n{(done.stdout + said)[-4000:]}")
    return done.stdout
