"""An adapted router into a bundle: the old bundle's parts, one router more, the default moved.

The old routers stay as they are, so that a policy that names one of them decides as before.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from weir_lab.training.adapt import Adapted
from weir_scorer.build.assemble import Parts, write_bundle
from weir_scorer.bundle.calibration import calibration_json, parse_calibration
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.ports import Calibration

KIND = "kernel"
_QUANTILES = 1001


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an adapted router comes from, for the card."""

    router: str  # of the old bundle
    data: str
    weak: str
    strong: str


def write_adapted(old: Path, out: Path, name: str, adapted: Adapted, origin: Origin) -> str:
    """Write the bundle with a router `name` that is the default; returns the version.

    A router of that name is replaced. Its calibration knows how its scores lie over the labelled
    prompts, and promises no retention: that takes other labels (`weir calibrate`). Raises
    BundleError, BuildError.
    """
    folder = Folder.open(old)
    folder.verify()
    manifest = folder.manifest
    entry = RouterEntry(name, KIND, manifest.routers[origin.router].blocks, f"heads/{name}.npz")
    routers = {**manifest.routers, name: entry}
    used = {router.head for router in routers.values()}
    replaced = {router.head for router in manifest.routers.values()} - used
    calibrations = dict(parse_calibration(folder.read(manifest.calibration)))
    calibrations[name] = _calibration(adapted)
    files = {path: folder.read(path) for path in manifest.files if path not in replaced}
    files |= {
        f"heads/{name}.npz": _npz(adapted),
        manifest.calibration: calibration_json(calibrations),
        manifest.card: _card(folder, name, adapted, origin).encode(),
    }
    parts = Parts(
        name=manifest.name if manifest.name.endswith("+") else f"{manifest.name}+",
        max_chars=manifest.max_chars,
        max_tokens=manifest.max_tokens,
        blocks=tuple(manifest.blocks.values()),
        routers=tuple(routers.values()),
        default_router=name,
        profiles=manifest.profiles,
        files=files,
    )
    return write_bundle(parts, out)


def _calibration(adapted: Adapted) -> Calibration:
    quantiles = np.quantile(adapted.scores, np.linspace(0, 1, _QUANTILES))
    return Calibration(
        quantiles=tuple(round(float(value), 6) for value in np.clip(quantiles, 0, 1)),
        prompts=len(adapted.scores),
    )


def _npz(adapted: Adapted) -> bytes:
    """Without dates, so that equal arrays give equal bytes."""
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(adapted.arrays))
    return buffer.getvalue()


def _card(folder: Folder, name: str, adapted: Adapted, origin: Origin) -> str:
    before = folder.read(folder.manifest.card).decode("utf-8")
    learnt = (
        "The labels predicted each other no better than the router it started from, so it ranks "
        "prompts as that one does."
        if adapted.prior_kept
        else f"It is `{origin.router}` plus a Gaussian-kernel regression on the labels (kernel "
        f"width {adapted.width:g}, noise {adapted.noise:g}, both chosen by the labels' marginal "
        "likelihood)."
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
