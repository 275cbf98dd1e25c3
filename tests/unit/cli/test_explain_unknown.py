"""`weir explain` shows how well a prompt is known, and the ledger's share of unknown traffic."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.bundles import tiny_bundle
from support.tables import STRONG, WEAK, request
from weir_cli.explain.command import explain
from weir_gateway.adapters.ledger.entry import Entry, entry
from weir_gateway.adapters.ledger.sqlite import SqliteLedger
from weir_gateway.domain.decision import Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.outcome import Outcome
from weir_policy.ids import PicoUsd, PolicyId, RouterName, TableVersion

BACKEND = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: %s}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: m
  price: {input: "1", output: "1"}
---
"""
POLICY = """
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  objective: {strongShare: 20%, unknown: strong}
"""
DECISION = RouteDecision(
    id=DecisionId("0"),
    policy=PolicyId("default/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
)
OUTCOME = Outcome(200, None, PicoUsd(0), PicoUsd(0), 0.0, 1.0)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A policy and a bundle, as the command's options."""
    path = tmp_path / "policy.yaml"
    path.write_text(BACKEND % "weak" + BACKEND % "strong" + POLICY, encoding="utf-8")
    return ["-f", str(path), "--bundle", str(tiny_bundle(tmp_path))]


def write_ledger(path: Path, known: list[float | None], policy: str = "default/chat") -> None:
    lines: list[Entry] = []
    for number, value in enumerate(known):
        scored = Scored(0.5, {}, BundleVersion("b"), RouterName("linear"), known=value)
        made = replace(
            DECISION, id=DecisionId(f"{policy}{number}"), policy=PolicyId(policy), scored=scored
        )
        lines.append(entry(request(), made, OUTCOME, at=1.0, content=False))
    SqliteLedger(path).write(lines)


def test_it_shows_the_share_of_unknown_traffic(tmp_path: Path, files: list[str]) -> None:
    ledger = tmp_path / "ledger.db"
    write_ledger(ledger, [0.01, 0.04, 0.5, 0.9, None])
    write_ledger(ledger, [0.0] * 9, policy="default/other")
    done = CliRunner().invoke(explain, [*files, "--ledger", str(ledger), "hello"])
    assert done.exit_code == 0, done.output
    assert "50.0% of 4 requests in the ledger are unknown" in done.output
    assert "prompts like the trained ones" in done.output


@pytest.mark.parametrize("content", [None, b"not a ledger"])
def test_without_a_ledger_it_explains_all_the_same(
    tmp_path: Path, files: list[str], content: bytes | None
) -> None:
    ledger = tmp_path / "ledger.db"
    if content is not None:
        ledger.write_bytes(content)
    done = CliRunner().invoke(explain, [*files, "--ledger", str(ledger), "--json", "hello"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown["traffic"] == ""
    assert 0 <= shown["known"] <= 1
    assert (shown["reason"] == "unknown") == shown["unknown"]
