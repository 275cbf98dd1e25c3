"""`weir eval --feedback`: how clients would have rated another policy, from the ledger."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from weir.in_process import InProcessScorer
from weir_cli.bundles import require_bundle
from weir_cli.eval.rated_decisions import BoolArray, RatedDecisions, read_rated
from weir_cli.failure import Failure
from weir_cli.lab_helpers import lab_failures, open_bundle, say_step, score_with_bar
from weir_cli.output import show
from weir_cli.policy_files import compile_files
from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.table import Objective, Policy, Retention, StrongShare, Threshold
from weir_lab.arrays import Doubles
from weir_lab.feedback import Estimate, FeedbackReport, Options, estimate, render, sweep, to_json
from weir_lab.metrics import Interval, bootstrap
from weir_lab.metrics.offpolicy import Logged, known, ratios, snips
from weir_policy.ids import RouterName
from weir_scorer.bundle.bundle import Bundle

NOTHING = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """The command's options."""

    ledger: Path
    files: tuple[Path, ...]
    policy: str | None
    threshold: float | None
    bundle: Path | None
    rescore: bool  # whether a bundle or router was named
    router: str | None
    since: int  # microseconds since 1970
    clip: float  # the largest weight of a rating, >= 1
    repeats: int  # bootstrap samples
    seed: int
    out: Path


@dataclass(frozen=True, slots=True)
class _Target:
    """What is estimated: scores and thresholds per decision, and its name."""

    name: str
    score: Doubles
    threshold: Doubles
    rated: RatedDecisions  # those decisions that could be scored

    @property
    def strong(self) -> BoolArray:
        found: BoolArray = self.score >= self.threshold
        return found


def eval_feedback(options: EvalOptions, *, as_json: bool) -> None:
    """Estimate, write OUT.json and OUT.html, show. Raises Failure where the log can't tell."""
    say_step(f"reading {options.ledger}")
    rated = read_rated(options.ledger, options.policy, options.since)
    target = _target(options, rated)
    with lab_failures():
        report = _report(options, target)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        page, document = render(report), to_json(report)
        options.out.with_name(f"{options.out.name}.json").write_text(document, encoding="utf-8")
        options.out.with_name(f"{options.out.name}.html").write_text(page, encoding="utf-8")
    click.echo(f"wrote {options.out}.json and {options.out}.html", err=True)
    show(_table(report), json.loads(document), as_json=as_json)


def _target(options: EvalOptions, rated: RatedDecisions) -> _Target:
    policy = _policy(options, rated) if options.files else None
    if options.threshold is not None and not options.rescore:
        name = f"threshold {options.threshold:g}"
        return _Target(name, rated.score, _all(rated, options.threshold), rated)
    objective = policy.objective if policy is not None else None
    moved = policy is not None and policy.router and not _scored_by(policy.router, rated)
    if isinstance(objective, Threshold) and not options.rescore and not moved:
        name = f"threshold {objective.value:g}"
        return _Target(name, rated.score, _all(rated, objective.value), rated)
    if policy is None and not options.rescore:
        raise click.UsageError("say what to estimate: --threshold, -f, --bundle or --router")
    return _rescored(options, rated, policy)


def _rescored(options: EvalOptions, rated: RatedDecisions, policy: Policy | None) -> _Target:
    """With the scores of a bundle's router, which are the logged ones where it is the same."""
    router = options.router or (policy.router if policy is not None else "") or "default"
    with open_bundle(require_bundle(options.bundle)) as bundle:
        with lab_failures():
            router = bundle.engines[0].resolve(router)
        threshold = _threshold_of(options, policy, bundle, router)
        name = f"{router} of {bundle.version}"
        scorable, score = rated, rated.score
        if rated.routers != (name,):
            scorable = _with_text(rated)
            texts = tuple(text for text in scorable.texts if text is not None)
            score = score_with_bar(bundle, router, texts).scores
    if threshold is None:
        return _Target(f"{name} at the served thresholds", score, scorable.threshold, scorable)
    return _Target(f"{name} at {threshold:g}", score, _all(scorable, threshold), scorable)


def _with_text(rated: RatedDecisions) -> RatedDecisions:
    there = np.array([text is not None for text in rated.texts])
    if not there.any():
        raise Failure(
            "The ledger keeps no prompts, so nothing can be scored anew.",
            hint="serve with WEIR_TELEMETRY_CONTENT=1, or ask for a --threshold",
        )
    left = {**rated.left_out, "without a text": int((~there).sum())} if not there.all() else None
    return replace(rated.only(there), left_out=left or rated.left_out)


def _threshold_of(
    options: EvalOptions, policy: Policy | None, bundle: Bundle, router: str
) -> float | None:
    if options.threshold is not None:
        return options.threshold
    if policy is None:
        return None
    return _by_objective(policy.objective, InProcessScorer(bundle), router)


def _by_objective(objective: Objective | None, scorer: InProcessScorer, router: str) -> float:
    calibration = scorer.calibration(RouterName(router))
    found: float | None = None
    match objective:
        case Threshold(value):
            found = value
        case StrongShare(share):
            found = calibration.threshold_for_share(share)
        case Retention():
            found = calibration.threshold_for_retention(objective)
        case _:
            raise Failure("The policy's objective is no threshold that could be estimated.")
    if found is None:
        raise Failure("The bundle's calibration has no threshold for the policy's objective.")
    return found


def _policy(options: EvalOptions, rated: RatedDecisions) -> Policy:
    table = build(compile_files(options.files, require_bundle(options.bundle)).table, None).table
    named = [p for p in table.policies if p.id == rated.policy] or [
        p for p in table.policies if p.id.partition("/")[2] == rated.policy.partition("/")[2]
    ]
    if len(named) != 1:
        known_ = ", ".join(p.id for p in table.policies)
        raise Failure(f"The files have no policy {rated.policy}.", hint=f"There are: {known_}")
    ends = [named[0].candidates[end].name for end in (0, -1)]
    if ends != [rated.weak, rated.strong]:
        raise Failure(
            f"{named[0].id} chooses between {' and '.join(ends)}, and what was rated are answers "
            f"of {rated.weak} and {rated.strong}: they say nothing about it."
        )
    return named[0]


def _scored_by(router: str, rated: RatedDecisions) -> bool:
    return all(name.partition(" of ")[0] == router for name in rated.routers)


def _all(rated: RatedDecisions, threshold: float) -> Doubles:
    return np.full(len(rated), threshold)


def _report(options: EvalOptions, target: _Target) -> FeedbackReport:
    rated = target.rated
    sampling = Options(options.clip, options.repeats, options.seed)
    rated_mask = np.isfinite(rated.rating)
    logged = _logged(rated).only(rated_mask)
    found = estimate(logged, target.strong[rated_mask], sampling)
    cost, cost_served = _costs(target, sampling)
    served = dict(zip((rated.weak, rated.strong), _counts(rated, rated_mask), strict=True))
    return FeedbackReport(
        ledger=options.ledger.name,
        policy=rated.policy,
        asked=target.name,
        weak=rated.weak,
        strong=rated.strong,
        decisions=len(rated),
        left_out=rated.left_out,
        estimate=found,
        strong_share=float(target.strong.mean()),
        strong_share_served=float(rated.chose_strong.mean()),
        cost=cost,
        cost_served=cost_served,
        rated_by_model=served,
        sweep=sweep(logged, target.score[rated_mask], target.score, sampling),
        clip=sampling.clip,
        repeats=sampling.repeats,
        seed=sampling.seed,
        notes=_notes(rated, served),
    )


def _logged(rated: RatedDecisions) -> Logged:
    return Logged(
        strong=rated.chose_strong,
        explored=rated.explored,
        propensity=rated.propensity,
        reward=np.nan_to_num(rated.rating),
        score=rated.score,
        weight=rated.weight,
    )


def _costs(target: _Target, sampling: Options) -> tuple[Interval, Interval]:
    """USD a decision, over all that the log can tell of, rated or not; SNIPS, and as served."""
    rated = target.rated
    every = _logged(rated)
    keep = known(every, target.strong)
    ratio = np.minimum(ratios(every, target.strong), sampling.clip)[keep]
    cost = rated.cost[keep]
    if not ratio.any():
        return NOTHING, NOTHING
    one, other = bootstrap(
        lambda times: (
            snips(cost, ratio, times),
            float((times * cost).sum() / times.sum()),
        ),
        len(cost),
        repeats=sampling.repeats,
        seed=sampling.seed,
    )
    return one, other


def _counts(
    rated: RatedDecisions, rated_mask: BoolArray
) -> tuple[tuple[int, int], tuple[int, int]]:
    strong = rated.chose_strong
    return (
        (int((rated_mask & ~strong).sum()), int((~strong).sum())),
        (int((rated_mask & strong).sum()), int(strong.sum())),
    )


_UNEVEN = 2.0  # one model is rated so many times as often as the other


def _notes(rated: RatedDecisions, served: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    notes: list[str] = []
    shares = [rated_mask / table_row for rated_mask, table_row in served.values() if table_row]
    if len(shares) > 1 and max(shares) > _UNEVEN * min(shares):
        notes.append(
            "one model's answers are rated far more often than the other's: who rates may depend "
            "on the answer, which no estimate here corrects"
        )
    if len(rated.routers) > 1:
        notes.append(f"the decisions were scored by several: {', '.join(rated.routers)}")
    return tuple(notes)


def _table(report: FeedbackReport) -> Table:
    found: Estimate = report.estimate
    table = Table(
        title=(
            f"{found.rated:,} of {report.decisions:,} decisions of {report.policy} are rated; "
            f"estimated: {report.asked}"
        ),
        caption="\n".join((*found.notes, *report.notes)) or None,
        caption_justify="left",
    )
    table.add_column("estimator")
    table.add_column("mean rating", justify="right")
    rows = [
        ("as served", found.served),
        ("IPS", found.ips),
        ("SNIPS", found.snips),
        ("DR", found.dr),
        ("DR less as served", found.gain),
    ]
    for name, interval in rows:
        table.add_row(name, str(interval))
    table.add_section()
    table.add_row("effective sample size", f"{found.effective:,.0f}")
    table.add_row("  where it differs", f"{found.effective_differing:,.0f}")
    table.add_row(
        "strong calls", f"{report.strong_share:.1%} (served {report.strong_share_served:.1%})"
    )
    return table
