"""The cluster bench's figures and how they stand to the aims."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Change:
    """One changed policy; seconds since its PATCH was sent."""

    taken: float  # until the API server had answered
    first: float  # until one gateway had acknowledged the table
    all: float  # until every gateway had
    status: float  # until a watch of the policy said Programmed for this generation


@dataclass(frozen=True, slots=True)
class Changes:
    """Many of them, one after another."""

    each: tuple[Change, ...]
    compile: float  # seconds, the mean
    operator_cpu: float  # seconds per change
    writes: float  # per change: statuses, Events and the ConfigMap
    memory_mb: float  # the operator's, afterwards
    highest_mb: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """An operator that starts where everything is there already; seconds since it was started."""

    first: float  # until one gateway had acknowledged the table
    all: float
    statuses: float  # until every status was written
    operator_cpu: float  # seconds, until every gateway had acknowledged
    compile: float
    programmed_mb: float  # when every gateway had acknowledged
    memory_mb: float  # when every status was written
    highest_mb: float


def print_report(one: Changes, cold: ColdStart, many: Changes, size: str) -> None:
    """Print everything for a person."""
    console = Console(width=None if Console().is_terminal else 120)
    console.print(_table(f"a changed policy, alone ({len(one.each)} changes)", one))
    console.print(_table(f"a changed policy among {size} ({len(many.each)} changes)", many))
    console.print(
        f"cold start at {size}: first gateway {cold.first:.2f} s, all {cold.all:.2f} s "
        f"(operator's CPU {cold.operator_cpu:.2f} s), every status {cold.statuses:.1f} s"
    )
    for name, figure, aim, unit in _aims(one, cold, many):
        verdict = "met" if figure < aim else "MISSED"
        console.print(f"{verdict:7}{name}: {figure:.3g} {unit}, aim {aim:g} {unit}")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _aims(one: Changes, cold: ColdStart, many: Changes) -> list[tuple[str, float, float, str]]:
    highest = max(cold.highest_mb, many.highest_mb)
    return [
        (
            "a change, all gateways, p99",
            1000 * percentile([c.all for c in one.each], 0.99),
            250,
            "ms",
        ),
        ("writes per change", one.writes, 2.001, ""),
        ("compile everything", max(cold.compile, many.compile), 1, "s"),
        (
            "a change at size, first gateway, p99",
            percentile([c.first for c in many.each], 0.99),
            2,
            "s",
        ),
        (
            "a change at size, all gateways, p99",
            percentile([c.all for c in many.each], 0.99),
            2,
            "s",
        ),
        ("cold start at size, first gateway", cold.first, 2, "s"),
        ("operator's memory at size", many.memory_mb, 150, "MB"),
        ("operator's memory at its highest", highest, 150, "MB"),
    ]


def _table(title: str, changes: Changes) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("milliseconds until", "median", "p95", "p99"):
        table.add_column(heading, justify="left" if "until" in heading else "right")
    rows = {
        "the API server had answered": [c.taken for c in changes.each],
        "one gateway had acknowledged": [c.first for c in changes.each],
        "every gateway had acknowledged": [c.all for c in changes.each],
        "the status said so": [c.status for c in changes.each],
    }
    for name, values in rows.items():
        cells = (median(values), percentile(values, 0.95), percentile(values, 0.99))
        table.add_row(name, *(f"{1000 * value:,.0f}" for value in cells))
    table.caption = (
        f"compile {1000 * changes.compile:.1f} ms, operator's CPU "
        f"{1000 * changes.operator_cpu:.0f} ms and {changes.writes:.1f} writes per change, "
        f"{changes.memory_mb:.0f} MB resident ({changes.highest_mb:.0f} MB at its highest)"
    )
    return table
