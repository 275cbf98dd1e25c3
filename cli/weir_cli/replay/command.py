"""`weir replay`: what a policy would have cost and kept on record. Thin: the lab does the work."""

import asyncio
import json
import math
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from weir_cli.failure import Failure
from weir_cli.lab_helpers import lab_failures, progress_bar, say_step
from weir_cli.options import BUNDLE, JSON, existing_bundle
from weir_cli.output import show
from weir_cli.replay.local_replay import (
    Candidate,
    candidates,
    client_model,
    replay_locally,
    route_table,
)
from weir_cli.replay.simulated_judge import CascadeCosts, cascade_costs, side_costs, write_script
from weir_cli.up import compile_policies
from weir_lab.datasets import Outcomes, load_outcomes
from weir_lab.evaluation.report import plain
from weir_lab.metrics import Interval
from weir_lab.metrics.ranked import Floats
from weir_lab.replay import Choice, Ledger, settle
from weir_lab.replay import replay as ask

SCRIPTED_TOKENS = 8  # what a script's answers take


@click.command()
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Policies to start here, their backends replaced by the stand-in: nothing is paid for.",
)
@click.option("--gateway", metavar="URL", help="A running gateway instead; its backends are paid.")
@click.option("--key", envvar="WEIR_API_KEY", show_envvar=True, help="The gateway's API key.")
@click.option("--policy", help="The policy to judge, where the files have several.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Recorded outcomes: a file, or a folder of them.",
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="BACKEND=MODEL",
    help="A candidate and the model it is recorded as, weakest first.  [default: by name]",
)
@click.option("--source", help="Only the prompts that were recorded from this source.")
@BUNDLE
@click.option("--limit", type=click.IntRange(1), help="So many prompts, drawn by the seed.")
@click.option(
    "--judged",
    type=click.FloatRange(0.5, 1.0, max_open=True),
    metavar="SKILL",
    help="With -f: how often the judge of its cascade prefers a right answer to a wrong one.",
)
@click.option(
    "--repeated",
    type=click.FloatRange(0.0, 0.9),
    default=0.0,
    show_default=True,
    help="Share of requests that ask again what was asked, for policies that keep answers.",
)
@click.option("--concurrency", type=click.IntRange(1, 1024), default=32, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the ledger as JSON.")
@JSON
def replay(  # noqa: PLR0913 - one parameter an option
    *,
    paths: tuple[Path, ...],
    gateway: str | None,
    key: str | None,
    policy: str | None,
    data: Path,
    mapped: tuple[str, ...],
    source: str | None,
    bundle: Path,
    limit: int | None,
    judged: float | None,
    repeated: float,
    concurrency: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Send recorded prompts through a gateway over HTTP, and settle its choices.

    Quality and cost are those on record for the model chosen, beside always calling one model,
    drawing by lot and the best choice there was.
    """
    if bool(paths) == bool(gateway):
        raise click.UsageError("give either -f or --gateway")
    if judged is not None and gateway:
        raise click.UsageError("--judged is for -f: a running gateway's judge judges for itself")
    started = _started(paths, existing_bundle(bundle), policy, judged) if paths else _Started()
    known, model, cascade = started.known, started.model, started.cascade
    with lab_failures():
        say_step(f"reading {data}")
        outcomes = _of_source(load_outcomes(data), source)
    pairs = _mapping(mapped) if mapped else _by_name(known, outcomes)
    record = _repeated(_answered(outcomes, pairs, limit, seed), repeated, seed)

    async def send(url: str) -> tuple[Choice, ...]:
        with progress_bar() as progress:
            task = progress.add_task("replaying", total=len(record.prompts))
            return await ask(
                url,
                record.prompts,
                model=model,
                concurrency=concurrency,
                key=key,
                max_tokens=SCRIPTED_TOKENS if cascade is not None else 1,
                advance=lambda more: progress.update(task, advance=more),
            )

    if gateway:
        choices = asyncio.run(send(gateway.rstrip("/")))
    else:
        with _scripted(cascade, record, judged, seed) as script:
            choices = replay_locally(paths, bundle, send, script)
    with lab_failures():
        ledger = _settle(record, choices, seed, cascade)
    document = plain(asdict(ledger))
    if out is not None:
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    show(_table(ledger, record), document, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Started:
    """What is known of a policy that is started here; of a running gateway nothing is."""

    known: tuple[Candidate, ...] = ()
    model: str = "auto"
    cascade: CascadeCosts | None = None


def _started(
    paths: tuple[Path, ...], bundle: Path, policy: str | None, judged: float | None
) -> _Started:
    policies = compile_policies(paths, bundle)
    cascade = cascade_costs(route_table(policies), policy)
    if cascade is not None and judged is None:
        raise click.UsageError("the policy has a cascade: say how good its judge is, --judged")
    return _Started(candidates(policies, policy), client_model(policies, policy), cascade)


@contextmanager
def _scripted(
    cascade: CascadeCosts | None, record: "_Record", judged: float | None, seed: int
) -> Generator[Path | None]:
    """A script of answers that a judge of this skill is asked about; None where none is asked."""
    if cascade is None or judged is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
        script = Path(folder) / "answers.jsonl"
        write_script(script, cascade, record.prompts, record.quality[:, 0], judged, seed)
        yield script


@dataclass(frozen=True, slots=True)
class _Record:
    """The prompts that every candidate answered on record; columns are the candidates."""

    prompts: tuple[str, ...]
    backends: tuple[str, ...]
    models: tuple[str, ...]
    quality: Floats
    cost: Floats


def _of_source(outcomes: Outcomes, source: str | None) -> Outcomes:
    if source is None:
        return outcomes
    if source not in outcomes.sources:
        known = ", ".join(sorted(set(outcomes.sources)))
        raise Failure(f"Nothing is recorded from source {source!r}.", hint=f"There are: {known}")
    return outcomes.only(np.array([name == source for name in outcomes.sources]))


def _mapping(options: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [option.partition("=") for option in options]
    if any(not equals or not backend or not model for backend, equals, model in pairs):
        raise click.BadParameter("write BACKEND=MODEL", param_hint="--map")
    return [(backend, model) for backend, _, model in pairs]


def _by_name(known: Sequence[Candidate], outcomes: Outcomes) -> list[tuple[str, str]]:
    """Candidates recorded under their own, their profile's or their model's name."""
    pairs: list[tuple[str, str]] = []
    for candidate in known:
        recorded = next((name for name in candidate.aliases if name in outcomes.models), None)
        if recorded is None:
            raise Failure(
                f"Nothing is recorded for candidate {candidate.name!r}.",
                hint=f"--map {candidate.name}=MODEL, one of: {', '.join(outcomes.models)}",
            )
        pairs.append((candidate.name, recorded))
    if not pairs:
        raise click.UsageError("with --gateway, name every candidate with --map, weakest first")
    return pairs


def _answered(
    outcomes: Outcomes, pairs: Sequence[tuple[str, str]], limit: int | None, seed: int
) -> _Record:
    missing = [model for _, model in pairs if model not in outcomes.models]
    if missing:
        raise Failure(
            f"Nothing is recorded for model {missing[0]!r}.",
            hint=f"There are: {', '.join(outcomes.models)}",
        )
    columns = [outcomes.models.index(model) for _, model in pairs]
    rows = np.flatnonzero(np.isfinite(outcomes.quality[:, columns]).all(axis=1))
    if limit is not None:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:limit])
    if not len(rows):
        raise Failure("No prompt was answered by every candidate on record.")
    return _Record(
        prompts=tuple(outcomes.prompts[row] for row in rows),
        backends=tuple(backend for backend, _ in pairs),
        models=tuple(model for _, model in pairs),
        quality=outcomes.quality[rows][:, columns],
        cost=outcomes.cost[rows][:, columns],
    )


def _repeated(record: _Record, share: float, seed: int) -> _Record:
    """The record with so large a share of requests that ask again, in an order by chance."""
    if not share:
        return record
    count = len(record.prompts)
    rng = np.random.default_rng(seed)
    again = rng.integers(0, count, round(count * share / (1 - share)))
    rows: NDArray[np.intp] = rng.permutation(np.concatenate([np.arange(count), again]))
    order: list[int] = rows.tolist()
    return replace(
        record,
        prompts=tuple(record.prompts[row] for row in order),
        quality=record.quality[rows],
        cost=record.cost[rows],
    )


def _settle(
    record: _Record, choices: Sequence[Choice], seed: int, cascade: CascadeCosts | None
) -> Ledger:
    place = {backend: column for column, backend in enumerate(record.backends)}
    strangers = {c.backend for c in choices if c.backend} - place.keys()
    if strangers:
        raise Failure(
            f"The gateway chose {', '.join(sorted(strangers))}, which is no known candidate.",
            hint="name every candidate with --map BACKEND=MODEL",
        )
    chosen = [place.get(choice.backend, -1) for choice in choices]
    return settle(
        chosen=np.array(chosen, dtype=np.intp),
        reasons=[choice.reason or f"status {choice.status}" for choice in choices],
        candidates=record.backends,
        quality=record.quality,
        cost=record.cost,
        beside=side_costs(choices, record.prompts, record.cost, chosen, cascade),
        seed=seed,
    )


def _table(ledger: Ledger, record: _Record) -> Table:
    named = zip(record.backends, record.models, strict=True)
    reasons = ", ".join(f"{name} {count}" for name, count in sorted(ledger.reasons.items()))
    table = Table(
        title=(
            f"{ledger.prompts} prompts over HTTP, {ledger.unserved} not served; "
            + ", ".join(f"{backend} as {model}" for backend, model in named)
        ),
        caption=f"±: half of a 95 % bootstrap interval. Reasons: {reasons}",
        caption_justify="left",
    )
    last = record.backends[-1]
    for heading in ("choice", f"calls to {last}", "quality", "kept", "USD per 1,000", "saved"):
        table.add_column(heading, justify="left" if heading == "choice" else "right")
    for line in ledger.lines:
        table.add_row(
            line.name,
            f"{line.last_share:.1%}",
            _cell(line.quality, "{:.3f}"),
            _cell(line.kept, "{:.1%}"),
            _cell(line.usd, "{:.3f}"),
            _cell(line.saved, "{:.1%}"),
        )
    return table


def _cell(found: Interval, shape: str) -> str:
    if not math.isfinite(found.value):
        return "-"
    return f"{shape.format(found.value)} ±{shape.format((found.high - found.low) / 2)}"
