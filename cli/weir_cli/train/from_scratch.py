"""`weir train` without --from: a bundle from labels alone, by the lab.

OUT.partial keeps what has been read of the prompts until the bundle is complete.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from weir_cli.lab_helpers import lab_failures, progress_bar, say_step
from weir_cli.output import print_json
from weir_lab.bundles.write_bundle import (
    DataCard,
    TrainedRouters,
    block_widths,
    read_cached_columns,
    write_trained_bundle,
)
from weir_lab.datasets import Outcomes, find_leaks, load_battles, load_outcomes
from weir_lab.datasets.battles import Battles
from weir_lab.datasets.load import holds_battles, holds_outcomes, load_prompts
from weir_lab.routers import FROM_LABELS
from weir_lab.routers.from_labels import TrainedLinear, TrainedRouter, train_linear, train_router
from weir_lab.routers.targets import Targets, from_battles, from_outcomes, together
from weir_scorer.build.assemble import refuse_to_overwrite

_UNCHECKED = "No evaluation set was named, so no leak was looked for (--held-out)."


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The command's options."""

    bundle: Path  # whose encoder reads the prompts
    data: Path
    out: Path
    router: str
    weak: str | None
    strong: str | None
    held_out: Path | None
    seed: int
    also: tuple[str, ...]


def train_from_scratch(options: TrainOptions, *, as_json: bool) -> None:
    """Train and write. Raises Failure."""
    if (options.weak is None) != (options.strong is None):
        raise click.UsageError("name both --weak and --strong, or neither")
    for name in options.also:
        if name not in FROM_LABELS:
            known = ", ".join(FROM_LABELS)
            raise click.BadParameter(f"{name!r} is not one of {known}", param_hint="--also")
    with lab_failures():
        refuse_to_overwrite(options.out)
        say_step(f"reading {options.data}")
        outcomes, battles, leaks = _load(options)
        needs = _needs(options, outcomes, battles)
        texts = (*needs.prompts, *(outcomes.prompts if outcomes is not None else ()))
        prompts = tuple(dict.fromkeys(texts))
    partial = options.out.with_name(f"{options.out.name}.partial")
    raw = _read(options, prompts, partial)
    with lab_failures():
        say_step(f"fitting {len(needs)} labels")
        widths = block_widths(options.bundle, options.router)
        trained = train_linear(raw, widths, prompts, needs, outcomes, options.seed)
        near = {
            kind: train_router(
                kind,
                raw,
                widths,
                prompts,
                needs,
                options.seed,
            )
            for kind in dict.fromkeys(options.also)
        }
        story = DataCard(options.data.name, options.seed, needs.models, needs.notes, leaks)
        version = write_trained_bundle(
            options.bundle,
            options.out,
            options.router,
            TrainedRouters(prompts, trained, near),
            story,
        )
    shutil.rmtree(partial, ignore_errors=True)
    _report(options, trained, near, story, version, as_json=as_json)


def _read(options: TrainOptions, prompts: Sequence[str], partial: Path) -> NDArray[np.float32]:
    with progress_bar() as progress, lab_failures():
        task = progress.add_task("reading prompts", total=len(prompts))
        return read_cached_columns(
            options.bundle,
            options.router,
            prompts,
            partial,
            lambda more: progress.update(task, advance=more),
        )


def _load(options: TrainOptions) -> tuple[Outcomes | None, Battles | None, str]:
    outcomes = load_outcomes(options.data) if holds_outcomes(options.data) else None
    battles = load_battles(options.data) if holds_battles(options.data) else None
    if options.held_out is None:
        return outcomes, battles, _UNCHECKED
    held_out = load_prompts(options.held_out)
    found: list[str] = []
    if outcomes is not None:
        leaks = find_leaks(outcomes.prompts, held_out)
        outcomes = outcomes.only(~leaks.any)
        found.append(f"{int(leaks.any.sum())} prompts left out: {leaks.summary}")
    if battles is not None:
        leaks = find_leaks(battles.prompts, held_out)
        battles = battles.only(~leaks.any)
        found.append(f"{int(leaks.any.sum())} battles left out: {leaks.summary}")
    return outcomes, battles, f"Leak check against {options.held_out.name}: {'; '.join(found)}."


def _needs(options: TrainOptions, outcomes: Outcomes | None, battles: Battles | None) -> Targets:
    parts: list[Targets] = []
    if outcomes is not None:
        parts.append(from_outcomes(outcomes, options.weak, options.strong))
    if battles is not None:
        parts.append(from_battles(battles))
    return together(parts)


def _report(
    options: TrainOptions,
    trained: TrainedLinear,
    near: Mapping[str, TrainedRouter],
    story: DataCard,
    version: str,
    *,
    as_json: bool,
) -> None:
    left = {"arrays", "scores", "familiarity", "evidence"}
    facts = {key: value for key, value in asdict(trained).items() if key not in left}
    notes = [*story.notes, story.leak_check]
    if as_json:
        beside = {kind: found.apgr for kind, found in near.items()}
        print_json({"bundle": version, **facts, "also": beside, "notes": notes})
        return
    click.echo(f"{version} in {options.out}")
    click.echo(
        f"{trained.train} labels trained; APGR on {trained.held_out} held out: linear "
        f"{trained.apgr:.3f}, prompt length {trained.length_apgr:.3f}, chance .5"
        + "".join(f", {kind} {found.apgr:.3f}" for kind, found in near.items())
    )
    gain = trained.gain
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no difference shown"
    click.echo(
        f"linear over prompt length: {gain.value:+.3f} (95 % interval {gain.low:+.3f} to "
        f"{gain.high:+.3f}): {verdict}"
    )
    for note in notes:
        click.echo(f"note: {note}", err=True)
