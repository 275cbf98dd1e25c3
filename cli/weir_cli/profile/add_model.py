"""A model's quality profile from its outcomes on probe prompts, by the lab."""

from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from weir_cli.failure import Failure
from weir_cli.lab_helpers import columns_of, lab_failures, say_step
from weir_cli.output import print_json
from weir_lab.arrays import Doubles
from weir_lab.bundles.extend_bundle import qualities_of, write_joined, write_profile
from weir_lab.datasets import Outcomes, load_outcomes
from weir_lab.routers.profiles import Joined, Profile, fit_joining, fit_profile


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """The command's options."""

    start: Path
    data: Path
    model: str
    name: str  # of the profile
    router: str
    out: Path


def add_model(options: ProfileOptions, *, as_json: bool) -> None:
    """Fit the profile, write the new bundle, print how good the fit is. Raises Failure."""
    probes, scores = _probes(options)
    columns = columns_of(options.start, options.router, probes.prompts)
    fitted: Joined | Profile
    with lab_failures():
        shared = qualities_of(options.start, options.router)
        places = options.start, options.out, options.name
        if shared is None:
            fitted = fit_profile(columns, scores)
            version = write_profile(*places, fitted, options.data.name)
        else:
            fitted = fit_joining(columns, shared[1], scores)
            version = write_joined(*places, options.router, fitted, options.data.name)
    facts = {k: v for k, v in asdict(fitted).items() if k not in {"weights", "bias", "row"}}
    if as_json:
        print_json({"bundle": version, "profile": options.name, **facts})
        return
    click.echo(f"{version} in {options.out}: profile {options.name}")
    click.echo(
        f"{fitted.probes} probes, mean {fitted.mean:.3f}; held-out Brier score {fitted.brier:.3f}, "
        f"against {fitted.brier_constant:.3f} for the mean alone"
    )
    if isinstance(fitted, Joined):
        click.echo(f"its predictions have a standard error of {fitted.doubt:.2f} in log-odds")


def _probes(options: ProfileOptions) -> tuple[Outcomes, Doubles]:
    """The prompts that the model answered, and its scores on them."""
    with lab_failures():
        say_step(f"reading {options.data}")
        outcomes = load_outcomes(options.data)
        if options.model not in outcomes.models:
            raise Failure(
                f"Nothing is recorded for model {options.model!r}.",
                hint=f"There are: {', '.join(outcomes.models)}",
            )
        scores = outcomes.quality[:, outcomes.models.index(options.model)]
        answered = np.isfinite(scores)
        return outcomes.only(answered), scores[answered]
