"""Runs beside a weir_policy that has a row for `tokensPerDay`: uses it everywhere limits are."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.fakes import FakeAccounts, FakeIds, FakeScorer, FakeUpstreams
from support.limits import memory
from support.resources import backend, policy
from support.tables import request
from weir_cli.explain.policy_text import limits as explained
from weir_cli.key import key as key_command
from weir_gateway.adapters.keys import parse as parse_keys
from weir_gateway.adapters.limits.upstreams import LimitedUpstreams
from weir_gateway.adapters.route_table.build import build, read
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import LimitReached, UpstreamError
from weir_gateway.domain.request import ClientKey
from weir_gateway.domain.table import Backend, RouteTable
from weir_gateway.routing.pipeline import Ports, Routing
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.describe.crds import definitions
from weir_policy.describe.reference import field_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.spec.limits import Limit, Measure, Window

NAME = "tokensPerDay"
LIMIT = Limit(Measure.TOKENS, Window.DAY, 500)  # of two requests of 410, one fits
NOW = 1_800_014_400.0


def served() -> RouteTable:
    """From YAML through the operator's table to the gateway's."""
    documents = [
        backend("weak", limits={NAME: 500}),
        backend("strong"),
        policy(limits={"perKey": {NAME: 500}}),
    ]
    parsed = [parse(document) for document in documents]
    assert [mistake for one in parsed for mistake in one.mistakes] == []
    plan = compile_table(gather([p.resource for p in parsed if p.resource]), Form.FILE)
    assert plan.problems == ()
    built = build(read(plan.table_json), None)
    assert not built.refused
    return built.table


async def enforce(table: RouteTable, key: ClientKey | None) -> None:
    """The first request passes, the second is refused."""
    ports = Ports(
        scorer=FakeScorer(),
        upstreams=FakeUpstreams(),
        recorder=FakeAccounts(),
        conditions=CelConditions(),
        clock=lambda: NOW,
        ids=FakeIds(),
        limits=memory(lambda: NOW),
    )
    routing = Routing(ports, score_timeout=1)
    limited = replace(request(), key=key)
    await routing.decide(limited, table)
    with pytest.raises(LimitReached, match=rf"{NAME} is reached \(500 tokens a day\)"):
        await routing.decide(limited, table)


async def enforce_on_backend(backend: Backend) -> None:
    """The first call passes, the second is refused."""
    upstreams = LimitedUpstreams(FakeUpstreams(), memory(lambda: NOW))
    await upstreams.send(backend, request())
    with pytest.raises(UpstreamError, match=rf"limit of 500 a day \({backend.id}\.{NAME}\)"):
        await upstreams.send(backend, request())


def main() -> None:
    """Raises where the row is missing anywhere."""
    create = ["create", "--file", sys.argv[1], "--name", "a", "--tokens-per-day", "500"]
    assert CliRunner().invoke(key_command, create).exit_code == 0
    table = served()
    chat = table.policies[0]
    assert chat.limits is not None
    assert chat.limits.per_key == chat.candidates[0].limits == (LIMIT,)
    assert "500 tokens a day" in explained(chat, request())
    assert f"spec.limits.total.{NAME}" in field_table("RoutePolicy")
    assert f"spec.limits.{NAME}" in field_table("ModelBackend")
    assert json.dumps(definitions()).count(f'"{NAME}"') == 3
    asyncio.run(enforce(table, key=None))
    asyncio.run(enforce_on_backend(chat.candidates[0]))
    (key,) = parse_keys(Path(sys.argv[1]).read_bytes()).values()
    asyncio.run(enforce(replace(table, policies=(replace(chat, limits=None),)), key))


if __name__ == "__main__":
    main()
