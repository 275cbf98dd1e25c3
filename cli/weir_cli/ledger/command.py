"""`weir ledger`: what was spent and saved, one decision in full, or the rows as a file."""

from dataclasses import asdict
from pathlib import Path

import click

from weir_cli.ledger.database import open_ledger, selected_columns
from weir_cli.ledger.export import export_rows
from weir_cli.ledger.export_feedback import WRITERS
from weir_cli.ledger.one_decision import Decision, find_decision
from weir_cli.ledger.picture import sums_picture
from weir_cli.ledger.sums import GROUPS, read_sums
from weir_cli.options import JSON, LEDGER, since_micros
from weir_cli.output import show
from weir_gateway.adapters.ledger.sqlite import TABLE


@click.command()
@LEDGER
@click.option(
    "--by",
    type=click.Choice(list(GROUPS)),
    default="model",
    show_default=True,
    help="What a line of the table stands for.",
)
@click.option("--since", metavar="DURATION", help="Only what ended in this time, such as 24h.")
@click.option(
    "--decision",
    metavar="ID",
    help="Show one decision in full: its `x-weir-decision`, or how that begins.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows themselves to a .parquet, .csv or .jsonl file instead.",
)
@click.option(
    "--rated",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the prompts that clients scored to a .jsonl of outcomes, for the lab.",
)
@click.option(
    "--preferred",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the prompts for which clients preferred a model to a .jsonl of preferences.",
)
@JSON
def ledger(  # noqa: PLR0913 - one parameter per option
    *,
    ledger: Path,
    by: str,
    since: str | None,
    decision: str | None,
    out: Path | None,
    rated: Path | None,
    preferred: Path | None,
    as_json: bool,
) -> None:
    """Show what was spent and saved: requests, tokens and dollars."""
    begin = since_micros(since)
    feedback_files = {
        kind: path
        for kind, path in (("rated", rated), ("preferred", preferred))
        if path is not None
    }
    if decision is not None:
        found = find_decision(ledger, decision)
        show(Decision(found), found.to_json(), as_json=as_json)
    elif feedback_files:
        _export_feedback(ledger, begin, feedback_files, as_json=as_json)
    elif out is not None:
        with open_ledger(ledger) as (database, _):
            names = selected_columns(database)
            query = f"SELECT {names} FROM {TABLE} WHERE at >= ? ORDER BY at"  # noqa: S608 - the names are ours
            count = export_rows(database, query, begin, out)
        show(f"{count:,} rows in {out}", {"rows": count, "file": str(out)}, as_json=as_json)
    else:
        lines, total = read_sums(ledger, by, begin)
        data = {"by": by, "lines": [asdict(line) for line in lines], "total": asdict(total)}
        show(sums_picture(lines, total, by), data, as_json=as_json)


def _export_feedback(path: Path, begin: int, files: dict[str, Path], *, as_json: bool) -> None:
    with open_ledger(path) as (database, _):
        counts = {str(file): WRITERS[kind](database, begin, file) for kind, file in files.items()}
    message = ", ".join(f"{count:,} lines in {file}" for file, count in counts.items())
    show(message, {"files": counts}, as_json=as_json)
