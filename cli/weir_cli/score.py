"""`weir score`: prompts in, scores out, offline."""

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.failure import Failure
from weir_cli.prompts import Prompt, Source, open_prompts
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.errors import BundleError
from weir_scorer.engine.ports import EngineError, Scores
from weir_scorer.features.turns import as_prompt

_CHUNK = 1024  # prompts held at a time


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("-"))
@click.option("--router", default="default", show_default=True, help="A router of the bundle.")
@BUNDLE
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="CPU threads of the encoder.",
)
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar on standard error.  [default: on a terminal]",
)
def score(
    *,
    file: Path,
    router: str,
    bundle: Path | None,
    device: str,
    threads: int,
    progress: bool | None,
) -> None:
    """Score the prompts of FILE: JSONL lines {"id", "prompt"}, parquet, or - for standard input.

    In JSONL, "earlier" may list the user's turns before the prompt, which follow-ups depend on.
    Writes {"id", "score", "quality"} lines in the same order. A score is how likely a strong
    model's answer beats a weak one's; `quality` is per profiled model, empty where the router
    predicts none.
    """
    opened = _open(require_bundle(bundle), device, threads)
    with opened, open_prompts(file) as source, _bar(source, shown=progress) as bar:
        try:
            name = opened.engines[0].resolve(router)
        except EngineError as error:
            raise click.BadParameter(str(error), param_hint="--router") from error
        prompts = 0
        for lines in _scored(opened, source, name):
            sys.stdout.writelines(lines)
            prompts += len(lines)
            bar.update(bar.task_ids[0], completed=source.done(), prompts=prompts)
        sys.stdout.flush()


def _open(path: Path, device: str, threads: int) -> Bundle:
    try:
        return Bundle.open(path, devices=[device], threads=threads)
    except (BundleError, EngineError) as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--device") from error


def _scored(bundle: Bundle, source: Source, router: str) -> Iterator[list[str]]:
    """The lines of one chunk after another; a bad line ends it, after those before it."""
    while True:
        chunk, broken = _take(source)
        if chunk:
            prompts = [as_prompt((*prompt.earlier, prompt.text)) for prompt in chunk]
            scores = bundle.score(prompts, router, want_quality=True)
            yield _lines(chunk, scores, bundle.profiles)
        if broken is not None:
            raise broken
        if not chunk:
            return


def _take(source: Source) -> tuple[list[Prompt], Failure | None]:
    chunk: list[Prompt] = []
    try:
        chunk.extend(islice(source.prompts, _CHUNK))
    except Failure as broken:
        return chunk, broken
    return chunk, None


def _lines(chunk: Sequence[Prompt], scores: Scores, profiles: Sequence[str]) -> list[str]:
    # A score keeps every digit of its float32: beside a threshold, the last one may decide.
    qualities = _qualities(scores, profiles, len(chunk))
    return [
        json.dumps({"id": prompt.id, "score": float(value), "quality": quality}) + "\n"
        for prompt, value, quality in zip(chunk, scores.scores, qualities, strict=True)
    ]


def _qualities(scores: Scores, profiles: Sequence[str], count: int) -> list[dict[str, float]]:
    if scores.quality is None:
        return [{} for _ in range(count)]
    return [
        {name: round(float(value), 6) for name, value in zip(profiles, row, strict=True)}
        for row in scores.quality
    ]


def _bar(source: Source, *, shown: bool | None) -> Progress:
    console = Console(stderr=True)
    count = TextColumn("{task.fields[prompts]} prompts")
    columns = (BarColumn(), TaskProgressColumn(), count, TimeRemainingColumn())
    wanted = console.is_terminal if shown is None else shown
    bar = Progress(*columns, console=console, disable=not wanted)
    bar.add_task("scoring", total=source.total, prompts=0)
    return bar
