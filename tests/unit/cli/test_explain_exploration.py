"""`weir explain` says whether a prompt is near enough the threshold to be explored."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.bundles import tiny_bundle
from weir_cli.explain.command import explain

FILES = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: weak}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "1", output: "1"}
---
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: strong}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "10", output: "10"}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: length}
  objective: {threshold: "%s"}
  exploration: {band: "%s", share: 2%%, budget: {usd: "5", per: day}}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def shown(folder: Path, bundle: Path, threshold: str, band: str, *words: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(FILES % (threshold, band))
    arguments = ["-f", str(path), "--bundle", str(bundle), *words, "what is the sum ?"]
    result = CliRunner().invoke(explain, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_near_thing_says_what_the_other_way_costs(tmp_path: Path, bundle: Path) -> None:
    told = json.loads(shown(tmp_path, bundle, "1", "1", "--json"))
    assert told["choice"] == "weak"
    weak, strong = (each["cost_usd"] for each in told["candidates"])
    assert told["exploration"] == (
        f"2% of such requests go to strong for ${strong - weak:.6f} more, at most $5 per day"
    )
    assert "explores" in shown(tmp_path, bundle, "1", "1")


def test_what_is_out_of_the_band_says_so(tmp_path: Path, bundle: Path) -> None:
    told = json.loads(shown(tmp_path, bundle, "1", "0.000001", "--json"))
    assert told["exploration"] == (
        "not this one: 2% within 1e-06 of the threshold, at most $5 per day"
    )
