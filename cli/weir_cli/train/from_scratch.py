"""`weir train` without --from: a bundle from labels alone. Thin: the lab does the work.

What has been read of the prompts lies in OUT.partial until the bundle is whole.
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
from weir_lab.datasets import Outcomes, find_leaks, load_battles, load_outcomes
from weir_lab.datasets.battles import Battles
from weir_lab.datasets.load import holds_battles, holds_outcomes
from weir_lab.datasets.prompts import load_prompts
from weir_lab.training.found import Story, read_for_scratch, widths_of, write_scratch
from weir_lab.training.near import Near, train_near
from weir_lab.training.needs import Needs, from_battles, from_outcomes, together
from weir_lab.training.scratch import Trained, train_scratch
from weir_scorer.build.assemble import refuse_to_overwrite

_UNCHECKED = "No evaluation set was named, so no leak was looked for (--held-out)."


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The command's options."""

    encoder: Path
    data: Path
    out: Path
    router: str
    weak: str | None
    strong: str | None
    held_out: Path | None
    seed: int
    also: tuple[str, ...]


def train_from_scratch(asked: TrainOptions, *, as_json: bool) -> None:
    """Train and write. Raises Failure."""
    if (asked.weak is None) != (asked.strong is None):
        raise click.UsageError("name both --weak and --strong, or neither")
    with lab_failures():
        refuse_to_overwrite(asked.out)
        say_step(f"reading {asked.data}")
        outcomes, battles, leaks = _load(asked)
        needs = _needs(asked, outcomes, battles)
        texts = (*needs.prompts, *(outcomes.prompts if outcomes is not None else ()))
        prompts = tuple(dict.fromkeys(texts))
    kept = asked.out.with_name(f"{asked.out.name}.partial")
    raw = _read(asked, prompts, kept)
    with lab_failures():
        say_step(f"fitting {len(needs)} labels")
        trained = train_scratch(raw, prompts, needs, outcomes, asked.seed)
        near = {
            kind: train_near(
                kind, raw, widths_of(asked.encoder, asked.router), prompts, needs, asked.seed
            )
            for kind in dict.fromkeys(asked.also)
        }
        story = Story(asked.data.name, asked.seed, needs.said, needs.notes, leaks)
        version = write_scratch(
            asked.encoder, asked.out, asked.router, prompts, trained, near, story
        )
    shutil.rmtree(kept, ignore_errors=True)
    _report(asked, trained, near, story, version, as_json=as_json)


def _read(asked: TrainOptions, prompts: Sequence[str], kept: Path) -> NDArray[np.float32]:
    with progress_bar() as progress, lab_failures():
        task = progress.add_task("reading prompts", total=len(prompts))
        return read_for_scratch(
            asked.encoder,
            asked.router,
            prompts,
            kept,
            lambda more: progress.update(task, advance=more),
        )


def _load(asked: TrainOptions) -> tuple[Outcomes | None, Battles | None, str]:
    outcomes = load_outcomes(asked.data) if holds_outcomes(asked.data) else None
    battles = load_battles(asked.data) if holds_battles(asked.data) else None
    if asked.held_out is None:
        return outcomes, battles, _UNCHECKED
    held_out = load_prompts(asked.held_out)
    found: list[str] = []
    if outcomes is not None:
        leaks = find_leaks(outcomes.prompts, held_out)
        outcomes = outcomes.only(~leaks.any)
        found.append(f"{int(leaks.any.sum())} prompts left out: {leaks.summary}")
    if battles is not None:
        leaks = find_leaks(battles.prompts, held_out)
        battles = battles.only(~leaks.any)
        found.append(f"{int(leaks.any.sum())} battles left out: {leaks.summary}")
    return outcomes, battles, f"Leak check against {asked.held_out.name}: {'; '.join(found)}."


def _needs(asked: TrainOptions, outcomes: Outcomes | None, battles: Battles | None) -> Needs:
    parts: list[Needs] = []
    if outcomes is not None:
        parts.append(from_outcomes(outcomes, asked.weak, asked.strong))
    if battles is not None:
        parts.append(from_battles(battles))
    return together(parts)


def _report(
    asked: TrainOptions,
    trained: Trained,
    near: Mapping[str, Near],
    story: Story,
    version: str,
    *,
    as_json: bool,
) -> None:
    left = {"arrays", "scores"}
    facts = {key: value for key, value in asdict(trained).items() if key not in left}
    notes = [*story.notes, story.held_apart]
    if as_json:
        beside = {kind: found.apgr for kind, found in near.items()}
        print_json({"bundle": version, **facts, "also": beside, "notes": notes})
        return
    click.echo(f"{version} in {asked.out}")
    click.echo(
        f"{trained.train} labels trained; APGR on {trained.held_out} held out: linear "
        f"{trained.apgr:.3f}, prompt length {trained.length_apgr:.3f}, chance .5"
        + "".join(f", {kind} {found.apgr:.3f}" for kind, found in near.items())
    )
    for note in notes:
        click.echo(f"note: {note}", err=True)
