"""The test cluster itself: real, ready in seconds, honest about rights, gone afterwards."""

import os
from pathlib import Path

import pytest

from support.cluster.binaries import Binaries, BinariesMissingError, cache_folder, find
from support.cluster.client import CommandFailedError
from support.cluster.control_plane import ControlPlane, control_plane

pytestmark = pytest.mark.cluster


def test_it_says_its_version(api_server: ControlPlane) -> None:
    status, version = api_server.request("GET", "/version")
    assert status == 200
    assert version["gitVersion"].startswith("v1.")


def test_a_service_account_may_do_what_its_role_says_and_nothing_else(
    api_server: ControlPlane,
) -> None:
    namespace = api_server.namespace("rights")
    role = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": namespace}
    api_server.admin.apply(
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": [role]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "r"},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "r"},
            "subjects": [subject],
        },
        namespace=namespace,
    )
    reader = api_server.service_account(namespace, "reader")
    assert reader.may("get", "configmaps")
    assert not reader.may("list", "configmaps")
    assert not reader.may("get", "configmaps", namespace="")
    with pytest.raises(CommandFailedError, match='cannot list resource "secrets"'):
        reader.kubectl("get", "secrets")


def test_the_api_server_comes_back_with_what_it_held(binaries: Binaries) -> None:
    with control_plane(binaries) as plane:
        namespace = plane.namespace("kept")
        plane.stop_api_server()
        with pytest.raises(OSError, match="refused"):
            plane.ready()
        plane.start_api_server()
        assert plane.request("GET", f"/api/v1/namespaces/{namespace}")[0] == 200
        folder, pids = plane.folder, [p.pid for p in plane.programs.by_name.values()]
    assert not folder.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_deployments_become_available_on_fake_nodes(cluster: ControlPlane) -> None:
    admin, namespace = cluster.admin, cluster.namespace("fake")
    create = ("-n", namespace, "create")
    admin.kubectl(*create, "deployment", "web", "--image=example.invalid/x:1", "--replicas=3")
    admin.kubectl("-n", namespace, "rollout", "status", "deploy/web", "--timeout=60s")
    admin.kubectl(*create, "job", "once", "--image=example.invalid/x:1")
    admin.kubectl("-n", namespace, "wait", "--for=condition=Complete", "job/once", "--timeout=60s")
    admin.kubectl("delete", "namespace", namespace, "--timeout=60s")


def test_a_folder_that_lacks_programs_is_named(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match="lacks etcd, kube-apiserver"):
        find({"KUBEBUILDER_ASSETS": str(tmp_path)})


def test_without_go_the_reason_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match=r"set KUBEBUILDER_ASSETS .* or install Go"):
        find({"HOME": str(tmp_path), "PATH": str(tmp_path)})


def test_the_cache_follows_its_variable(tmp_path: Path) -> None:
    folder = cache_folder({"WEIR_KUBE_CACHE": str(tmp_path)})
    assert folder.parent == tmp_path
    assert cache_folder({"HOME": str(tmp_path)}) == tmp_path / ".cache" / "weir" / folder.name
    assert os.sep not in folder.name
