"""Sends recorded prompts through a gateway and settles its choices against the record."""

import asyncio
import json
import math
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from weir_cli.failure import Failure
from weir_cli.lab_helpers import lab_failures, progress_bar, say_step
from weir_cli.output import show
from weir_cli.policy_files import compile_policies
from weir_cli.replay.local_replay import Candidate, candidates, client_model, replay_locally
from weir_cli.replay.recorded import (
    RecordedPrompts,
    answered_by_all,
    map_by_name,
    of_source,
    parse_mapping,
    with_repeats,
)
from weir_cli.replay.simulated_judge import CascadeCosts, cascade_costs, side_costs, write_script
from weir_lab.datasets import load_outcomes
from weir_lab.evaluation.report import plain
from weir_lab.metrics import Interval
from weir_lab.replay import Choice, Ledger, Recorded, Target, settle
from weir_lab.replay import replay as replay_prompts

SCRIPTED_TOKENS = 8  # enough for each answer of a script


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """The command's options; exactly one of `paths` and `gateway` is given."""

    paths: tuple[Path, ...]
    gateway: str | None  # URL
    key: str | None
    policy: str | None
    data: Path
    mapped: tuple[str, ...]  # BACKEND=MODEL
    source: str | None
    bundle: Path | None  # None with `gateway`
    limit: int | None
    judge_skill: float | None  # in [0.5, 1)
    repeated: float  # share of requests, in [0, 0.9]
    concurrency: int
    seed: int
    out: Path | None


def replay_and_settle(options: ReplayOptions, *, as_json: bool) -> None:
    """Replay, settle, write OUT where given, print. Raises Failure."""
    policy = _policy(options)
    with lab_failures():
        say_step(f"reading {options.data}")
        outcomes = of_source(load_outcomes(options.data), options.source)
    mapped = options.mapped
    pairs = parse_mapping(mapped) if mapped else map_by_name(policy.candidates, outcomes)
    record = answered_by_all(outcomes, pairs, options.limit, options.seed)
    record = with_repeats(record, options.repeated, options.seed)
    choices = _choices(options, policy, record)
    with lab_failures():
        ledger = _settle(record, choices, options.seed, policy.cascade)
    document = plain(asdict(ledger))
    if options.out is not None:
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    show(_table(ledger, record), document, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Policy:
    """What is known of a policy that is started here; of a running gateway's, nothing."""

    candidates: tuple[Candidate, ...] = ()
    model: str = "auto"
    cascade: CascadeCosts | None = None


def _policy(options: ReplayOptions) -> _Policy:
    if options.bundle is None:
        return _Policy()
    policies = compile_policies(options.paths, options.bundle)
    cascade = cascade_costs(policies.table, options.policy)
    if cascade is not None and options.judge_skill is None:
        raise click.UsageError("the policy has a cascade: say how good its judge is, --judged")
    model = client_model(policies, options.policy)
    return _Policy(candidates(policies, options.policy), model, cascade)


def _choices(
    options: ReplayOptions, policy: _Policy, record: RecordedPrompts
) -> tuple[Choice, ...]:
    async def send(url: str) -> tuple[Choice, ...]:
        with progress_bar() as progress:
            task = progress.add_task("replaying", total=len(record.prompts))
            tokens = SCRIPTED_TOKENS if policy.cascade is not None else 1
            return await replay_prompts(
                Target(url, options.key, policy.model, tokens),
                record.prompts,
                concurrency=options.concurrency,
                advance=lambda more: progress.update(task, advance=more),
            )

    if options.bundle is None:
        return asyncio.run(send(str(options.gateway).rstrip("/")))
    with _script(options, policy.cascade, record) as script:
        return replay_locally(options.paths, options.bundle, send, script)


@contextmanager
def _script(
    options: ReplayOptions, cascade: CascadeCosts | None, record: RecordedPrompts
) -> Generator[Path | None]:
    """The answers that a judge of this skill judges; None without a cascade."""
    skill = options.judge_skill
    if cascade is None or skill is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
        script = Path(folder) / "answers.jsonl"
        write_script(script, cascade, record.prompts, record.quality[:, 0], skill, options.seed)
        yield script


def _settle(
    record: RecordedPrompts, choices: Sequence[Choice], seed: int, cascade: CascadeCosts | None
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
        Recorded(record.backends, record.quality, record.cost),
        np.array(chosen, dtype=np.intp),
        [choice.reason or f"status {choice.status}" for choice in choices],
        extra_usd=side_costs(choices, record.prompts, record.cost, chosen, cascade),
        seed=seed,
    )


def _table(ledger: Ledger, record: RecordedPrompts) -> Table:
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
            _cell(line.retained, "{:.1%}"),
            _cell(line.usd, "{:.3f}"),
            _cell(line.saved, "{:.1%}"),
        )
    return table


def _cell(interval: Interval, shape: str) -> str:
    if not math.isfinite(interval.value):
        return "-"
    return f"{shape.format(interval.value)} ±{shape.format((interval.high - interval.low) / 2)}"
