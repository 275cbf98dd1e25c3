"""`weir explain`: how a request would be routed, with nothing sent."""

import asyncio
import secrets
import time
from dataclasses import replace
from pathlib import Path

import click

from weir.in_process import InProcessScorer
from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.explain.explanation import Explanation, describe
from weir_cli.explain.picture import Picture
from weir_cli.explain.request import APIS, RequestOptions, read_request
from weir_cli.explain.traffic import unknown_traffic
from weir_cli.failure import Failure
from weir_cli.options import FILES, JSON, LEDGER, SPEND
from weir_cli.output import say, show
from weir_cli.policy_files import compile_files
from weir_cli.score_bar import Scale
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.budget.sqlite import SqliteBudgetStore
from weir_gateway.adapters.route_table.build import build
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.session.weights import WeightsFolder
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.budget.ports import BudgetStore
from weir_gateway.routing.explain import Explainer
from weir_policy.model_patterns import sample_model
from weir_scorer import Bundle

_ANY_MODEL = "auto"
_SCORE_TIMEOUT = 30.0  # seconds; the first score is a cold one


@click.command()
@FILES
@BUNDLE
@click.option("--policy", default="", metavar="NAME", help="Use this policy and no other.")
@click.option("--model", metavar="NAME", help="What the client writes in `model`.")
@click.option("--image", "images", count=True, help="The prompt brings an image; may be repeated.")
@click.option(
    "--tools",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="The request offers N tools.",
)
@click.option(
    "--turns",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="N",
    help="The prompt is the N-th turn of the user.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VALUE",
    help="A header of the request; may be repeated.",
)
@click.option(
    "--temperature", type=float, metavar="T", help="The request's temperature; caches read it."
)
@click.option(
    "--request",
    "request_file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="A whole request body as JSON in place of PROMPT; - reads standard input.",
)
@click.option(
    "--api",
    type=click.Choice(APIS),
    help="With --request: the API that the body is for.  [default: found by its fields]",
)
@click.option(
    "--agent-weights",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="WEIR_AGENT_WEIGHTS",
    metavar="FOLDER",
    help="Where the weights are that the router `stage` names.",
)
@SPEND
@LEDGER
@JSON
@click.argument("prompt", required=False)
def explain(  # noqa: PLR0913 - one parameter per option
    paths: tuple[Path, ...],
    bundle: Path | None,
    *,
    policy: str,
    model: str | None,
    images: int,
    tools: int,
    turns: int,
    headers: tuple[str, ...],
    temperature: float | None,
    request_file: Path | None,
    api: str | None,
    agent_weights: Path | None,
    spend: Path,
    ledger: Path,
    as_json: bool,
    prompt: str | None,
) -> None:
    """Show how PROMPT would be routed, and why; `-` reads it from standard input.

    Nothing is sent to any model. The gateway's own code decides, in this process.
    """
    options = RequestOptions(
        prompt=prompt,
        file=request_file,
        api=api,
        images=images,
        tools=tools,
        turns=turns,
        temperature=temperature,
        headers=headers,
    )
    folder = require_bundle(bundle)
    files = compile_files(paths, folder)
    for warning in files.warnings:
        say(f"warning: {warning}")
    compiled = build(files.table, None).table
    table = _only(compiled, policy) if policy else compiled
    try:
        request = read_request(options, model, _first_model(table))
        with Bundle.open(folder, devices=["cpu"]) as opened:
            explainer = _explainer(opened, _budget_store(spend), agent_weights)
            explanation = asyncio.run(_explain(opened, request, table, explainer))
    except WeirError as refused:
        raise Failure(f"{refused.message} ({refused.status} {refused.code})") from refused
    explanation = replace(explanation, traffic=unknown_traffic(ledger, explanation.policy))
    show(Picture(explanation), explanation.to_json(), as_json=as_json)


def _budget_store(spend: Path) -> BudgetStore:
    """What budgets have spent, read only; nothing where no gateway has written yet."""
    return SqliteBudgetStore(spend, read_only=True) if spend.is_file() else MemoryBudgetStore()


def _explainer(bundle: Bundle, store: BudgetStore, weights: Path | None) -> Explainer:
    return Explainer(
        scorer=InProcessScorer(bundle),
        conditions=CelConditions(),
        ids=lambda: DecisionId(secrets.token_hex(16)),
        score_timeout=_SCORE_TIMEOUT,
        budgets=Budgets(store, time.monotonic, time.time, secrets.token_hex(16)),
        weights=None if weights is None else _read_weights(weights),
    )


def _read_weights(folder: Path) -> WeightsFolder:
    weights = WeightsFolder(folder)
    asyncio.run(weights.refresh())
    return weights


async def _explain(
    bundle: Bundle, request: Request, table: RouteTable, explainer: Explainer
) -> Explanation:
    explained = await explainer.explain(request, table)
    routers = bundle.description().routers
    scales = {router.name: Scale(router.calibration.quantiles) for router in routers}
    return describe(request.model, explained, scales)


def _only(table: RouteTable, policy: str) -> RouteTable:
    """The table with one policy, named with or without its namespace."""
    matching = tuple(p for p in table.policies if policy in {p.id, p.id.partition("/")[2]})
    if not matching:
        known = ", ".join(p.id for p in table.policies)
        raise Failure(f"There is no policy {policy}.", hint=f"There are: {known}")
    return replace(table, policies=matching)


def _first_model(table: RouteTable) -> str:
    """`auto` where a policy serves it, else the first name that the first policy serves."""
    names = [sample_model(name) for policy in table.policies for name in policy.models]
    return _ANY_MODEL if _ANY_MODEL in names or not names else names[0]
