"""`weir explain --request` says where an agent's conversation stands."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.agent_conversations import Turn, chat
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
  price: {input: "9", output: "9"}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: agents}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  objective: {threshold: "1"}
  rules:
    - {name: stuck, when: request.agent.failingStreak > 2, use: strong}
"""
FAILS = Turn("", "bash", {"command": "pytest"}, "==== 1 failed in 0.1s ====")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def shown(folder: Path, bundle: Path, turns: int, *words: str) -> str:
    policies, body = folder / "policies.yaml", folder / "request.json"
    policies.write_text(FILES)
    body.write_bytes(chat([FAILS] * turns).body)
    arguments = ["-f", str(policies), "--bundle", str(bundle), "--request", str(body), *words]
    result = CliRunner().invoke(explain, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_third_failing_run_holds_the_rule(tmp_path: Path, bundle: Path) -> None:
    before = json.loads(shown(tmp_path, bundle, 2, "--json"))
    assert (before["choice"], before["agent_facts"]["failingStreak"]) == ("weak", 2)
    after = json.loads(shown(tmp_path, bundle, 3, "--json"))
    assert (after["choice"], after["reason"]) == ("strong", "rule:stuck")
    assert after["agent_facts"]["errorStreak"] == after["agent_facts"]["turnsSinceUser"] == 3


def test_the_picture_has_a_line_for_it(tmp_path: Path, bundle: Path) -> None:
    picture = " ".join(shown(tmp_path, bundle, 3).split())
    assert "agent an agent, 3 turns (3 since the user wrote), 3 calls, 3 errors" in picture
    assert "3 runs of tests, the last failed" in picture
