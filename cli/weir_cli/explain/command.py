"""`weir explain`: how a prompt would be routed, with nothing sent."""

import asyncio
import json
import secrets
import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from weir_cli.explain.explanation import Explanation, describe
from weir_cli.explain.in_process import InProcessScorer
from weir_cli.explain.picture import Picture
from weir_cli.failure import Failure
from weir_cli.options import BUNDLE, FILES, JSON, SPEND, existing_bundle
from weir_cli.output import show
from weir_cli.policy_files import compile_files
from weir_cli.score_bar import Scale
from weir_gateway.adapters.budget.memory import MemoryTreasury
from weir_gateway.adapters.budget.sqlite import SqliteTreasury
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.route_table.codec import decode
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.parse.openai_chat import parse
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.budget.ports import Treasury
from weir_gateway.routing.explain import Explainer
from weir_scorer import Bundle

_ANY_MODEL = "auto"
_PATIENCE = 30.0  # seconds; a person waits longer than a request, and the first score is a cold one


@click.command()
@FILES
@BUNDLE
@click.option("--policy", default="", metavar="NAME", help="Ask this policy and no other.")
@click.option("--model", default="", metavar="NAME", help="What the client writes in `model`.")
@click.option(
    "--temperature", type=float, metavar="N", help="What the client asks for; caches go by it."
)
@SPEND
@JSON
@click.argument("prompt")
def explain(  # noqa: PLR0913 - one parameter an option
    paths: tuple[Path, ...],
    bundle: Path,
    *,
    policy: str,
    model: str,
    temperature: float | None,
    spend: Path,
    as_json: bool,
    prompt: str,
) -> None:
    """Show how PROMPT would be routed, and why; `-` reads it from standard input.

    Nothing is sent to any model. The decision is the gateway's own, made in this process.
    """
    done = compile_files(paths, existing_bundle(bundle))
    table = _only(decode(done.table), policy) if policy else decode(done.table)
    asked = model or _first_model(table)
    request = _request(asked, sys.stdin.read() if prompt == "-" else prompt, temperature)
    try:
        with Bundle.open(bundle, devices=["cpu"]) as opened:
            explanation = asyncio.run(_explain(opened, request, table, _treasury(spend)))
    except WeirError as refused:
        raise Failure(f"{refused.message} ({refused.status} {refused.code})") from refused
    show(Picture(explanation), explanation.to_json(), as_json=as_json)


def _treasury(spend: Path) -> Treasury:
    """What was spent, read and never written; nothing where no gateway has kept anything."""
    return SqliteTreasury(spend, read_only=True) if spend.is_file() else MemoryTreasury()


async def _explain(
    bundle: Bundle, request: Request, table: RouteTable, treasury: Treasury
) -> Explanation:
    explainer = Explainer(
        scorer=InProcessScorer(bundle),
        conditions=CelConditions(),
        ids=lambda: DecisionId(secrets.token_hex(16)),
        score_within=_PATIENCE,
        budgets=Budgets(treasury, time.monotonic, time.time, secrets.token_hex(16)),
    )
    explained = await explainer.explain(request, table)
    routers = bundle.description().routers
    scales = {router.name: Scale(router.calibration.quantiles) for router in routers}
    return describe(request.model, explained, scales)


def _request(model: str, prompt: str, temperature: float | None) -> Request:
    """The request a client would send, read the way the gateway reads it."""
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    if temperature is not None:
        body["temperature"] = temperature
    return parse(json.dumps(body).encode(), {})


def _only(table: RouteTable, policy: str) -> RouteTable:
    """The table with one policy, named with or without its namespace."""
    kept = tuple(p for p in table.policies if policy in {p.id, p.id.partition("/")[2]})
    if not kept:
        known = ", ".join(p.id for p in table.policies)
        raise Failure(f"There is no policy {policy}.", hint=f"There are: {known}")
    return replace(table, policies=kept)


def _first_model(table: RouteTable) -> str:
    """`auto` where a policy serves it, else what the first policy serves."""
    names = [name for policy in table.policies for name in policy.models]
    return _ANY_MODEL if _ANY_MODEL in names or not names else names[0]
