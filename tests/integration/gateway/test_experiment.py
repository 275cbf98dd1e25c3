"""An experiment over HTTP: variants that stay with their conversations, told from the ledger."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from support.drafts import TableDraft
from support.gateway import Running, backend, running_gateway, table
from support.upstream import answering, completion, running_upstream
from weir_cli.experiment.command import experiment
from weir_cli.ledger.sums import read_sums

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
ANSWER = completion(prompt=1000, output=1000)


def told(ledger: Path, *words: str) -> Result:
    return CliRunner().invoke(experiment, ["--ledger", str(ledger), *words])


async def ask(running: Running, session: str) -> str:
    async with await running.chat(BODY, x_weir_session=session) as response:
        assert response.status == 200
        return response.headers["x-weir-model"]


def varied(url: str) -> TableDraft:
    """Nothing scores here, so one candidate fewer: each answer costs the same."""
    made = table(backend("weak", url), backend("strong", url, micro_usd=10_000_000))
    policy = made.policies[0]
    policy.spec["variants"] = [
        {"name": name, "weight": 1, "objective": {"threshold": "0.5"}}
        for name in ("control", "new")
    ]
    return made


async def test_variants_are_told_from_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with running_upstream(answering(ANSWER)) as upstream:
        made = varied(upstream.url)
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            for n in range(220):
                await ask(running, f"session-{n // 2}")
            async with running.session.get(
                f"http://{running.gateway.bound_admin}/metrics"
            ) as response:
                metrics = await response.text()
    assert metrics.count("weir_variant_decisions_total{") == 2
    by_variant = {line.group: line.requests for line in read_sums(path, "variant", 0)[0]}
    assert sum(by_variant.values()) == 220
    assert set(by_variant) == {"control", "new"}
    assert all(count % 2 == 0 for count in by_variant.values())  # both requests of a conversation
    done = told(path, "--json")
    assert done.exit_code == 0
    found = json.loads(done.output)["experiment"]
    assert (found["policy"], found["control"], found["mixed"]) == ("shop/chat", "control", 0)
    assert [one["name"] for one in found["variants"]] == ["control", "new"]
    assert sum(one["conversations"] for one in found["variants"]) == 110
    assert found["split"]["p"] > 0.001
    shown = told(path).output
    assert "The split is as the weights say" in shown


async def test_a_shadow_says_what_it_would_have_saved(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with running_upstream(answering(ANSWER)) as upstream:
        made = table(
            backend("weak", upstream.url), backend("strong", upstream.url, micro_usd=10_000_000)
        )
        made.policies[0].spec["mode"] = "Shadow"
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            assert {await ask(running, "") for _ in range(60)} == {"strong"}
    shadow = json.loads(told(path, "--json").output)["shadow"]
    assert shadow["requests"] == 60
    assert shadow["strong"]["value"] == 0.0
    # 2,000 tokens a request, at 10 and at 1 USD a million.
    assert round(shadow["saved"]["value"], 9) == 0.018
    assert round(shadow["paid"] - shadow["intended"], 6) == round(60 * 0.018, 6)
    assert "saved per request: $0.018" in told(path).output
    assert told(path, "--policy", "chat").output == told(path).output
    mistyped = told(path, "--policy", "shop/chta")
    assert (mistyped.exit_code, "--policy shop/chat" in mistyped.output) == (1, True)


def test_a_ledger_without_an_experiment_is_told(tmp_path: Path) -> None:
    missing = told(tmp_path / "none.db")
    assert missing.exit_code != 0
