"""Fixtures of the tests that need root and a whole machine: images and a Kubernetes node.

They run under `make test-images` and `make test-node`, which set WEIR_NODE; elsewhere they say so.
"""

import os
import re
import shutil

import pytest

from support.cluster.charts import ROOT
from support.cluster.images import TARGETS, ImageStore, store

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
