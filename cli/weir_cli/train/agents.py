"""`weir train --agents`: weights of agents' scores for one harness, fitted by the lab."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weir_agents.scores import dump_weights
from weir_agents.written import from_json
from weir_cli.lab_helpers import lab_failures, say_step
from weir_cli.ledger.database import has_feedback, open_ledger
from weir_cli.output import print_json
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE
from weir_lab.agents.labelled import RatedFacts, labelled_ratings, labelled_runs
from weir_lab.agents.runs import load_runs
from weir_lab.agents.train import Labelled, Trained, train_weights
from weir_lab.errors import DataError

_REPEATS = 1000


def train_agents(source: Path, out: Path, harness: str | None, seed: int, *, as_json: bool) -> None:
    """Fit, write the file of weights, print. Raises Failure."""
    with lab_failures():
        say_step(f"reading {source}")
        labelled = _labelled(source, harness)
        say_step(f"fitting {len(labelled.finished)} runs of {labelled.harness}")
        date = datetime.now(UTC).date().isoformat()
        trained = train_weights(labelled, date, seed=seed, repeats=_REPEATS)
        out.write_text(dump_weights(trained.weights) + "\n", encoding="utf-8")
    _report(trained, out, as_json=as_json)


def _labelled(source: Path, harness: str | None) -> Labelled:
    if source.suffix == ".parquet":
        return labelled_runs(load_runs(source), harness)
    return labelled_ratings(_rated(source), harness)


def _rated(ledger: Path) -> list[RatedFacts]:
    with open_ledger(ledger) as (database, _):
        if not has_feedback(database):
            raise DataError(f"{ledger} has no feedback: clients rate answers at /v1/feedback")
        rows = database.execute(_QUERY).fetchall()
    return [
        RatedFacts(from_json(agent), model, float(rating), unit or decision)
        for decision, unit, model, agent, rating in rows
    ]


_QUERY = (
    "SELECT decision, unit, model, agent, rating "  # noqa: S608 - the names are ours
    f"FROM {TABLE} JOIN {FEEDBACK} USING (decision, key) "
    f"WHERE part = 0 AND agent != '' AND rating IS NOT NULL ORDER BY {TABLE}.at, decision"
)


def _report(trained: Trained, out: Path, *, as_json: bool) -> None:
    weights = trained.weights
    if as_json:
        figures = dict(weights.figures)
        print_json({"harness": weights.harness, "models": list(weights.models), **figures})
        return
    click.echo(
        f"{out}: weights for {weights.harness}, of {trained.runs} runs, {trained.failed:.0%} failed"
    )
    click.echo(f"AUROC of a finished run's failure, tasks left out: {trained.auroc}")
    click.echo(f"the prior: {trained.prior}; the run's length: {trained.length}")
    for name, gain in (("prior", trained.over_prior), ("run's length", trained.over_length)):
        verdict = "better" if gain.low > 0 else "no difference shown"
        click.echo(
            f"over the {name}: {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}): {verdict}"
        )
    if not trained.improved:
        click.echo("More labelled runs may show a difference; no policy uses the file by itself.")
