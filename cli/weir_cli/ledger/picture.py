"""The ledger's sums as a table on a terminal, with what the columns mean below it."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from weir_cli.ledger.sums import Sums

_COLUMNS = (
    "requests",
    "strong",
    "failed",
    "input tok",
    "cached tok",
    "output tok",
    "paid",
    "all strong",
    "saved",
)


def sums_picture(groups: Sequence[Sums], total: Sums, by: str) -> Group:
    """A line per group and the total; `all strong` is what the last candidate would cost."""
    table = Table(box=None, pad_edge=False)
    table.add_column(by)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    if total.target_share is not None:
        table.add_column("asked", justify="right")
        table.add_column("served", justify="right")
    if total.rated:
        table.add_column("rated", justify="right")
        table.add_column("mean", justify="right")
    digits = 4 if total.paid_usd >= 1 else 6  # the first few requests cost parts of a cent
    for sums in (*groups, total):
        name = sums.group or f"(no {by})"
        ratings = _ratings(sums) if total.rated else ()
        style = "bold" if sums is total else None
        shares = _shares(sums) if total.target_share is not None else ()
        table.add_row(name, *_cells(sums, digits), *shares, *ratings, style=style)
    return Group(table, *(Text(line) for line in _notes(total, digits)))


def _cells(sums: Sums, digits: int) -> tuple[str, ...]:
    share = f"{sums.strong / sums.requests:.1%}" if sums.requests else ""
    money = (sums.paid_usd, sums.all_strong_usd, sums.saved_usd)
    return (
        f"{sums.requests:,}",
        share,
        f"{sums.failed:,}",
        f"{sums.input_tokens:,}",
        f"{sums.cached_tokens:,}",
        f"{sums.output_tokens:,}",
        *(f"${amount:,.{digits}f}" for amount in money),
    )


def _shares(sums: Sums) -> tuple[str, str]:
    if sums.target_share is None or sums.served_share is None:
        return "", ""
    return f"{sums.target_share:.1%}", f"{sums.served_share:.1%}"


def _ratings(sums: Sums) -> tuple[str, str]:
    return f"{sums.rated:,}", "" if sums.rating is None else f"{sums.rating:.3f}"


def _notes(total: Sums, digits: int) -> list[str]:
    """What the table has no column for; nothing of an empty ledger."""
    notes: list[str] = []
    if total.saved_by_limits_usd:
        amount = f"${total.saved_by_limits_usd:,.{digits}f}"
        notes.append(f"Limits and budgets forced {amount} of what was saved (reason budget).")
    if total.overhead_p50_ms is not None and total.overhead_p99_ms is not None:
        notes.append(
            f"Weir decided in {total.overhead_p50_ms:.1f} ms (p50), {total.overhead_p99_ms:.1f} ms "
            "(p99). Refused requests have no row."
        )
    return ["", *notes] if notes else []
