"""The page on Kubernetes, the examples it applies and the chart agree."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import pytest
import yaml

from weir_operator.apply.health import HealthReason
from weir_operator.apply.status import HEALTHY, PRICED, PriceReason, ProgramReason
from weir_operator.files.load import LoadedFiles, load
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_operator.plan.findings import Condition, Reason

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "charts/weir/values.yaml").read_text())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The Secret that the page's `kubectl create secret generic` makes."""
    command = r"kubectl -n (\S+) create secret generic (\S+) --from-literal=(\S+?)=\$OPENAI_API_KEY"
    (groups,) = re.findall(command, PAGE)
    namespace, name, key = groups
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {key: "sk-example"},
    }
    file = tmp_path / "secret.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture
def loaded(secret: Path) -> LoadedFiles:
    """What is on a cluster after the page's commands."""
    return load([EXAMPLES, secret])


def test_the_examples_serve_on_a_cluster(loaded: LoadedFiles) -> None:
    assert loaded.mistakes == ()
    plan = compile_table(loaded.resources, Form.CLUSTER)
    assert plan.problems == ()
    (policy,) = plan.table.policies
    (model,) = re.findall(r'"model":"(\w+)"', PAGE)
    assert list(policy.spec.match.models) == [model]
    assert len(plan.table.backends) == 2
    assert len(plan.credentials) == 1  # both backends share it


def test_a_missing_secret_is_named(loaded: LoadedFiles) -> None:
    plan = compile_table(replace(loaded.resources, secrets=()), Form.CLUSTER)
    messages = {
        str(problem.message) for ref, problem in plan.problems if "Backend" in str(ref.kind)
    }
    assert all("weir-keys" in message for message in messages)
    assert messages


def test_the_chart_lets_the_operator_read_the_examples_secret(secret: Path) -> None:
    metadata = yaml.safe_load(secret.read_text())["metadata"]
    (grant,) = VALUES["operator"]["secrets"]
    assert metadata["name"] in grant["names"]


def test_every_value_on_the_page_is_one_of_the_chart() -> None:
    written = {name for name in re.findall(r"`([a-z]\w*(?:\.\w+)+)`", PAGE) if _is_value(name)}
    known = set(_paths(VALUES))
    assert written - known == set()
    assert len(written) > 10


def test_defaults_on_the_page_are_the_chart_s() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \|", PAGE, re.MULTILINE)
    for name, written in filter(lambda row: _is_value(row[0]), rows):
        value: Any = VALUES
        for part in name.split("."):
            value = value[part]
        shown = {True: "on", False: "false"}.get(value, value) if isinstance(value, bool) else value
        if written != "all":  # an empty list of namespaces
            assert written == str(shown), name


def test_every_condition_and_every_reason_stands_on_the_page() -> None:
    section = PAGE.partition("## Conditions\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    conditions = {str(condition) for condition in Condition} | {
        *("Programmed", "Ready", HEALTHY, PRICED)
    }
    reasons = {str(r) for kind in (Reason, ProgramReason, HealthReason, PriceReason) for r in kind}
    assert named == conditions | reasons | {"observedGeneration", "lastTransitionTime"}


def test_the_production_values_are_valid() -> None:
    (block,) = re.findall(r"## Production values\n.*?```yaml\n(.*?)```", PAGE, re.DOTALL)
    schema = json.loads((ROOT / "charts/weir/values.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(yaml.safe_load(block))


def test_a_bare_peer_is_no_egress_rule() -> None:
    schema = json.loads((ROOT / "charts/weir/values.schema.json").read_text(encoding="utf-8"))
    peer = {"networkPolicy": {"gatewayTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}}
    assert not jsonschema_rs.validator_for(schema).is_valid(peer)


def _is_value(name: str) -> bool:
    return name.partition(".")[0] in VALUES


def _paths(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield before + key
        if isinstance(value, dict):
            yield from _paths(cast("dict[str, Any]", value), f"{before}{key}.")
