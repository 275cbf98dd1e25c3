"""`weir train --from`: a bundle's router adapted to labels, by the lab."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from weir_cli.lab_helpers import columns_of, lab_failures, say_step
from weir_cli.output import print_json
from weir_cli.train.from_scratch import TrainOptions
from weir_lab.arrays import Doubles
from weir_lab.bundles.extend_bundle import Origin, write_adapted
from weir_lab.datasets import Pair, find_leaks, load_pair
from weir_lab.datasets.load import load_prompts
from weir_lab.evidence import in_words, measure_evidence
from weir_lab.routers.kernel import MOST, Adapted, adapt
from weir_scorer.engine.ports import Evidence

_FEW = 300  # labels
_ARRAYS = {"arrays", "scores", "prior", "chosen", "columns"}


def adapt_bundle(options: TrainOptions, name: str, *, as_json: bool) -> None:
    """Adapt, write the new bundle with its router `name`, print. Raises Failure."""
    with lab_failures():
        say_step(f"reading {options.data}")
        pair = _without_leaks(
            load_pair(options.data, options.weak, options.strong), options.held_out
        )
    columns = columns_of(options.bundle, options.router, pair.prompts)
    with lab_failures():
        say_step(f"fitting {min(len(pair), MOST)} labels")
        adapted = adapt(columns, pair, options.seed)
        origin = Origin(columns.router, options.data.name, pair.weak_name, pair.strong_name)
        shown = _evidence(adapted, pair, {columns.router: adapted.prior, name: adapted.scores})
        version = write_adapted(options.bundle, options.out, name, adapted, origin, shown)
    _report(adapted, pair, name, version, options.out, as_json=as_json)
    if not as_json:
        served = name if adapted.improved else columns.router
        for line in in_words(served, shown[served]) if served in shown else ():
            click.echo(line)


def _evidence(
    adapted: Adapted, pair: Pair, scores: Mapping[str, Doubles]
) -> Mapping[str, Evidence]:
    """What the labels show of each router; the adapted one's scores are from the other labels."""
    chosen = adapted.chosen
    prompts = [pair.prompts[int(row)] for row in chosen.tolist()]
    weak, strong = pair.weak[chosen], pair.strong[chosen]
    found = {name: measure_evidence(prompts, of, weak, strong) for name, of in scores.items()}
    return {name: evidence for name, evidence in found.items() if evidence is not None}


def _without_leaks(pair: Pair, held_out: Path | None) -> Pair:
    """Without the labels whose prompts equal or overlap a held-out prompt."""
    if held_out is None:
        return pair
    leaks = find_leaks(pair.prompts, load_prompts(held_out))
    dropped = int(leaks.any.sum())
    return pair.only(~leaks.any, f"{dropped} labels left out: {leaks.summary}") if dropped else pair


def _report(
    adapted: Adapted, pair: Pair, name: str, version: str, out: Path, *, as_json: bool
) -> None:
    facts = {k: v for k, v in asdict(adapted).items() if k not in _ARRAYS}
    if as_json:
        print_json({"bundle": version, "router": name, **facts, "notes": list(pair.notes)})
        return
    role = "the default" if adapted.improved else "not the default"
    click.echo(f"{version} in {out}: router {name}, {role}")
    click.echo(
        f"APGR on the {adapted.labels} labels: {adapted.left_out_apgr:.3f} (each scored from the "
        f"others); before: {adapted.prior_apgr:.3f}"
    )
    gain = adapted.gain
    verdict = "better" if adapted.improved else "no difference shown"
    click.echo(
        f"difference in APGR: {gain.value:+.3f} (95 % interval {gain.low:+.3f} to "
        f"{gain.high:+.3f}): {verdict}"
    )
    if not adapted.improved:
        click.echo(
            f"The default router stays; a policy that names `{name}` uses the new one. More labels "
            "of your traffic may show a difference."
        )
    if adapted.prior_only:
        click.echo("The labels add nothing: the router ranks as before.")
    for note in pair.notes:
        click.echo(f"note: {note}", err=True)
    if adapted.labels < _FEW:
        click.echo(f"note: {adapted.labels} labels are few; {_FEW} or more do better", err=True)
