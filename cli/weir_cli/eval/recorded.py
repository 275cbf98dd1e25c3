"""`weir eval --data`: routers measured on recorded outcomes, by the lab."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from weir_cli.failure import Failure
from weir_cli.lab_helpers import lab_failures, open_bundle, say_step, score_with_bar, scores_of
from weir_cli.output import show
from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair, load_pair
from weir_lab.evaluation import Contender, Report, Source, evaluate, render, to_json
from weir_lab.evaluation.evaluate import Options
from weir_lab.evaluation.figures import RETENTIONS
from weir_lab.metrics import Interval
from weir_scorer.bundle.bundle import Bundle

_MEANING = (
    "calls, bill: the strong model's calls, and the spending, that keep so much of its quality, "
    "as shares of calling it always; the report has an interval for every figure"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOptions:
    """The command's options."""

    data: Path
    bundle: Path
    routers: tuple[str, ...]  # of the bundle; empty: its default
    score_files: tuple[str, ...]  # NAME=FILE
    weak: str | None
    strong: str | None
    share: float  # in [0, 1]
    repeats: int
    seed: int
    out: Path


def eval_recorded(options: RecordedOptions, *, as_json: bool) -> None:
    """Measure, write OUT.json and OUT.html, show. Raises Failure."""
    report = _measure(options)
    _write(options.out, report)
    show(_table(report), json.loads(to_json(report)), as_json=as_json)


def _measure(options: RecordedOptions) -> Report:
    with lab_failures():
        say_step(f"reading {options.data}")
        pair = load_pair(options.data, options.weak, options.strong)
    others = [_from_file(name, pair) for name in options.score_files]
    with open_bundle(options.bundle) as opened:
        names = options.routers or ((opened.default_router,) if not others else ())
        contenders, vectors = _score(opened, names, pair)
        with lab_failures():
            return evaluate(
                pair,
                [*contenders, *others],
                Source(options.data.name, opened.version if names else None),
                Options(options.share, options.repeats, options.seed),
                vectors=vectors,
                progress=say_step,
            )


def _score(
    bundle: Bundle, routers: tuple[str, ...], pair: Pair
) -> tuple[list[Contender], Doubles | None]:
    contenders: list[Contender] = []
    vectors: Doubles | None = None
    for router in routers:
        found = score_with_bar(bundle, router, pair.prompts)
        contenders.append(Contender(router, found.scores, partial(_rescore, bundle, router)))
        vectors = found.vectors if vectors is None else vectors
    return contenders, vectors


def _rescore(bundle: Bundle, router: str, prompts: Sequence[str]) -> Doubles:
    return scores_of(bundle, router, tuple(prompts))


def _from_file(option: str, pair: Pair) -> Contender:
    name, equals, path = option.partition("=")
    if not equals or not name or not path:
        raise click.BadParameter(f"{option!r} is not NAME=FILE", param_hint="--scores")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        scores = np.array([float(json.loads(line)["score"]) for line in lines if line.strip()])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path}: not JSONL lines with a number `score`: {error}") from error
    if len(scores) != len(pair):
        raise Failure(f"{path}: {len(scores)} scores for {len(pair)} prompts")
    if not np.isfinite(scores).all():
        line = int(np.flatnonzero(~np.isfinite(scores))[0]) + 1
        raise Failure(f"{path}: score {line} is not a finite number")
    return Contender(name, scores)


def _write(out: Path, report: Report) -> None:
    with lab_failures():
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_name(f"{out.name}.json").write_text(to_json(report), encoding="utf-8")
        out.with_name(f"{out.name}.html").write_text(render(report), encoding="utf-8")
    click.echo(f"wrote {out}.json and {out}.html", err=True)


def _table(report: Report) -> Table:
    table = Table(
        title=(
            f"{report.prompts} prompts of {report.data}: {report.weak_name} {report.weak:.3f}, "
            f"{report.strong_name} {report.strong:.3f}"
        ),
        caption="\n".join([_single(report), _MEANING, *report.notes]),
        caption_justify="left",
    )
    kinds = ("calls", "bill") if report.priced else ("calls",)
    retentions = "/".join(f"{100 * retention:.0f}" for retention in RETENTIONS)
    table.add_column("router", no_wrap=True)
    for heading in ("APGR", "CPT(50%)", *(f"{kind} at {retentions}%" for kind in kinds)):
        table.add_column(heading, justify="right")
    for row in report.rows:
        found = row.figures
        taken = [found.strong_calls, found.spend] if report.priced else [found.strong_calls]
        table.add_row(
            row.name,
            _cell(found.apgr),
            _cell(found.cpt[0.5]),
            *(_values([figure[r].value for r in RETENTIONS]) for figure in taken),
            style="dim" if row.baseline else None,
        )
    single = report.single
    alike = [single.calls, single.spend] if report.priced else [single.calls]
    same = [_values([value] * len(RETENTIONS)) for value in alike]
    table.add_row("best single model", "-", "-", *same, style="dim")
    return table


def _single(report: Report) -> str:
    single = report.single
    return f"best single model: {single.name}, mean quality {single.quality}"


def _cell(found: Interval) -> str:
    return str(found) if math.isfinite(found.value) else "-"


def _values(found: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" if math.isfinite(value) else "-" for value in found)
