"""A new model joins a bundle's qualities by its outcomes on probe prompts: its row is fitted, and
nothing else. What the probes don't say of a kind of prompt, what other models are like does.
"""

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_lab.errors import TooFew
from weir_lab.metrics import brier
from weir_lab.metrics.ranked import Floats
from weir_lab.routers.knn import Arrays
from weir_lab.routers.qualities import facts_of, join, population_of, predicted
from weir_lab.training.columns import Columns
from weir_lab.training.profiles import LEAST, NoProfiles
from weir_lab.training.write import as_archive, card_with_profile, parts_of
from weir_scorer.build.assemble import write_bundle
from weir_scorer.bundle.folder import Folder

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Joined:
    """A model's row, and how well rows fitted to four fifths of the probes do on the rest."""

    row: NDArray[np.float32]
    probes: int
    mean: float
    brier: float
    brier_constant: float


def qualities_of(bundle: Path, router: str) -> tuple[str, Arrays] | None:
    """The file that predicts the router's qualities, and its arrays; None where it has none."""
    folder = Folder.open(bundle)
    name = folder.manifest.default_router if router in {"", "default"} else router
    path = folder.manifest.routers[name].qualities
    if path is None:
        return None
    with np.load(BytesIO(folder.read(path)), allow_pickle=False) as archive:
        return path, {key: archive[key] for key in archive.files}


def fit_joining(columns: Columns, arrays: Arrays, outcomes: Floats, seed: int = 0) -> Joined:
    """Fit outcomes in [0, 1], one a row of `columns`. Raises TooFew, NoProfiles."""
    if len(outcomes) < LEAST:
        raise TooFew(f"{len(outcomes)} probe prompts; a profile takes {LEAST}, better 300")
    if "population_mean" not in arrays:
        raise NoProfiles("the bundle does not say what models are like: build it again")
    raw = columns.rows * columns.head["scale"] + columns.head["mean"]
    facts, population = facts_of(arrays, raw.astype(np.float32)), population_of(arrays)
    fold = np.random.default_rng(seed).permutation(len(outcomes)) % _FOLDS
    held, constant = np.empty(len(outcomes)), np.empty(len(outcomes))
    for k in range(_FOLDS):
        mine = fold == k
        held[mine] = predicted(facts[mine], join(facts[~mine], outcomes[~mine], population))
        constant[mine] = outcomes[~mine].mean()
    return Joined(
        row=join(facts, outcomes, population).astype(np.float32),
        probes=len(outcomes),
        mean=float(outcomes.mean()),
        brier=brier(held, outcomes),
        brier_constant=brier(constant, outcomes),
    )


def write_joined(old: Path, out: Path, model: str, router: str, joined: Joined, data: str) -> str:
    """Write the bundle with the model, in place of an older one of that name; its version.

    Raises NoProfiles where a router predicts by other means, BundleError, BuildError.
    """
    folder = Folder.open(old)
    folder.verify()
    found = qualities_of(old, router)
    others = {entry.qualities for entry in folder.manifest.routers.values()} - {None}
    if found is None or others != {found[0]}:
        raise NoProfiles("the bundle's routers do not share one file of qualities: build it again")
    path, arrays = found
    profiles = list(folder.manifest.profiles)
    rows = list(arrays["models"].astype(np.float32))
    if model in profiles:
        rows[profiles.index(model)] = joined.row
    else:
        profiles.append(model)
        rows.append(joined.row)
    files = {name: folder.read(name) for name in folder.manifest.files}
    files[path] = as_archive({**arrays, "models": np.stack(rows)})
    files[folder.manifest.card] = card_with_profile(
        files[folder.manifest.card], model, joined, data
    )
    return write_bundle(replace(parts_of(folder), profiles=tuple(profiles), files=files), out)
