"""`weir experiment`: how a policy's variants do, and what a policy in mode Shadow would have saved.

Reads the ledger and shows intervals, or that there is too little data.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from weir_cli.experiment.read_ledger import (
    Arm,
    ShadowCosts,
    arms,
    policies,
    shadow_costs,
    shares,
    target_shares,
)
from weir_cli.experiment.statistics import (
    LEAST,
    Difference,
    Mean,
    Split,
    Verdict,
    difference,
    ratio,
    split,
    verdict,
)
from weir_cli.failure import Failure
from weir_cli.ledger.database import open_ledger
from weir_cli.options import JSON, LEDGER, since_micros
from weir_cli.output import show

CONTROL = "control"
MEASURES = {
    "strong": "share of requests",
    "cost": "USD per request",
    "errors": "share of requests",
    "latency": "seconds per request",
    "rating": "mean of clients' ratings",
}
_HEADINGS = {
    "strong": "strong",
    "cost": "cost/request",
    "errors": "errors",
    "latency": "latency",
    "rating": "rating",
}
_NOUGHT = Mean(0.0, 0.0, LEAST)


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One variant."""

    name: str
    conversations: int
    requests: int
    measures: dict[str, Mean | None]  # None: too few conversations
    differences: dict[str, Difference | None]  # from the control; empty of the control itself
    verdicts: dict[str, Verdict]


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """A policy's variants beside the control."""

    policy: str
    control: str
    variants: tuple[VariantReport, ...]
    split: Split | None  # None where the weights changed, or a variant has no conversation
    mixed: int  # conversations that had more than one variant
    # By variant with `strongShare`: the share asked for and the one served.
    shares: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """A policy in mode Shadow: what was paid, and what its own choices would have cost."""

    policy: str
    requests: int
    strong: Mean | None  # share that would have gone to the last candidate
    paid: float  # USD in all
    intended: float  # USD in all
    saved: Difference | None  # per request


@click.command()
@LEDGER
@click.option("--policy", metavar="NAMESPACE/NAME", help="The policy.  [default: the only one]")
@click.option("--since", metavar="DURATION", help="Only what ended in this time, such as 24h.")
@click.option("--control", default="", metavar="NAME", help="What the others are compared with.")
@JSON
def experiment(
    *, ledger: Path, policy: str | None, since: str | None, control: str, as_json: bool
) -> None:
    """Compare a policy's variants, or show what one in mode Shadow would have saved."""
    with open_ledger(ledger) as (database, _):
        begin = since_micros(since)
        chosen = _chosen(policies(database, begin), policy)
        found, mixed = arms(database, chosen, begin)
        targets = target_shares(database, chosen, begin)
        if not found:
            watched = _shadow(chosen, shadow_costs(database, chosen, begin))
            show(_watched(watched), {"shadow": asdict(watched)}, as_json=as_json)
            return
    report = replace(compare(chosen, found, mixed, control), shares=targets)
    show(_picture(report), {"experiment": asdict(report)}, as_json=as_json)


def compare(policy: str, found: dict[str, Arm], mixed: int, control: str = "") -> ExperimentReport:
    """The variants beside the one named `control`, or else the largest. Raises Failure."""
    base = control or (CONTROL if CONTROL in found else _largest(found))
    if base not in found:
        raise Failure(f"{policy} has no variant {base}.", hint=f"There are: {', '.join(found)}")
    beside = _measures(found[base])
    variants = tuple(
        _variant_report(name, found[name], None if name == base else beside)
        for name in sorted(found, key=lambda name: (name != base, name))
    )
    meant = shares(found)
    counts = {name: len(arm.requests) for name, arm in found.items()}
    return ExperimentReport(policy, base, variants, split(counts, meant) if meant else None, mixed)


def _variant_report(name: str, arm: Arm, beside: dict[str, Mean | None] | None) -> VariantReport:
    own = _measures(arm)
    found = {m: difference(own[m], beside[m]) for m in MEASURES} if beside is not None else {}
    return VariantReport(
        name=name,
        conversations=len(arm.requests),
        requests=round(sum(arm.requests)),
        measures=own,
        differences=found,
        verdicts={measure: verdict(variant) for measure, variant in found.items()},
    )


def _measures(arm: Arm) -> dict[str, Mean | None]:
    return {
        "strong": ratio(arm.strong, arm.requests),
        "cost": ratio(arm.paid, arm.requests),
        "errors": ratio(arm.failed, arm.requests),
        "latency": ratio(arm.seconds, arm.requests),
        "rating": ratio(arm.rated, arm.weight),
    }


def _shadow(policy: str, found: ShadowCosts) -> ShadowReport:
    ones = [1.0] * len(found.paid)
    less = [paid - intended for paid, intended in zip(found.paid, found.intended, strict=True)]
    return ShadowReport(
        policy=policy,
        requests=len(ones),
        strong=ratio(found.strong, ones),
        paid=sum(found.paid),
        intended=sum(found.intended),
        saved=difference(ratio(less, ones), _NOUGHT),
    )


def _chosen(found: Sequence[str], policy: str | None) -> str:
    """The named policy, with or without its namespace, or the only one. Raises Failure."""
    if not found:
        raise Failure(
            "The ledger has no request of a policy with variants, nor of one in mode Shadow.",
            hint="see docs/experiments.md",
        )
    chosen = [name for name in found if policy in {None, name, name.partition("/")[2]}]
    if len(chosen) != 1:
        none = f"The ledger has nothing of {policy} with variants or in mode Shadow."
        several = "The ledger has several such policies."
        raise Failure(several if chosen else none, hint=f"--policy {' | '.join(found)}")
    return chosen[0]


def _largest(found: dict[str, Arm]) -> str:
    return max(found, key=lambda name: (len(found[name].requests), name))


def _picture(report: ExperimentReport) -> Group:
    table = Table(box=None, pad_edge=False)
    table.add_column(report.policy)
    for name in ("conversations", "requests", *_HEADINGS.values()):
        table.add_column(name, justify="right")
    for variant in report.variants:
        cells = [_shown(measure, variant.measures[measure]) for measure in MEASURES]
        table.add_row(variant.name, f"{variant.conversations:,}", f"{variant.requests:,}", *cells)
    lines = [Text(line) for line in _lines(report)]
    return Group(table, Text(""), *lines)


def _lines(report: ExperimentReport) -> list[str]:
    lines = [
        f"{name}: strongShare {target:.1%} asked, {served:.1%} served"
        for name, (target, served) in sorted(report.shares.items())
    ]
    for variant in report.variants:
        for measure, found in variant.differences.items():
            sentence = f"{variant.name}, {measure}: {variant.verdicts[measure]}"
            if found is None:
                lines.append(f"{sentence}: {LEAST} conversations of each are needed")
            else:
                low, high = found.any_time.low, found.any_time.high
                value, *ends = (_difference(measure, each) for each in (found.value, low, high))
                lines.append(f"{sentence}: {value} [{', '.join(ends)}]")
    lines.append(f"Differences from {report.control}; 95 % intervals that hold however often you")
    lines.append(f"look. {_split_line(report.split)}")
    if report.mixed:
        lines.append(
            f"{report.mixed:,} conversations had several variants: the weights were changed"
        )
    return lines


def _difference(measure: str, value: float) -> str:
    if measure in {"strong", "errors"}:
        return f"{100 * value:+.2f} points"
    if measure == "cost":
        return f"{'-' if value < 0 else '+'}${abs(value):.6f}"
    return f"{value:+.3f} s" if measure == "latency" else f"{value:+.3f}"


def _split_line(found: Split | None) -> str:
    if found is None:
        return "The split was not checked: the weights changed, or a variant has no conversation."
    if found.mismatch:
        return f"THE SPLIT IS BROKEN (p = {found.p:.2g}): don't trust these differences."
    return f"The split is as the weights say (p = {found.p:.2f})."


def _shown(measure: str, mean: Mean | None) -> str:
    if mean is None:
        return "too few"
    if measure in {"strong", "errors"}:
        return f"{mean.value:.2%}"
    if measure == "cost":
        return f"${mean.value:.6f}"
    return f"{mean.value:.3f} s" if measure == "latency" else f"{mean.value:.3f}"


def _watched(report: ShadowReport) -> Group:
    lines = [
        f"{report.policy}, mode Shadow: {report.requests:,} requests",
        f"paid ${report.paid:,.4f}; its own choices would have cost ${report.intended:,.4f}",
    ]
    if report.saved is None or report.strong is None:
        lines.append(f"not enough data: {LEAST} requests are needed")
    else:
        low, high = report.saved.once.low, report.saved.once.high
        lines.append(f"{report.strong.value:.1%} would have gone to the last candidate")
        lines.append(
            f"saved per request: ${report.saved.value:.6f} [${low:.6f}, ${high:.6f}], 95 %"
        )
    return Group(*(Text(line) for line in lines))
