"""Chart and programs agree: every variable it sets exists, parses, and means its default."""

from pathlib import Path
from typing import Any

import pytest

from support.cluster.binaries import Binaries
from support.cluster.charts import EVERYTHING, GPU, ROOT, Rendered, environment, render
from support.cluster.client import Client
from weir_gateway.settings import Settings as GatewaySettings
from weir_operator.settings import Settings as OperatorSettings
from weir_runtime.settings import parse, specs
from weir_scorer.settings import Settings as ScorerSettings

pytestmark = pytest.mark.cluster
SETTINGS: dict[str, type] = {
    "gateway": GatewaySettings,
    "scorer": ScorerSettings,
    "operator": OperatorSettings,
}
FORMS = {"plain": (), "everything": EVERYTHING, "gpu": GPU}
# Where a cluster wants something else than a program on its own, and why.
DELIBERATE = {
    "WEIR_DRAIN": "a rolling update asks nobody, so streams get longer to end",
    "WEIR_SCORER_ADMIN": "as a sidecar it shares the pod's address with the gateway's 9090",
    "WEIR_SCORER_LISTEN": "as a sidecar it listens on the pod's own socket",
    "WEIR_OPERATOR_GATEWAYS": "the release's own gateways get tables, and nobody else",
    "WEIR_OPERATOR_REPLICAS": "the release's own operator tells of gateways, and nobody else",
    "WEIR_OPERATOR_TLS_NAME": "replicas are reached by address and known by the Service's name",
    "WEIR_SCORER_DEVICE": "the image says which device there is; nothing is guessed",
}
# What the program leaves unset and a cluster always has.
PLACES = {
    *("WEIR_ROUTETABLE_FILE", "WEIR_ROUTETABLE_KEEP"),
    *("WEIR_OPERATOR", "WEIR_OPERATOR_CA", "WEIR_OPERATOR_TOKEN", "WEIR_OPERATOR_TLS"),
    *("WEIR_OPERATOR_HOST", "WEIR_BATCHES"),
    *("WEIR_REDIS", "WEIR_REDIS_PASSWORD_FILE", "WEIR_REDIS_CA"),
    "WEIR_EXTPROC",
}

ADDRESSES = {"WEIR_OPERATOR", "WEIR_OPERATOR_HOST", "WEIR_REDIS", "WEIR_EXTPROC"}


@pytest.fixture(scope="module")
def helm(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Helm with no cluster behind it."""
    return Client(binaries, tmp_path_factory.mktemp("helm") / "none.kubeconfig")


def ours(rendered: Rendered, name: str) -> dict[str, str]:
    """The WEIR_* variables of one program's container."""
    (container,) = (each for each in rendered.containers() if each["name"] == name)
    return {k: v for k, v in environment(container).items() if k.startswith("WEIR_")}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("program", SETTINGS)
def test_every_variable_is_one_the_program_reads(helm: Client, program: str, form: str) -> None:
    variables = ours(render(helm, *FORMS[form]), program)
    known = {spec.variable for spec in specs(SETTINGS[program])}
    assert variables.keys() <= known
    parse(SETTINGS[program], variables)


@pytest.mark.parametrize("program", SETTINGS)
def test_the_chart_s_defaults_are_the_program_s(helm: Client, program: str) -> None:
    defaults = {spec.variable: spec.default for spec in specs(SETTINGS[program])}
    for variable, value in ours(render(helm), program).items():
        if variable in DELIBERATE:
            assert value != defaults[variable], f"{variable} agrees again: drop it from the list"
        elif variable in PLACES:
            assert defaults[variable] is None
        else:
            assert value == defaults[variable], variable


def test_ports_are_those_of_the_contract(helm: Client) -> None:
    rendered = render(helm, *EVERYTHING)
    ports = {name: _ports(rendered, name) for name in ("gateway", "scorer", "operator")}
    assert ports == {
        "gateway": {"http": 8080, "admin": 9090, "extproc": 9002},
        "scorer": {"grpc": 50051, "admin": 9090},
        "operator": {"grpc": 50052, "admin": 9090},
    }


def test_the_image_holds_the_bundle_where_the_scorer_looks(helm: Client) -> None:
    place = ours(render(helm), "scorer")["WEIR_SCORER_BUNDLE"]
    assert f"COPY --from=bundle {place} {place}\n" in (ROOT / "Dockerfile.scorer").read_text()


@pytest.mark.parametrize("form", ["plain", "everything"])
def test_what_is_read_is_mounted(helm: Client, form: str) -> None:
    containers = {each["name"]: each for each in render(helm, *FORMS[form]).containers()}
    for name in ("gateway", "operator"):
        mounted = {Path(each["mountPath"]) for each in containers[name]["volumeMounts"]}
        for variable, value in environment(containers[name]).items():
            if variable in PLACES - ADDRESSES:
                assert {Path(value), Path(value).parent} & mounted, variable


def _ports(rendered: Rendered, name: str) -> dict[str, int]:
    (container,) = (each for each in rendered.containers() if each["name"] == name)
    found: list[dict[str, Any]] = container["ports"]
    return {each["name"]: each["containerPort"] for each in found}
