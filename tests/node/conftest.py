"""Fixtures of the tests that need root and a whole machine: images and a Kubernetes node.

They run under `make test-images` and `make test-node`, which set WEIR_NODE; elsewhere they say so.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster.binaries import NODE, find
from support.cluster.charts import ROOT
from support.cluster.images import BASE, TARGETS, ImageStore, store
from support.cluster.installed import NAMESPACE, RESTRICTED, Installed
from support.cluster.node import PROGRAMS, lacking, node
from support.cluster.node_files import PAUSE

BUILDERS = ("buildah", "debootstrap", "crun")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is done once per session takes longer than a test may."""
    for item in items:
        if item.get_closest_marker("node"):
            item.add_marker(pytest.mark.timeout(1800))


def need(*programs: str) -> None:
    """Skip unless this run was asked for and the machine has what it takes."""
    if not os.environ.get("WEIR_NODE"):
        pytest.skip("needs root and minutes: `make test-node` or `make test-images` runs it")
    missing = [name for name in programs if shutil.which(name) is None]
    if os.geteuid() != 0:
        pytest.fail("needs root: run `sudo make test-node`")
    if missing:
        pytest.fail(f"needs {', '.join(missing)}: apt-get install them (Debian 12)")


@pytest.fixture(scope="session")
def version() -> str:
    """The project's own version, which the chart's images have as tag."""
    (found,) = re.findall(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    return str(found)


@pytest.fixture(scope="session")
def images(version: str) -> ImageStore:
    """A store with our three images, built from their Dockerfiles."""
    need(*BUILDERS)
    made = store(os.environ)
    made.make_base()
    for target in TARGETS:
        made.build(target, version)
    return made


@pytest.fixture(scope="session")
def rig(images: ImageStore, version: str) -> Iterator[Installed]:
    """A node with our images, models to route between, and a collector of traces; no chart yet."""
    need(*BUILDERS, *PROGRAMS)
    if why := lacking():
        pytest.skip(f"no node can run on this machine: {why}")
    archives = images.folder / "archives"
    archives.mkdir(exist_ok=True)
    images.with_entrypoint(BASE, PAUSE, "/bin/sleep", "infinity")
    references = [BASE, *(target.reference(version) for target in TARGETS)]
    with node(find(os.environ, NODE, print), _archive(images, PAUSE, archives)) as machine:
        for reference in references:
            machine.load(_archive(images, reference, archives))
        installed = Installed(machine)
        installed.start_collector()
        installed.start_models()
        machine.plane.request("POST", "/api/v1/namespaces", _namespace())
        installed.admin.helm("install", "weir-crds", str(ROOT / "charts" / "weir-crds"))
        yield installed


def _archive(images: ImageStore, reference: str, folder: Path) -> Path:
    file = folder / f"{reference.rsplit('/', 1)[1].replace(':', '-')}.tar"
    images.archive(reference, file)
    return file


def _namespace() -> dict[str, Any]:
    return {"metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
