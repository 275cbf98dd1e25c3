"""`weir demo`: starts everything for a first look; `make run` calls it."""

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import click

from weir_cli.addresses import ANY_LOOPBACK_PORT, HostPort, free_address, url
from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.demo.client import AgentRow, Price, Row, ask_agent, ask_all, threshold
from weir_cli.demo.models import BadModels, Models, mock_models, prepare, real_models
from weir_cli.demo.picture import how_to_call, picture, session_picture
from weir_cli.demo.prompts import PROMPTS
from weir_cli.failure import Failure
from weir_cli.local import runner
from weir_cli.local.mock_provider import mock_provider
from weir_cli.local.runner import Hooks, Options
from weir_cli.options import JSON
from weir_cli.output import console, print_json, say
from weir_cli.policy_files import compile_files, compile_policies
from weir_cli.score_bar import Scale
from weir_runtime.loop import run
from weir_runtime.quantities import Address
from weir_scorer.bundle.calibration import parse_calibration
from weir_scorer.bundle.folder import Folder

_QUICKSTART = Path("examples/quickstart")


@dataclass(frozen=True, slots=True)
class _Demo:
    options: Options
    models: Models
    once: bool
    as_json: bool
    rows: list[Row] = field(default_factory=list[Row])


@click.command()
@BUNDLE
@click.option(
    "-f",
    "--file",
    "quickstart",
    type=click.Path(path_type=Path, file_okay=False),
    default=_QUICKSTART,
    show_default=True,
    help="The folder with models.yaml and policy.yaml.",
)
@click.option(
    "--listen",
    type=HostPort(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where to serve; port 0 takes a free one.",
)
@click.option(
    "--admin",
    type=HostPort(),
    default="127.0.0.1:9090",
    show_default=True,
    help="Probes and metrics: this port for the gateway, the next one for the scorer.",
)
@click.option("--once", is_flag=True, help="End after the table.")
@JSON
def demo(
    bundle: Path | None,
    quickstart: Path,
    listen: Address,
    admin: Address,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Start everything, send a few prompts over HTTP, show the decisions, stay up.

    The two models are `weir stand-in` unless OPENAI_API_KEY is set, or OPENAI_BASE_URL together
    with WEIR_DEMO_MODELS=WEAK,STRONG for any OpenAI-compatible server.
    """
    bundle_folder = require_bundle(bundle).resolve()
    at = free_address(ANY_LOOPBACK_PORT)
    models = _models(url(at))
    with tempfile.TemporaryDirectory(prefix="weir-demo-") as folder:
        paths = (*_prepared(quickstart, models, Path(folder)), *_agents(quickstart))
        options = Options(paths, bundle_folder, listen, admin, environment=_quiet())
        shown = _Demo(options, models, once, as_json)

        async def main(stop: asyncio.Event) -> int:
            if models.real:
                return await _show(shown, stop)
            async with mock_provider(at, ("--models", "small,large"), say):
                return await _show(shown, stop)

        run(main)


async def _show(shown: _Demo, stop: asyncio.Event) -> int:
    paths = tuple(shown.options.paths)
    bundle = shown.options.bundle

    async def ready(served: str) -> None:
        strongest = await asyncio.to_thread(_strongest, paths, bundle)
        rows = await ask_all(served, PROMPTS, strongest)
        scripted = not shown.models.real and len(paths) > 2  # noqa: PLR2004 - models, policy, agents
        turns = await ask_agent(served) if scripted else []
        drawn = await threshold(served, PROMPTS[0])
        _print(shown, rows, turns, drawn, served)
        if shown.once:
            stop.set()

    hooks = Hooks(lambda: compile_policies(paths, bundle), ready, say)
    return await runner.run(shown.options, hooks, stop)


def _print(
    shown: _Demo, rows: list[Row], turns: list[AgentRow], drawn: float | None, served: str
) -> None:
    if shown.as_json:
        models = {"real": shown.models.real, "names": shown.models.names}
        row_values = [row.to_json() for row in rows]
        session = [turn.to_json() for turn in turns]
        fields = {"url": served, "models": models, "threshold": drawn, "rows": row_values}
        print_json({**fields, "session": session})
        return
    out = console()
    out.print(picture(rows, drawn, _scale(shown.options.bundle), out.width))
    if turns:
        out.print(session_picture(turns))
    out.print(how_to_call(served, shown.models, shown.options.paths[1]))
    click.echo(f"ready {served}")


def _agents(quickstart: Path) -> tuple[Path, ...]:
    """The policy of the agent's session, where the examples have one."""
    policy = quickstart.parent / "agents" / "stage.yaml"
    return (policy,) if policy.is_file() else ()


def _strongest(paths: tuple[Path, ...], bundle: Path) -> Price:
    """The price of the policy's last candidate."""
    table = compile_files(paths, bundle).table
    last = table.policies[0].spec.candidates[-1].backend
    price = next(entry.spec.price for entry in table.backends if entry.id == last)
    return Price.of(price.input or 0, price.output or 0)


def _quiet() -> dict[str, str]:
    """Warnings and errors alone, so that the table stays readable."""
    return {"WEIR_LOG_LEVEL": os.environ.get("WEIR_LOG_LEVEL") or "warning"}


def _scale(bundle: Path) -> Scale:
    """Of the bundle's default router; read without loading the encoder."""
    manifest = (folder := Folder.open(bundle)).manifest
    calibrations = parse_calibration(folder.read(manifest.calibration))
    return Scale(calibrations[manifest.default_router].quantiles)


def _models(stand_in_url: str) -> Models:
    try:
        return real_models(os.environ) or mock_models(stand_in_url)
    except BadModels as wrong:
        raise Failure(str(wrong)) from wrong


def _prepared(quickstart: Path, models: Models, into: Path) -> tuple[Path, Path]:
    try:
        return prepare(quickstart, models, into)
    except OSError as missing:
        raise Failure(
            f"{missing.filename} is not there.",
            hint="Run this in a checkout of Weir, or name the quickstart's folder with -f.",
        ) from missing
