"""The chart weir on a real API server with fake nodes: install, upgrade, roll back, remove."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from support.cluster.charts import CHART, options
from support.cluster.client import Client
from support.cluster.control_plane import ControlPlane

pytestmark = pytest.mark.cluster
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
WAIT = ("--wait", "--timeout", "90s")


@dataclass(frozen=True, slots=True)
class Release:
    """One installed release."""

    admin: Client
    namespace: str
    name: str = "weir"

    def helm(self, verb: str, *arguments: str) -> str:
        """A Helm command about this release."""
        return self.admin.helm(*verb.split(), self.name, *arguments, "-n", self.namespace)

    def upgrade(self, *settings: str) -> str:
        """`helm upgrade --wait`."""
        return self.helm("upgrade", str(CHART), *options(settings), *WAIT)

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object of the release's namespace."""
        return self.admin.get("-n", self.namespace, *arguments)

    def ready(self, deployment: str) -> int:
        """Its ready pods, once its rollout is over: `--wait` ends as soon as enough are."""
        self.admin.kubectl(
            *("-n", self.namespace, "rollout", "status"),
            *(f"deployment/{deployment}", "--timeout=60s"),
        )
        return self.ready_now(deployment)

    def ready_now(self, deployment: str) -> int:
        """Its ready pods, while a rollout goes on."""
        return int(self.get("deployment", deployment)["status"].get("readyReplicas", 0))


@pytest.fixture(scope="module")
def release(cluster: ControlPlane) -> Iterator[Release]:
    """The chart with no values, in a namespace that lets only restricted pods in."""
    made = Release(cluster.admin, cluster.namespace("release", RESTRICTED))
    out = made.helm("install", str(CHART), *WAIT)
    assert "kubectl get routepolicies" in out  # NOTES.txt
    yield made
    made.helm("uninstall", *WAIT)
    left = made.admin.get(
        "-n", made.namespace, "all,cm,secret,sa,role,rolebinding,netpol,pdb,lease"
    )
    names = {each["metadata"]["name"] for each in left["items"]}
    assert names <= {"kube-root-ca.crt", "default"}


def test_no_values_are_needed(release: Release) -> None:
    assert release.ready("weir-gateway") == 2
    assert release.ready("weir-operator") == 1
    budget = release.get("pdb", "weir-gateway")
    assert budget["spec"]["maxUnavailable"] == 1


def test_the_service_finds_the_gateways(release: Release) -> None:
    slices = release.get("endpointslices", "-l", "kubernetes.io/service-name=weir-gateway")
    addresses = [e["addresses"] for each in slices["items"] for e in each["endpoints"]]
    assert len(addresses) == 2


def test_helm_test_passes_and_fails(release: Release) -> None:
    # On a fake node nothing runs: this proves the hook, the node's test proves the answer.
    release.helm("test", "--timeout", "60s")


def test_an_upgrade_keeps_certificate_and_published_table(release: Release) -> None:
    before = release.get("secret", "weir-operator-tls")["data"]
    table = {"data": {"routetable.json": "{}"}}
    release.admin.kubectl(
        *("-n", release.namespace, "patch", "configmap", "weir-routetable"),
        *("--type=merge", "-p", json.dumps(table)),
    )
    pods = _template(release)
    release.upgrade("gateway.replicas=3")
    assert release.ready("weir-gateway") == 3
    assert release.get("secret", "weir-operator-tls")["data"] == before
    assert release.get("configmap", "weir-routetable")["data"] == table["data"]
    assert _template(release) == pods  # nothing was restarted for it


def test_a_bad_upgrade_leaves_the_old_pods_serving_and_rolls_back(release: Release) -> None:
    release.upgrade("gateway.replicas=2")
    never = "gateway.podAnnotations.test\\.weir\\.dev/pod=never-ready"
    ran = release.admin.try_(
        *("helm", "upgrade", release.name, str(CHART), "-n", release.namespace),
        *("--set", never, "--wait", "--timeout", "5s"),
    )
    assert ran.code != 0
    assert release.ready_now("weir-gateway") == 2  # maxUnavailable 0
    release.helm("rollback", *WAIT)
    deployment = release.get("deployment", "weir-gateway")
    assert deployment["status"]["updatedReplicas"] == 2
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert "test.weir.dev/pod" not in annotations


def test_the_scorer_moves_into_a_deployment_of_its_own(release: Release) -> None:
    release.upgrade("scorer.mode=service", "operator.replicas=2")
    assert release.ready("weir-scorer") == 2
    assert release.ready("weir-operator") == 2
    pod = release.get("deployment", "weir-gateway")["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    release.upgrade()
    assert release.ready("weir-gateway") == 2


def test_gpus_are_asked_of_the_scheduler(release: Release) -> None:
    release.upgrade("scorer.mode=service", "scorer.gpu.enabled=true")
    assert release.ready("weir-scorer") == 2
    release.upgrade()


def test_load_scales_the_gateways(release: Release) -> None:
    release.upgrade("gateway.autoscaling.enabled=true", "gateway.autoscaling.inFlight=20")
    scaler = release.get("hpa", "weir-gateway")["spec"]
    assert [each["type"] for each in scaler["metrics"]] == ["Resource", "Pods"]
    manifest = release.helm("get manifest")
    gateway = next(
        each
        for each in yaml.safe_load_all(manifest)
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "weir-gateway"
    )
    assert "replicas" not in gateway["spec"]  # the scaler's from now on
    release.upgrade()


def test_two_releases_live_in_one_namespace(release: Release) -> None:
    other = Release(release.admin, release.namespace, "second")
    other.helm("install", str(CHART), "--set", "gateway.replicas=1", *WAIT)
    assert other.ready("second-weir-gateway") == 1
    assert release.ready("weir-gateway") == 2
    other.helm("uninstall", *WAIT)


def _template(release: Release) -> dict[str, Any]:
    return dict(release.get("deployment", "weir-gateway")["spec"]["template"])
