"""`weir eval --agents`: how well failure is seen coming in agents' runs, by the lab."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.table import Table

from weir_agents.scores import AgentWeights, AgentWeightsError, load_weights
from weir_cli.failure import Failure
from weir_cli.lab_helpers import lab_failures, say_step
from weir_cli.output import show
from weir_lab.agents.evaluate import (
    FITTED,
    FORMAT,
    GIVEN,
    LENGTH,
    PRIOR_NAME,
    SWITCHYARD,
    TASK,
    AgentOptions,
    AgentReport,
    AgentRow,
    evaluate_runs,
)
from weir_lab.agents.page import render_agents
from weir_lab.agents.runs import load_runs
from weir_lab.evaluation.report import plain

_COLUMNS = (PRIOR_NAME, GIVEN, FITTED, LENGTH, TASK, SWITCHYARD)
_MEANING = (
    "AUROC for the run's failure within a model and harness, with 95 % of bootstrap samples by "
    "task; .5 by lots. fitted here: each run by a fit without its task. name: the model's name "
    "alone, over all runs together"
)


def eval_agents(
    runs: Path, weights: Path | None, options: AgentOptions, out: Path, *, as_json: bool
) -> None:
    """Measure, write OUT.json and OUT.html, show. Raises Failure."""
    if weights is not None:
        options = replace(options, weights=_load(weights))
    with lab_failures():
        say_step(f"reading {runs}")
        report = AgentReport(runs.name, evaluate_runs(load_runs(runs), options, say_step), _MEANING)
        written = json.dumps(plain({"format": FORMAT, **asdict(report)}), indent=2)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_name(f"{out.name}.json").write_text(written, encoding="utf-8")
        out.with_name(f"{out.name}.html").write_text(
            render_agents(report, _COLUMNS), encoding="utf-8"
        )
    click.echo(f"wrote {out}.json and {out}.html", err=True)
    show(_table(report), json.loads(written), as_json=as_json)


def _load(path: Path) -> AgentWeights:
    try:
        return load_weights(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, AgentWeightsError) as error:
        raise Failure(f"{path}: {error}") from error


def _table(report: AgentReport) -> Table:
    table = Table(title=f"agents' runs of {report.data}", caption=_MEANING, caption_justify="left")
    shown = [name for name in _COLUMNS if any(name in row.figures for row in report.rows)]
    for heading in ("source", "model", "turns"):
        table.add_column(heading, no_wrap=heading == "turns")
    for heading in ("runs", "failed", *shown, "name"):
        table.add_column(heading, justify="right")
    for row in report.rows:
        table.add_row(*_cells(row, shown))
    return table


def _cells(row: AgentRow, shown: list[str]) -> list[str]:
    figures = [row.figures.get(name) for name in shown]
    return [
        row.source,
        row.model,
        "all" if row.turns is None else str(row.turns),
        str(row.runs),
        f"{row.failed:.2f}",
        *(
            "-" if each is None else f"{each.value:.2f} ({each.low:.2f}-{each.high:.2f})"
            for each in figures
        ),
        "-" if math.isnan(row.name_alone) else f"{row.name_alone:.2f}",
    ]
