"""The rights the chart grants, asked of a real API server: what is needed and nothing more."""

import pytest

from support.cluster.charts import CHART, options
from support.cluster.client import Client
from support.cluster.control_plane import ControlPlane

pytestmark = pytest.mark.cluster
ELSEWHERE = "kube-system"
EVERYWHERE = ""


def installed(plane: ControlPlane, *settings: str) -> str:
    """A namespace with the chart's objects in it; its name."""
    namespace = plane.namespace("rights")
    plane.admin.helm("install", namespace, str(CHART), "-n", namespace, *options(settings))
    return namespace


@pytest.fixture(scope="module")
def namespace(api_server: ControlPlane) -> str:
    """The chart with no values."""
    return installed(api_server, "fullnameOverride=weir")


@pytest.fixture(scope="module")
def operator(api_server: ControlPlane, namespace: str) -> Client:
    """The operator's own account."""
    return api_server.service_account(namespace, "weir-operator")


@pytest.mark.parametrize("resource", ["routepolicies", "modelbackends"])
def test_the_operator_watches_policies_and_backends_everywhere(
    operator: Client, resource: str
) -> None:
    for verb in ("get", "list", "watch"):
        assert operator.may(verb, f"{resource}.weir.dev", namespace=EVERYWHERE)
    assert operator.may("patch", f"{resource}.weir.dev", subresource="status", namespace=EVERYWHERE)
    for verb in ("create", "update", "patch", "delete", "deletecollection"):
        assert not operator.may(verb, f"{resource}.weir.dev"), verb


def test_the_operator_reads_the_named_secret_and_no_other(operator: Client) -> None:
    assert operator.may("get", "secrets/weir-keys")
    assert not operator.may("get", "secrets/weir-operator-tls")
    assert not operator.may("get", "secrets/weir-keys", namespace=ELSEWHERE)
    for verb in ("list", "watch", "create", "update", "patch", "delete"):
        assert not operator.may(verb, "secrets"), verb
        assert not operator.may(verb, "secrets", namespace=EVERYWHERE), verb


def test_the_operator_writes_its_own_two_objects_only(operator: Client) -> None:
    assert operator.may("patch", "configmaps/weir-routetable")
    for verb in ("get", "update"):
        assert operator.may(verb, "leases.coordination.k8s.io/weir-operator")
        assert not operator.may(verb, "configmaps/weir-routetable")
    for verb in ("get", "update", "patch"):
        assert not operator.may(verb, "configmaps/another")
        assert not operator.may(verb, "leases.coordination.k8s.io/another")
    for verb in ("create", "delete", "list"):
        assert not operator.may(verb, "configmaps")
        assert not operator.may(verb, "leases.coordination.k8s.io")


def test_the_operator_checks_tokens_and_tells_events(operator: Client) -> None:
    assert operator.may("create", "tokenreviews.authentication.k8s.io")
    assert operator.may("create", "events", namespace=ELSEWHERE)
    for verb in ("get", "list", "patch", "delete"):
        assert not operator.may(verb, "events", namespace=ELSEWHERE), verb


@pytest.mark.parametrize("what", ["pods", "namespaces", "serviceaccounts", "deployments.apps"])
def test_the_operator_sees_nothing_else(operator: Client, what: str) -> None:
    for verb in ("get", "list", "create", "delete"):
        assert not operator.may(verb, what), verb
    assert not operator.may("create", "pods", subresource="exec")


def test_the_gateway_may_do_nothing(api_server: ControlPlane, namespace: str) -> None:
    gateway = api_server.service_account(namespace, "weir-gateway")
    for what in ("secrets", "configmaps", "pods", "routepolicies.weir.dev", "leases"):
        for verb in ("get", "list", "create", "update"):
            assert not gateway.may(verb, what), (verb, what)
    assert not gateway.may("create", "tokenreviews.authentication.k8s.io")


def test_watched_namespaces_narrow_the_rights(api_server: ControlPlane) -> None:
    shop = api_server.namespace("shop")
    namespace = installed(
        api_server,
        *("fullnameOverride=weir", f"operator.watchNamespaces={{{shop}}}"),
        *(f"operator.secrets[0].namespace={shop}", "operator.secrets[0].names={openai}"),
    )
    operator = api_server.service_account(namespace, "weir-operator")
    assert operator.may("watch", "routepolicies.weir.dev", namespace=shop)
    assert operator.may("patch", "routepolicies.weir.dev", subresource="status", namespace=shop)
    assert not operator.may("watch", "routepolicies.weir.dev", namespace=EVERYWHERE)
    assert not operator.may("get", "routepolicies.weir.dev")
    assert operator.may("get", "secrets/openai", namespace=shop)
    assert not operator.may("get", "secrets/weir-keys")
    assert not operator.may("create", "events", namespace=ELSEWHERE)


def test_an_open_grant_reads_a_namespace_s_secrets_by_name(api_server: ControlPlane) -> None:
    grant = ("fullnameOverride=weir", "operator.secrets[0].names={*}")
    namespace = installed(api_server, *grant)
    operator = api_server.service_account(namespace, "weir-operator")
    assert operator.may("get", "secrets/anything")
    assert not operator.may("list", "secrets")
    assert not operator.may("get", "secrets/anything", namespace=ELSEWHERE)
