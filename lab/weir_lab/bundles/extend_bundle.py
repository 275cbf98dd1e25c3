"""Writes a bundle again with one addition: a router, a quality profile, a certified threshold.

The other routers' scores stay as they are, so that a policy that names one decides as before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Arrays, Doubles
from weir_lab.bundles.columns import read_head
from weir_lab.routers.familiarity import with_own
from weir_lab.routers.kernel import Adapted
from weir_lab.routers.profiles import Joined, NoProfiles, Profile, with_profile
from weir_scorer.build.assemble import Parts, write_bundle
from weir_scorer.bundle.calibration import calibration_json, parse_calibration
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.ports import Calibration, Evidence, RetentionThreshold

KIND = "kernel"
_QUANTILES = 1001
NO_EVIDENCE: Mapping[str, Evidence] = {}
_SEED = 0  # of the centres of labelled prompts


@dataclass(frozen=True, slots=True)
class Origin:
    """What an adapted router was made from, for the card."""

    router: str  # of the old bundle
    data: str
    weak: str
    strong: str


def write_adapted(
    old: Path,
    out: Path,
    name: str,
    adapted: Adapted,
    origin: Origin,
    evidence: Mapping[str, Evidence] = NO_EVIDENCE,
) -> str:
    """Write the bundle with a router `name`, the default if it improved; returns the version.

    A router of that name is replaced. Its calibration has the scores' quantiles over the labelled
    prompts and certifies no retention, which takes other labels (`weir calibrate`). `evidence` is
    by router, what the labels show. Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    folder.verify()
    manifest = folder.manifest
    prior = manifest.routers[origin.router]
    own = _with_own_prompts(folder, name, prior.familiarity, adapted)
    entry = replace(
        prior, name=name, kind=KIND, head=f"heads/{name}.npz", familiarity=next(iter(own), None)
    )
    routers = {**manifest.routers, name: entry}
    replaced = _files_of(manifest.routers.values()) - _files_of(routers.values())
    calibrations = dict(parse_calibration(folder.read(manifest.calibration)))
    calibrations[name] = _calibration(adapted)
    for router, shown in evidence.items():
        calibrations[router] = replace(calibrations[router], evidence=shown)
    files = {path: folder.read(path) for path in manifest.files if path not in replaced}
    files |= own | {
        f"heads/{name}.npz": as_archive(adapted.arrays),
        manifest.calibration: calibration_json(calibrations),
        manifest.card: _card(folder, name, adapted, origin).encode(),
    }
    parts = replace(
        parts_of(folder),
        routers=tuple(routers.values()),
        default_router=name if adapted.improved else manifest.default_router,
        files=files,
    )
    return write_bundle(parts, out)


def _with_own_prompts(
    folder: Folder, name: str, path: str | None, adapted: Adapted
) -> dict[str, bytes]:
    """The file of familiarity with the labelled prompts; nothing where the router has none."""
    if path is None:
        return {}
    with np.load(BytesIO(folder.read(path)), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    columns = adapted.columns.astype(np.float32)
    return {f"heads/{name}-familiarity.npz": as_archive(with_own(arrays, columns, _SEED))}


def _files_of(routers: Iterable[RouterEntry]) -> set[str | None]:
    return {path for router in routers for path in (router.head, router.familiarity)}


def write_profile(old: Path, out: Path, model: str, profile: Profile, data: str) -> str:
    """Write the bundle with a quality profile of `model`; returns the version.

    It is added to every head that predicts qualities, and replaces an older profile of that name.
    Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    folder.verify()
    manifest = folder.manifest
    profiles = manifest.profiles if model in manifest.profiles else (*manifest.profiles, model)
    column = profiles.index(model)
    files = {path: folder.read(path) for path in manifest.files}
    for entry in manifest.routers.values():
        if entry.head is not None:
            head = read_head(folder, entry.head)
            if head.get("quality_bias", np.zeros(0)).size:
                files[entry.head] = as_archive(with_profile(head, profile, column))
    files[manifest.card] = card_with_profile(files[manifest.card], model, profile, data)
    return write_bundle(replace(parts_of(folder), profiles=profiles, files=files), out)


class Probed(Protocol):
    """The figures of a fitted profile that the card shows."""

    @property
    def probes(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def brier(self) -> float: ...
    @property
    def brier_constant(self) -> float: ...


def card_with_profile(card: bytes, model: str, profile: Probed, data: str) -> bytes:
    """The card with a section on the profile."""
    return (
        f"{card.decode('utf-8').rstrip()}\n\n## Profile: {model}\n\n"
        f"From {profile.probes} probe prompts of {data}, mean outcome {profile.mean:.3f}. Held-out "
        f"Brier score {profile.brier:.3f}, against {profile.brier_constant:.3f} for that mean.\n"
    ).encode()


def parts_of(folder: Folder) -> Parts:
    """The bundle's parts without its files, named as a changed bundle: with a `+`."""
    manifest = folder.manifest
    return Parts(
        name=manifest.name if manifest.name.endswith("+") else f"{manifest.name}+",
        max_chars=manifest.max_chars,
        max_tokens=manifest.max_tokens,
        reading=manifest.reading,
        blocks=tuple(manifest.blocks.values()),
        routers=tuple(manifest.routers.values()),
        default_router=manifest.default_router,
        profiles=manifest.profiles,
        files={},
    )


def _calibration(adapted: Adapted) -> Calibration:
    return Calibration(quantiles_of(adapted.scores), prompts=len(adapted.scores))


def quantiles_of(scores: Doubles) -> tuple[float, ...]:
    """The scores' quantiles, as a calibration stores them."""
    quantiles = np.quantile(scores, np.linspace(0, 1, _QUANTILES))
    return tuple(round(float(value), 6) for value in np.clip(quantiles, 0, 1))


def as_archive(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """A compressed archive without dates, so that equal arrays give equal bytes."""
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def _card(folder: Folder, name: str, adapted: Adapted, origin: Origin) -> str:
    before = folder.read(folder.manifest.card).decode("utf-8")
    learnt = (
        "The labels predicted each other no better than the router it started from, so it ranks "
        "prompts as that one does."
        if adapted.prior_only
        else f"It is `{origin.router}` plus a Gaussian-kernel regression on the labels, averaged "
        "over kernels by the labels' marginal likelihood (noise over signal "
        f"{adapted.noise:.3g})."
    )
    return (
        f"{before.rstrip()}\n\n## Adapted: `{name}`\n\n"
        f"Started from `{origin.router}` of {folder.version} and adapted to {adapted.labels} "
        f"labelled prompts of {origin.data} ({origin.weak} as weak, {origin.strong} as strong). "
        f"{learnt}\n\n"
        f"APGR on these prompts: `{origin.router}` {adapted.prior_apgr:.3f}; `{name}` "
        f"{adapted.left_out_apgr:.3f}, each prompt scored from the other labels alone. With few "
        "labels both are uncertain: `weir eval` on other labels gives intervals. No retention is "
        "certified: `weir calibrate` on other labels does that. The labelled prompts' columns "
        "(numbers, no text) are part of the head.\n"
    )


def write_retention(
    old: Path, out: Path, router: str, promise: RetentionThreshold, evidence: Evidence | None
) -> str:
    """Write the bundle with a certified threshold and what its labels show; returns the version.

    It replaces an older one of the same retention and confidence. Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    before = parse_calibration(folder.read(folder.manifest.calibration))[router]
    key = promise.retention, promise.confidence
    others = [row for row in before.retention if (row.retention, row.confidence) != key]
    rows = sorted([*others, promise], key=lambda row: (row.retention, row.confidence))
    changed = replace(before, retention=tuple(rows), evidence=evidence or before.evidence)
    return _write_calibration(folder, out, router, changed)


def write_shares(old: Path, out: Path, router: str, scores: Doubles) -> str:
    """Write the bundle with a router's quantiles taken from `scores`; returns the version.

    Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    before = parse_calibration(folder.read(folder.manifest.calibration))[router]
    changed = replace(before, quantiles=quantiles_of(scores), prompts=len(scores))
    return _write_calibration(folder, out, router, changed)


def _write_calibration(folder: Folder, out: Path, router: str, calibration: Calibration) -> str:
    folder.verify()
    manifest = folder.manifest
    calibrations = {**parse_calibration(folder.read(manifest.calibration)), router: calibration}
    files = {path: folder.read(path) for path in manifest.files}
    files[manifest.calibration] = calibration_json(calibrations)
    return write_bundle(replace(parts_of(folder), files=files), out)


def qualities_of(bundle: Path, router: str) -> tuple[str, Arrays] | None:
    """The path and the arrays of the router's qualities; None where it predicts none."""
    folder = Folder.open(bundle)
    name = folder.manifest.default_router if router in {"", "default"} else router
    path = folder.manifest.routers[name].qualities
    if path is None:
        return None
    with np.load(BytesIO(folder.read(path)), allow_pickle=False) as archive:
        return path, {key: archive[key] for key in archive.files}


def write_joined(old: Path, out: Path, model: str, router: str, joined: Joined, data: str) -> str:
    """Write the bundle with the model's row of qualities; returns the version.

    It replaces an older row of that name. Raises NoProfiles where the routers don't share one file
    of qualities, BundleError, BuildError.
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
    doubts = list(arrays.get("doubts", np.zeros(len(rows), np.float32)))
    if model in profiles:
        rows[profiles.index(model)] = joined.row
        doubts[profiles.index(model)] = joined.doubt
    else:
        profiles.append(model)
        rows.append(joined.row)
        doubts.append(joined.doubt)
    files = {name: folder.read(name) for name in folder.manifest.files}
    stated = {"models": np.stack(rows), "doubts": np.array(doubts, np.float32)}
    files[path] = as_archive({**arrays, **stated})
    files[folder.manifest.card] = card_with_profile(
        files[folder.manifest.card], model, joined, data
    )
    return write_bundle(replace(parts_of(folder), profiles=tuple(profiles), files=files), out)
