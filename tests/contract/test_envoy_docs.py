"""The configurations for Envoy and its gateways agree with the program and the chart."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from weir_cli.extproc import extproc
from weir_gateway.extproc.decide import OWN_HEADERS
from weir_gateway.extproc.server import SERVICE
from weir_operator.local import compile_paths

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "envoy"
PAGE = (ROOT / "docs" / "envoy.md").read_text(encoding="utf-8")
CHART = yaml.safe_load((ROOT / "charts" / "weir" / "values.yaml").read_text(encoding="utf-8"))


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_file_is_on_the_page(path: Path) -> None:
    assert f"examples/envoy/{path.name}" in PAGE


def test_the_policies_compile_and_their_models_have_routes() -> None:
    compiled = compile_paths([EXAMPLES / "policies.yaml"])
    assert [str(mistake) for mistake in compiled.mistakes] == []
    (policy,) = (d["spec"] for d in documents("policies.yaml") if d["kind"] == "RoutePolicy")
    weak, strong = (candidate["backend"] for candidate in policy["candidates"])
    routed = {
        "envoy.yaml": "exact: {}",
        "envoy-gateway.yaml": "value: {}",
        "istio.yaml": "exact: {}",
    }
    for name, match in routed.items():
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        assert match.format(strong) in text
        assert match.format(weak) not in text  # it has the last route


@pytest.mark.parametrize("name", ["envoy.yaml", "envoy-gateway.yaml"])
def test_what_weir_sets_is_hidden_from_providers(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    listed = re.search(r"\[(x-weir-[^\]]+)\]", text)
    assert listed is not None
    assert set(listed[1].split(", ")) == set(OWN_HEADERS)


def test_ports_are_the_charts_and_the_commands() -> None:
    port = CHART["gateway"]["extproc"]["port"]
    (listen,) = (option for option in extproc.params if option.name == "listen")
    assert str(listen.default).endswith(f":{port}")
    for name in ("envoy-gateway.yaml", "kgateway.yaml", "agentgateway.yaml"):
        assert f"name: weir-gateway, namespace: weir, port: {port}" in (EXAMPLES / name).read_text()
    assert f"outbound|{port}||weir-gateway.weir" in (EXAMPLES / "istio.yaml").read_text()


def test_the_page_names_the_service_for_health_checks() -> None:
    assert SERVICE in PAGE
