"""Rules on an agent's conversation, over real sockets on every client wire."""

import json
from pathlib import Path

import pytest

from support import resources as documents
from support.agent_conversations import WIRES, Conversation, Turn, fenced
from support.drafts import Draft, TableDraft
from support.gateway import HEADERS, backend, running_gateway
from support.upstream import answering, completion, running_upstream
from weir_agents.written import from_json
from weir_cli.ledger.database import open_ledger

PATHS = {
    "chat": "/v1/chat/completions",
    "legacy": "/v1/chat/completions",
    "fenced": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/auto:generateContent",
}
RULE = {"name": "stuck", "when": "request.agent.failingStreak > 2", "use": "strong"}
FAILS = Turn("", "bash", {"command": "pytest"}, "==== 1 failed in 0.1s ====")
PASSES = Turn("", "bash", {"command": "pytest"}, "==== 1 passed in 0.1s ====")
CASES: list[tuple[Conversation, str]] = [
    ([FAILS, FAILS], "weak"),
    ([FAILS, FAILS, FAILS], "strong"),
    ([FAILS, FAILS, FAILS, PASSES], "weak"),
]


def made(url: str) -> TableDraft:
    backends = [backend("weak", url), backend("strong", url)]
    policy = documents.policy(
        match={"models": ["auto"]},
        candidates=[{"backend": "weak"}, {"backend": "strong"}],
        rules=[RULE],
        objective={"threshold": "1"},
        failureMode={"scorer": "weak"},
        expose={"route": True},
    )
    return TableDraft(backends, [Draft(policy)], "v1")


@pytest.mark.parametrize("wire", PATHS)
async def test_the_third_failing_run_of_tests_brings_the_strong_model(
    wire: str, tmp_path: Path
) -> None:
    write = {**WIRES, "fenced": fenced}[wire]
    ledger = tmp_path / "ledger.db"
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, made(upstream.url), [("WEIR_LEDGER", str(ledger))]) as running,
    ):
        for turns, expected in CASES:
            body = write(turns).body
            async with running.session.post(
                running.url + PATHS[wire], data=body, headers=HEADERS
            ) as response:
                assert response.status == 200, await response.text()
                assert response.headers["x-weir-model"] == expected
    with open_ledger(ledger) as (database, _):
        rows = database.execute("SELECT agent FROM ledger ORDER BY at").fetchall()
    assert [from_json(agent).failing_streak for (agent,) in rows] == [2, 3, 0]


async def test_the_route_says_what_rules_see(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, made(upstream.url)) as running,
    ):
        bodies = [WIRES["chat"]([FAILS] * 3).body, WIRES["chat"]([]).body]
        agents: list[dict[str, object] | None] = []
        for body in bodies:
            async with running.session.post(
                f"{running.url}/v1/route", data=body, headers=HEADERS
            ) as response:
                agents.append(json.loads(await response.read())["agent"])
    assert agents[0] is not None
    assert (agents[0]["failingStreak"], agents[0]["harness"]) == (3, "unknown")
    assert agents[1] is None
