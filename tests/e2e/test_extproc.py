"""`weir extproc` over policy files, with Envoy before it as the documentation has it."""

from pathlib import Path

import aiohttp

from support.bundles import ROOT, default_bundle
from support.envoy import Bootstrap, running_envoy
from support.envoy_world import chat
from support.gateway import HEADERS
from support.programs import weir
from support.upstream import answering, completion, running_upstream
from weir_cli.ledger.sums import read_sums

POLICIES = ROOT / "examples" / "envoy" / "policies.yaml"


async def test_one_command_decides_for_envoy(tmp_path: Path) -> None:
    made = Bootstrap()
    ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    bundle = ["--bundle", str(default_bundle())]
    tools = [{"type": "function", "function": {"name": "f"}}]
    async with running_upstream(answering(completion())) as provider:
        with weir("extproc", "-f", str(POLICIES), *ports, *bundle, log=tmp_path / "log") as program:
            made.endpoint("weir", int(program.url.rpartition(":")[2]))
            made.endpoint("strong", provider.port)
            async with (
                running_envoy(made, tmp_path) as envoy,
                aiohttp.ClientSession(headers=HEADERS) as session,
                session.post(
                    f"{envoy.url}/v1/chat/completions", data=chat("hello", tools=tools)
                ) as response,
            ):
                assert response.status == 200
                assert response.headers["x-weir-reason"] == "rule:tools"
                await response.read()
    assert b'"gpt-4o"' in provider.received[0].body
    (total,) = read_sums(tmp_path / "ledger.db", "policy", 0)[0]
    assert (total.requests, total.uncounted) == (1, 0)
