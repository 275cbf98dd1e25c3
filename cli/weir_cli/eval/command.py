"""`weir eval`: how good routers are on recorded prompts. Thin: the lab does the work."""

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click
import numpy as np
from click.core import ParameterSource
from rich.table import Table

from weir_cli.eval.feedback import EvalOptions, eval_feedback
from weir_cli.failure import Failure
from weir_cli.lab_helpers import (
    Percent,
    lab_failures,
    open_bundle,
    say_step,
    score_with_bar,
    scores_of,
)
from weir_cli.options import BUNDLE, JSON, existing_bundle, since_micros
from weir_cli.output import show
from weir_lab.datasets import Pair, load_pair
from weir_lab.evaluation import Contender, Report, evaluate, render, to_json
from weir_lab.evaluation.evaluate import Options
from weir_lab.evaluation.figures import RETENTIONS
from weir_lab.feedback import Options as Estimating
from weir_lab.feedback.estimate import CLIP
from weir_lab.metrics import Interval
from weir_lab.metrics.ranked import Floats
from weir_scorer.bundle.opened import Bundle

_MEANING = (
    "calls, bill: what keeping that much of the strong model's quality takes, as a share of all "
    "calls and of all-strong's bill; every figure's interval is in the report"
)


@click.command("eval")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Outcomes or paired scores: a parquet, JSONL or CSV file, or a folder of them.",
)
@click.option(
    "--feedback",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="LEDGER",
    help="Instead of --data: a ledger with clients' feedback, to estimate another policy from.",
)
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="With --feedback: policy files whose policy of the same name is estimated.",
)
@click.option("--policy", help="With --feedback: whose decisions, where there are several.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="With --feedback: the threshold to estimate.",
)
@click.option("--since", metavar="DURATION", help="With --feedback: only what ended in this time.")
@click.option(
    "--clip",
    type=click.FloatRange(1),
    default=CLIP,
    show_default=True,
    help="With --feedback: the largest weight of a rating; the bias is told.",
)
@BUNDLE
@click.option(
    "--router",
    "routers",
    multiple=True,
    help="A router of the bundle; may be given more than once.  [default: the bundle's]",
)
@click.option(
    "--scores",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="Another router's scores: JSONL lines {id, score}, in the order of the prompts.",
)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    help="Writes OUT.json and OUT.html.",
)
@click.option(
    "--share",
    type=Percent(),
    default="20%",
    show_default=True,
    help="The share of strong calls at which slices and flips are judged.",
)
@click.option("--repeats", type=click.IntRange(20), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@JSON
@click.pass_context
def evaluation(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    *,
    data: Path | None,
    feedback: Path | None,
    paths: tuple[Path, ...],
    policy: str | None,
    threshold: float | None,
    since: str | None,
    clip: float,
    bundle: Path,
    routers: tuple[str, ...],
    files: tuple[str, ...],
    weak: str | None,
    strong: str | None,
    out: Path,
    share: float,
    repeats: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure routers on recorded outcomes, beside chance, length, neighbours and the oracle.

    Prints a table, and writes a JSON file and a page with curves, slices and intervals.

    With --feedback: what a --threshold, the policy of -f, or another --bundle or --router would
    have been worth to those who rated, from the decisions that were drawn while exploring.
    """
    if (data is None) == (feedback is None):
        raise click.UsageError("give either --data or --feedback")
    _belong(context, "data" if feedback is None else "feedback")
    if feedback is not None:
        if len(routers) > 1:
            raise click.UsageError("with --feedback, name one --router")
        asked = EvalOptions(
            ledger=feedback,
            files=paths,
            policy=policy,
            threshold=threshold,
            bundle=bundle,
            rescore=bool(routers) or _said(context, "bundle"),
            router=routers[0] if routers else None,
            since=since_micros(since),
            options=Estimating(clip, repeats, seed),
            out=out,
        )
        eval_feedback(asked, as_json=as_json)
    elif data is not None:
        options = Options(share, repeats, seed)
        report = _measure(data, existing_bundle(bundle), (routers, files), (weak, strong), options)
        _write(out, report)
        show(_table(report), json.loads(to_json(report)), as_json=as_json)


eval = evaluation  # noqa: A001 - what the table of commands looks for: the command's own name


def _measure(
    data: Path,
    bundle: Path,
    named: tuple[tuple[str, ...], tuple[str, ...]],
    models: tuple[str | None, str | None],
    options: Options,
) -> Report:
    """`named` are routers of the bundle, and others' files of scores."""
    with lab_failures():
        say_step(f"reading {data}")
        pair = load_pair(data, *models)
    others = [_from_file(name, pair) for name in named[1]]
    with open_bundle(bundle) as opened:
        names = named[0] or ((opened.default_router,) if not others else ())
        contenders, vectors = _score(opened, names, pair)
        with lab_failures():
            return evaluate(
                pair,
                [*contenders, *others],
                data=data.name,
                options=options,
                vectors=vectors,
                bundle=opened.version if names else None,
                progress=say_step,
            )


_WITH: Final = {
    "data": ("files", "weak", "strong", "share"),
    "feedback": ("paths", "policy", "threshold", "since", "clip"),
}


def _belong(context: click.Context, way: str) -> None:
    """Refuse what would be passed over: an option that goes with the other way alone."""
    other = "data" if way == "feedback" else "feedback"
    for option in context.command.params:
        if option.name in _WITH[other] and _said(context, option.name):
            raise click.UsageError(f"{option.opts[-1]} goes with --{other}, not with --{way}")


def _said(context: click.Context, name: str) -> bool:
    """Whether an option was given, rather than left to the environment or its default."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _score(
    bundle: Bundle, routers: tuple[str, ...], pair: Pair
) -> tuple[list[Contender], Floats | None]:
    contenders: list[Contender] = []
    vectors: Floats | None = None
    for router in routers:
        found = score_with_bar(bundle, router, pair.prompts)
        contenders.append(Contender(router, found.scores, partial(_rescore, bundle, router)))
        vectors = found.vectors if vectors is None else vectors
    return contenders, vectors


def _rescore(bundle: Bundle, router: str, prompts: Sequence[str]) -> Floats:
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
    kept = "/".join(f"{100 * retention:.0f}" for retention in RETENTIONS)
    table.add_column("router", no_wrap=True)
    for heading in ("APGR", "CPT(50%)", *(f"{kind} at {kept}%" for kind in kinds)):
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
