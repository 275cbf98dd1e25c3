"""The chart weir without a cluster: it lints, renders in every form, refuses bad values clearly."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.cluster.binaries import Binaries
from support.cluster.charts import CHART, EVERYTHING, GPU, ROOT, options, render
from support.cluster.client import Client

pytestmark = pytest.mark.cluster
FORMS = {
    "plain": (),
    "everything": EVERYTHING,
    "gpu": GPU,
    "gpu sidecar": ("scorer.gpu.enabled=true",),
    "no operator": ("operator.enabled=false",),
    "own accounts": (
        *("gateway.serviceAccount.create=false", "gateway.serviceAccount.name=mine"),
        *("operator.serviceAccount.create=false", "operator.serviceAccount.name=mine"),
    ),
    "own certificate": ("operator.tls.existingSecret=mine",),
    "registry": ("image.registry=registry.invalid/team", "image.tag=9.9.9"),
    "long name": ("fullnameOverride=" + "n" * 60,),
}
REFUSED = {
    "gateway.replicas=-1": r"gateway/replicas.*minimum",
    "gateway.replicas=many": r"gateway/replicas.*want integer",
    "gateway.replica=3": r"gateway.*additional properties 'replica' not allowed",
    "gatway.replicas=3": r"additional properties 'gatway' not allowed",
    "scorer.mode=both": r"scorer/mode.*'sidecar', 'service'",
    "scorer.gpu.device=cpu": r"scorer/gpu/device.*'cuda', 'tensorrt'",
    "telemetry.endpoint=collector:4317": r"telemetry/endpoint.*does not match pattern",
    "telemetry.sampleRatio=2": r"telemetry/sampleRatio",
    "gateway.image.digest=abc": r"gateway/image/digest.*does not match pattern",
    "gateway.logLevel=loud": r"gateway/logLevel.*'debug'",
    "gateway.drainSeconds=0": r"gateway/drainSeconds.*minimum",
    "gateway.cloudIdentity=gcp": r"gateway/cloudIdentity.*'google'",
    "gateway.extproc.unknown=drop": r"gateway/extproc/unknown.*'pass', 'refuse'",
    "gateway.extproc.port=0": r"gateway/extproc/port.*minimum",
}


@pytest.fixture(scope="module")
def helm(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Helm with no cluster behind it."""
    return Client(binaries, tmp_path_factory.mktemp("helm") / "none.kubeconfig")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_lints_and_renders(helm: Client, form: str) -> None:
    helm.helm("lint", "--strict", str(CHART), *options(FORMS[form]))
    rendered = render(helm, *FORMS[form])
    assert rendered.of("Deployment")
    for each in rendered.objects:
        rbac = "Role" in each["kind"]  # their names may be long, and hold the namespace's
        assert rbac or len(each["metadata"]["name"]) <= 63
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "weir"


@pytest.mark.parametrize("value", REFUSED)
def test_a_bad_value_is_refused_by_its_name(helm: Client, value: str) -> None:
    ran = helm.try_("helm", "template", "weir", str(CHART), "--set", value)
    assert ran.code != 0
    assert re.search(REFUSED[value], ran.err), ran.err


def test_an_account_that_is_not_made_must_be_named(helm: Client) -> None:
    refused = "gateway.serviceAccount.create=false"
    ran = helm.try_("helm", "template", "weir", str(CHART), "--set", refused)
    assert ran.code != 0
    assert "name the account in gateway.serviceAccount.name" in ran.err


@pytest.mark.parametrize("form", FORMS)
def test_every_container_is_restricted(helm: Client, form: str) -> None:
    rendered = render(helm, *FORMS[form])
    for container in rendered.containers():
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]
    for pod in rendered.pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_envoy_is_served_where_it_is_asked_for(helm: Client) -> None:
    assert "extproc" not in str(render(helm).objects)
    settings = ("gateway.extproc.enabled=true", "gateway.extproc.port=50053")
    rendered = render(helm, *settings)
    ports = rendered.one("Service", "weir-gateway")["spec"]["ports"]
    assert ports[1] == {
        "name": "extproc",
        "port": 50053,
        "targetPort": "extproc",
        "appProtocol": "kubernetes.io/h2c",
    }
    ingress = rendered.one("NetworkPolicy", "weir-gateway")["spec"]["ingress"]
    assert ingress[0]["ports"] == [{"port": "http"}, {"port": "extproc"}]


def test_a_pod_outlives_its_drain(helm: Client) -> None:
    settings = ("gateway.drainSeconds=90", "gateway.preStopSeconds=7")
    gateway = render(helm, *settings).one("Deployment", "weir-gateway")
    pod = gateway["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 7
    assert pod["terminationGracePeriodSeconds"] > 97


def test_the_sidecar_starts_first_and_leaves_last(helm: Client) -> None:
    pod = render(helm).one("Deployment", "weir-gateway")["spec"]["template"]["spec"]
    (scorer,) = pod["initContainers"]
    assert scorer["name"] == "scorer"
    assert scorer["restartPolicy"] == "Always"
    # A scorer that is away must not take its gateway out of the Service: the policy says what then.
    assert "readinessProbe" not in scorer


def test_a_gpu_is_asked_for_once(helm: Client) -> None:
    pod = render(helm, *GPU).one("Deployment", "weir-scorer")["spec"]["template"]["spec"]
    (scorer,) = pod["containers"]
    assert scorer["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert scorer["image"].startswith("weir-scorer-gpu:")
    assert pod["runtimeClassName"] == "nvidia"


TOKEN_SERVERS = {
    "": set[str](),
    "aws": {"169.254.169.254/32", "169.254.170.23/32", "fd00:ec2::23/128"},
    "google": {"169.254.169.252/32", "169.254.169.254/32"},
    "azure": {"169.254.169.254/32"},
}


@pytest.mark.parametrize("cloud", TOKEN_SERVERS)
def test_a_clouds_identity_opens_the_way_to_its_token_server(helm: Client, cloud: str) -> None:
    rendered = render(helm, f"gateway.cloudIdentity={cloud}")
    egress = rendered.one("NetworkPolicy", "weir-gateway")["spec"]["egress"]
    blocks = [to["ipBlock"] for rule in egress for to in rule.get("to", ()) if "ipBlock" in to]
    assert {b["cidr"] for b in blocks if "except" not in b} == TOKEN_SERVERS[cloud]
    pod = rendered.one("Deployment", "weir-gateway")["spec"]["template"]["metadata"]
    assert ("azure.workload.identity/use" in pod["labels"]) is (cloud == "azure")


def test_a_digest_wins_over_a_tag(helm: Client) -> None:
    digest = "sha256:" + "a" * 64
    rendered = render(helm, f"gateway.image.digest={digest}", "image.registry=registry.invalid/")
    pod = rendered.one("Deployment", "weir-gateway")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"registry.invalid/weir-gateway@{digest}"


def test_values_and_schema_name_the_same_things_with_a_description() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    undescribed = list(_undescribed(schema, schema, ""))
    assert undescribed == []


def test_each_alert_has_its_page(helm: Client) -> None:
    (rule,) = render(helm, "monitoring.prometheusRule.enabled=true").of("PrometheusRule")
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    for alert in rule["spec"]["groups"][0]["rules"]:
        anchor = alert["annotations"]["runbook_url"].removeprefix("docs/kubernetes.md#")
        assert f"### {alert['alert']}\n" in page
        assert anchor == alert["alert"].lower()


def test_the_dashboard_is_json(helm: Client) -> None:
    config = render(helm, *EVERYTHING).one("ConfigMap", "weir-dashboard")
    dashboard = json.loads(config["data"]["weir.json"])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_chart_carries_the_project_s_version() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.+)"$', text, re.MULTILINE)
    chart = Path(CHART / "Chart.yaml").read_text()
    assert f"\nversion: {version}\n" in chart
    assert f"\nappVersion: {version}\n" in chart


def _undescribed(schema: Any, root: Any, path: str) -> list[str]:
    """Properties without a description, and objects open to misspelt names."""
    found: list[str] = []
    for name, each in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        target = root["$defs"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        if not target.get("description"):
            found.append(where)
        found += _undescribed(target, root, where)
    return found
