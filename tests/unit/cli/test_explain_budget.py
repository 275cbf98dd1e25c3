"""`weir explain` shows where a budget stands and which variant decides, and takes nothing."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.bundles import tiny_bundle
from weir_cli.explain.command import explain
from weir_gateway.adapters.budget.sqlite import SqliteBudgetStore
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.routing.budget.plan import span
from weir_gateway.routing.budget.ports import LeaseRequest
from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period

BACKEND = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: %s}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: %s
  price: {input: "%s", output: "%s"}
---
"""
POLICY = """
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: weak}, {backend: strong}]
  router: {name: length}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def shown(folder: Path, bundle: Path, more: str, *words: str) -> str:
    path = folder / "policy.yaml"
    files = (
        BACKEND % ("weak", "weak", 1, 1) + BACKEND % ("strong", "strong", 10, 10) + POLICY + more
    )
    path.write_text(files, encoding="utf-8")
    spend = folder / "spend.db"
    arguments = ["-f", str(path), "--bundle", str(bundle), "--spend", str(spend), *words, "hi"]
    result = CliRunner().invoke(explain, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def spend(folder: Path, usd: int) -> None:
    """As a gateway would have told it, in this month."""
    month = span(Period.MONTH, time.time())
    amount = PicoUsd(usd * PICO_PER_USD)
    claim = LeaseRequest(
        policy="default/chat",
        span=month.key,
        until=month.end,
        instance="a-gateway",
        limit=PicoUsd(100 * PICO_PER_USD),
        used=amount,
        least=amount,
        wanted=amount,
        spent=amount,
        requests=1,
    )
    asyncio.run(SqliteBudgetStore(folder / "spend.db").renew(claim))


BUDGET = '  objective: {budget: {usd: "100", per: month}}\n'


def test_a_fresh_period_where_nothing_was_kept(tmp_path: Path, bundle: Path) -> None:
    told = json.loads(shown(tmp_path, bundle, BUDGET, "--json"))
    assert told["objective"] == "budget $100 a month"
    assert (told["budget"]["spent"], told["budget"]["limit"]) == (0.0, 100.0)
    assert 0.0 <= told["budget"]["planned"] <= 100.0
    assert not (tmp_path / "spend.db").exists()


def test_what_gateways_have_spent_is_read_and_left_as_it_is(tmp_path: Path, bundle: Path) -> None:
    spend(tmp_path, 42)
    before = (tmp_path / "spend.db").read_bytes()
    told = json.loads(shown(tmp_path, bundle, BUDGET, "--json"))
    assert told["budget"]["spent"] == 42.0
    assert "$42.0000 of $100.00 spent in 20" in shown(tmp_path, bundle, BUDGET)
    assert (tmp_path / "spend.db").read_bytes() == before


def test_the_variant_that_decides_is_told(tmp_path: Path, bundle: Path) -> None:
    more = (
        '  objective: {threshold: "0.5"}\n'
        '  variants: [{name: only, weight: 7, objective: {threshold: "0"}}]\n'
    )
    told = json.loads(shown(tmp_path, bundle, more, "--json"))
    assert told["variant"] == "only, as 100% of conversations"
    assert (told["choice"], told["threshold"]) == ("strong", 0.0)
