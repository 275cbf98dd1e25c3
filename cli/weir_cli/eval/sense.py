"""`weir eval --sense`: whether routers score hard prompts above easy ones, by the lab."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from weir_cli.lab_helpers import lab_failures, open_bundle, scores_of
from weir_cli.output import show
from weir_lab.arrays import Doubles
from weir_lab.datasets.sense import Turns, load_filler, load_sense_chats, load_sense_pairs
from weir_lab.evaluation.report import plain
from weir_lab.evaluation.sense import Sampling, SenseRow, baselines, measure
from weir_lab.evaluation.sense_texts import SenseTest
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.features.turns import as_prompt

FORMAT = 1

_MEANING = (
    "the share of pairs whose hard prompt scores above the easy one, .5 by lots, with the central "
    "95 % of bootstrap samples; pairs amid filler are those of like length"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseOptions:
    """The command's options."""

    pairs: Path
    chats: Path | None
    filler: Path | None
    bundle: Path
    routers: tuple[str, ...]  # of the bundle; empty: its default
    repeats: int
    seed: int


@dataclass(frozen=True, slots=True)
class SenseReport:
    """What was tested, and a row for each router and baseline."""

    pairs: str
    bundle: str
    rows: tuple[SenseRow, ...]


def eval_sense(options: SenseOptions, *, as_json: bool) -> None:
    """Measure and show. Raises Failure."""
    report = sense_report(options)
    document = {"format": FORMAT, **asdict(report)}
    show(_table(report), json.loads(json.dumps(plain(document))), as_json=as_json)


def sense_report(options: SenseOptions) -> SenseReport:
    """The routers' figures beside those of length and lots. Raises Failure."""
    with lab_failures():
        test = SenseTest(
            load_sense_pairs(options.pairs),
            load_sense_chats(options.chats) if options.chats else (),
            load_filler(options.filler) if options.filler else (),
        )
    sampling = Sampling(options.repeats, options.seed)
    with open_bundle(options.bundle) as bundle:
        routers = options.routers or (bundle.default_router,)
        rows = [
            measure(test, router, _scores(bundle, router, test.texts()), sampling)
            for router in routers
        ]
        return SenseReport(options.pairs.name, bundle.version, (*rows, *baselines(test, sampling)))


def _scores(bundle: Bundle, router: str, texts: Sequence[Turns]) -> Doubles:
    """Turns are read as the gateway has them read: the last, and what a follow-up is about."""
    return scores_of(bundle, router, tuple(map(as_prompt, texts)))


def _table(report: SenseReport) -> Table:
    table = Table(
        title=f"{report.pairs} with {report.bundle}", caption=_MEANING, caption_justify="left"
    )
    table.add_column("", no_wrap=True)
    table.add_column("of", justify="right")
    for row in report.rows:
        table.add_column(row.name, justify="right", style="dim" if row.baseline else None)
    for k, figure in enumerate(report.rows[0].figures):
        cells = (str(row.figures[k].found) for row in report.rows)
        table.add_row(figure.name.replace("_", " "), str(figure.count), *cells)
    return table
