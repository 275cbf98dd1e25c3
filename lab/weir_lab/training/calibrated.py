"""What calibrating found, as a bundle's own default: the routers stay, their calibration changes.

Must not know how a threshold was found.
"""

from dataclasses import replace
from pathlib import Path

from weir_lab.metrics.ranked import Floats
from weir_lab.training.write import parts_of, quantiles_of
from weir_scorer.build.assemble import write_bundle
from weir_scorer.bundle.calibration import calibration_json, parse_calibration
from weir_scorer.bundle.folder import Folder
from weir_scorer.engine.ports import Calibration, RetentionThreshold


def write_retention(old: Path, out: Path, router: str, promise: RetentionThreshold) -> str:
    """Write the bundle with a promise more, in place of an older one of that retention and
    confidence; returns the version. Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    before = parse_calibration(folder.read(folder.manifest.calibration))[router]
    key = promise.retention, promise.confidence
    others = [row for row in before.retention if (row.retention, row.confidence) != key]
    rows = sorted([*others, promise], key=lambda row: (row.retention, row.confidence))
    return _write(folder, out, router, replace(before, retention=tuple(rows)))


def write_shares(old: Path, out: Path, router: str, scores: Floats) -> str:
    """Write the bundle whose strong shares of a router are those of prompts with these scores;
    returns the version. Raises BundleError, BuildError.
    """
    folder = Folder.open(old)
    before = parse_calibration(folder.read(folder.manifest.calibration))[router]
    changed = replace(before, quantiles=quantiles_of(scores), prompts=len(scores))
    return _write(folder, out, router, changed)


def _write(folder: Folder, out: Path, router: str, calibration: Calibration) -> str:
    folder.verify()
    manifest = folder.manifest
    calibrations = {**parse_calibration(folder.read(manifest.calibration)), router: calibration}
    files = {path: folder.read(path) for path in manifest.files}
    files[manifest.calibration] = calibration_json(calibrations)
    return write_bundle(replace(parts_of(folder), files=files), out)
