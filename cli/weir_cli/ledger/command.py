"""`weir ledger`: what was spent and saved, by model, policy, key, reason or day.

Reads the file that gateways write, beside them; never changes it.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

import click
from rich.table import Table

from weir_cli.failure import Failure
from weir_cli.ledger.export import COLUMNS, export_rows
from weir_cli.ledger.export_feedback import WRITERS
from weir_cli.options import JSON, LEDGER, since_micros
from weir_cli.output import show
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, OLDER, TABLE, VERSION
from weir_gateway.domain.money import PICO_PER_USD

_GROUPS = {
    "model": "model",
    "policy": "policy",
    "key": "key",
    "reason": "reason",
    "variant": "variant",
    "day": "strftime('%Y-%m-%d', at / 1000000, 'unixepoch')",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One group's sums. Money in USD; `saved` is an estimate, see docs/ledger.md."""

    group: str
    requests: int
    strong: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    uncounted: int  # answers whose provider told no tokens: what they cost is estimated
    paid_usd: float
    saved_usd: float
    rated: int = 0  # answers that clients scored
    rating: float | None = None  # their mean score, by the keys' weights; None: nobody did


@click.command()
@LEDGER
@click.option(
    "--by",
    type=click.Choice(list(_GROUPS)),
    default="model",
    show_default=True,
    help="What a line stands for.",
)
@click.option("--since", metavar="DURATION", help="Only what ended in this time, such as 24h.")
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
    help="Write the prompts of which clients preferred a model to a .jsonl of preferences.",
)
@JSON
def ledger(
    *,
    ledger: Path,
    by: str,
    since: str | None,
    out: Path | None,
    rated: Path | None,
    preferred: Path | None,
    as_json: bool,
) -> None:
    """Show what was spent and saved: requests, tokens and dollars."""
    files = {"rated": rated, "preferred": preferred}
    if any(files.values()):
        with open_ledger(ledger) as (database, _):
            made = [
                WRITERS[way](database, since_micros(since), path)
                for way, path in files.items()
                if path
            ]
        told = {
            str(path): count for path, count in zip(filter(None, files.values()), made, strict=True)
        }
        lines_ = ", ".join(f"{count:,} lines in {path}" for path, count in told.items())
        show(lines_, {"files": told}, as_json=as_json)
        return
    if out is not None:
        with open_ledger(ledger) as (database, _):
            names = ", ".join(_selected(database))
            query = f"SELECT {names} FROM {TABLE} WHERE at >= ? ORDER BY at"  # noqa: S608 - the names are ours
            count = export_rows(database, query, since_micros(since), out)
        show(f"{count:,} rows in {out}", {"rows": count, "file": str(out)}, as_json=as_json)
        return
    lines = read(ledger, by, since_micros(since))
    total = _sum(lines)
    data = {"by": by, "lines": [asdict(line) for line in lines], "total": asdict(total)}
    show(_picture(lines, total, by), data, as_json=as_json)


def read(path: Path, by: str, since: int) -> list[Line]:
    """Sums by group of what ended at `since` (microseconds since 1970) or later.

    Raises Failure where the file is not there or no ledger.
    """
    with open_ledger(path) as (database, version):
        answers = "1" if version in OLDER else "part = 0"  # older ones keep nothing else
        sums = _SUMS.format(group=_GROUPS[by], table=TABLE, answers=answers)
        lines = [_line(row) for row in database.execute(sums, (since,))]
        if not database.execute(_THERE, (FEEDBACK,)).fetchone():  # an older gateway's file
            return lines
        scores = _SCORES.format(group=_GROUPS[by].replace("at /", f"{TABLE}.at /"))
        found = {str(group): told for group, *told in database.execute(scores, (since,))}
        return [_with_ratings(line, found.get(line.group)) for line in lines]


@contextmanager
def open_ledger(path: Path) -> Generator[tuple[sqlite3.Connection, int]]:
    """The file, to be read, and its format. Raises Failure, also for what is done with it."""
    if not path.is_file():
        raise Failure(f"There is no ledger at {path}.", hint="`weir up` writes one; see --ledger")
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in {*OLDER, VERSION}:
                raise Failure(f"{path} is no ledger of this version of Weir.")
            yield database, version
    except sqlite3.Error as error:
        raise Failure(
            f"{path} can't be read as a ledger: {error}",
            hint="a gateway of this version brings an older file up to date",
        ) from error


def _selected(database: sqlite3.Connection) -> list[str]:
    """Every column; those that an older file lacks are null."""
    there = {str(row[1]) for row in database.execute(f"PRAGMA table_info({TABLE})")}
    return [name if name in there else "NULL" for name in COLUMNS]


_SUMS = """
SELECT {group}, sum({answers}), sum(strong), sum(error <> ''), sum(input_tokens),
       sum(cached_tokens), sum(output_tokens), sum({answers} AND NOT counted),
       sum(paid_pico_usd), sum(saved_pico_usd)
FROM {table} WHERE at >= ? GROUP BY 1 ORDER BY 1
"""


_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_SCORES = (
    "SELECT {group}, count(*), sum(weight * rating) / sum(weight) "  # noqa: S608 - the names are ours
    f"FROM {TABLE} JOIN {FEEDBACK} USING (decision, key) "
    f"WHERE part = 0 AND {TABLE}.at >= ? AND rating IS NOT NULL GROUP BY 1"
)


def _with_ratings(line: Line, told: Sequence[object] | None) -> Line:
    if told is None:
        return line
    count, mean = told
    return replace(line, rated=int(str(count)), rating=float(str(mean)))


def _line(row: Sequence[object]) -> Line:
    group, requests, strong, failed, read_, cached, output, uncounted, paid, saved = row
    return Line(
        group=str(group),
        requests=int(str(requests)),
        strong=int(str(strong)),
        failed=int(str(failed)),
        input_tokens=int(str(read_)),
        cached_tokens=int(str(cached)),
        output_tokens=int(str(output)),
        uncounted=int(str(uncounted)),
        paid_usd=int(str(paid)) / PICO_PER_USD,
        saved_usd=int(str(saved)) / PICO_PER_USD,
    )


def _sum(lines: Sequence[Line]) -> Line:
    return Line(
        "total",
        requests=sum(line.requests for line in lines),
        strong=sum(line.strong for line in lines),
        failed=sum(line.failed for line in lines),
        input_tokens=sum(line.input_tokens for line in lines),
        cached_tokens=sum(line.cached_tokens for line in lines),
        output_tokens=sum(line.output_tokens for line in lines),
        uncounted=sum(line.uncounted for line in lines),
        paid_usd=sum(line.paid_usd for line in lines),
        saved_usd=sum(line.saved_usd for line in lines),
        rated=sum(line.rated for line in lines),
    )


def _picture(lines: Sequence[Line], total: Line, by: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(by)
    for name in ("requests", "strong", "failed", "input", "cached", "output", "paid", "saved"):
        table.add_column(name, justify="right")
    rated = total.rated > 0
    if rated:
        table.add_column("rated", justify="right")
        table.add_column("mean", justify="right")
    places = 4 if total.paid_usd >= 1 else 6  # a first few requests cost parts of a cent
    for line in (*lines, total):
        style = "bold" if line is total else None
        scores = (f"{line.rated:,}", "" if line.rating is None else f"{line.rating:.3f}")
        table.add_row(*_cells(line, places), *(scores if rated else ()), style=style)
    return table


def _cells(line: Line, places: int) -> tuple[str, ...]:
    share = f"{line.strong / line.requests:.1%}" if line.requests else ""
    return (
        line.group,
        f"{line.requests:,}",
        share,
        f"{line.failed:,}",
        f"{line.input_tokens:,}",
        f"{line.cached_tokens:,}",
        f"{line.output_tokens:,}",
        f"${line.paid_usd:,.{places}f}",
        f"${line.saved_usd:,.{places}f}",
    )
