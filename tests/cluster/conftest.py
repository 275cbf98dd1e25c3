"""Fixtures of the tests that need a real Kubernetes API server.

What can't run here is skipped with the reason and how to get it; where `CI` is set, that is a
failure.
"""

import os
from collections.abc import Iterator

import pytest

from support.cluster.binaries import CLUSTER, Binaries, BinariesMissingError, find
from support.cluster.control_plane import ControlPlane, control_plane

MISSING = pytest.StashKey[str]()
FOUND = pytest.StashKey[Binaries]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test: a build takes longer than a test may."""
    if session.config.option.collectonly:
        return
    if not any(item.get_closest_marker("cluster") for item in session.items):
        return
    terminal = session.config.pluginmanager.getplugin("terminalreporter")

    def say(line: str) -> None:
        if isinstance(terminal, pytest.TerminalReporter):
            terminal.write_line(f"test cluster: {line}")

    try:
        session.config.stash[FOUND] = find(os.environ, CLUSTER, say)
    except BinariesMissingError as error:
        session.config.stash[MISSING] = str(error)


@pytest.fixture(scope="session")
def binaries(pytestconfig: pytest.Config) -> Binaries:
    """Kubernetes' programs, kwok and Helm."""
    if (reason := pytestconfig.stash.get(MISSING, None)) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the cluster tests: {reason}")
        pytest.skip(reason)
    return pytestconfig.stash[FOUND]


@pytest.fixture(scope="session")
def api_server(binaries: Binaries) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, shared: make a namespace of your own (`api_server.namespace`)."""
    with control_plane(binaries) as plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane with controllers, scheduler and two fake nodes; shared as `api_server` is."""
    with control_plane(binaries, nodes=2) as plane:
        yield plane
