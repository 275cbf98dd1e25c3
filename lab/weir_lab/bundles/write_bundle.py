"""Writes a new bundle of routers that were trained from labels alone.

It reuses the encoder of another bundle, its base.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_lab.bundles.columns import read_raw
from weir_lab.bundles.extend_bundle import as_archive, parts_of, quantiles_of
from weir_lab.bundles.row_cache import read_cached
from weir_lab.routers.from_labels import TrainedLinear, TrainedRouter
from weir_scorer.build.assemble import write_bundle
from weir_scorer.build.variants import FAMILIARITY
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import EncoderBlock
from weir_scorer.engine.ports import Calibration
from weir_scorer.features.reading import reader
from weir_scorer.features.text import length

NAME = "trained"
_INSTANT = ("random", "length")
_KNOTS = 1001


@dataclass(frozen=True, slots=True)
class DataCard:
    """Where the labels come from, for the bundle's card."""

    data: str
    seed: int
    models: tuple[str, ...]
    notes: tuple[str, ...]
    leak_check: str  # what the leak check found


@dataclass(frozen=True, slots=True)
class TrainedRouters:
    """The routers to write; their `scores` have a value for each of `prompts`."""

    prompts: Sequence[str]
    linear: TrainedLinear
    others: Mapping[str, TrainedRouter]


def read_cached_columns(
    base: Path,
    router: str,
    prompts: Sequence[str],
    cache: Path,
    advance: Callable[[int], None],
) -> NDArray[np.float32]:
    """The columns that the base's linear router reads, cached in a folder chunk by chunk."""
    with Bundle.open(base, devices=["cpu"]) as bundle:
        name = bundle.engines[0].resolve(router)

        def read(chunk: Sequence[str]) -> NDArray[np.float32]:
            return read_raw(base, bundle, name, chunk).astype(np.float32)

        return read_cached(cache, f"{bundle.version} {name}", prompts, read, advance)


def block_widths(base: Path, router: str) -> tuple[int, ...]:
    """The number of columns of each block that the base's router reads."""
    manifest = Folder.open(base).manifest
    return tuple(manifest.blocks[block].dim for block in manifest.routers[router].blocks)


def write_trained_bundle(
    base: Path, out: Path, router: str, routers: TrainedRouters, card: DataCard
) -> str:
    """Write the bundle; returns its version.

    The default router is `linear`, or `length` where that does better on held-out prompts. Raises
    BundleError, BuildError.
    """
    prompts, trained, others = routers.prompts, routers.linear, routers.others
    folder = Folder.open(base)
    folder.verify()
    manifest = folder.manifest
    blocks = manifest.routers[router].blocks
    entries = [
        replace(entry, head=f"heads/{entry.kind}.npz" if entry.head else None, name=entry.kind)
        for kind in _INSTANT
        for entry in list(manifest.routers.values())
        if entry.kind == kind
    ]
    entries = list({entry.name: entry for entry in entries}.values())
    entries += [
        RouterEntry(kind, kind, blocks, f"heads/{kind}.npz", familiarity=FAMILIARITY)
        for kind in ("linear", *others)
    ]
    knots, calibrations = _spread(folder, prompts, trained)
    calibrations |= {
        kind: Calibration(quantiles_of(other.scores), len(prompts), other.retention)
        for kind, other in others.items()
    }
    used = {block for entry in entries for block in entry.blocks}
    files = {manifest.tokenizer: folder.read(manifest.tokenizer)}
    for name in used:
        block = manifest.blocks[name]
        if isinstance(block, EncoderBlock):
            files |= {path: folder.read(path) for path in block.files.values()}
    files |= {f"heads/{kind}.npz": as_archive(other.arrays) for kind, other in others.items()}
    files |= {
        "heads/linear.npz": as_archive(trained.arrays),
        FAMILIARITY: as_archive(trained.familiarity),
        manifest.calibration: calibration_json({e.name: calibrations[e.name] for e in entries}),
        manifest.card: _card(folder, trained, others, card).encode(),
    }
    if any(entry.name == "length" for entry in entries):
        files["heads/length.npz"] = as_archive({"knots": knots})
    better = trained.apgr >= trained.length_apgr or len(entries) == 1
    parts = replace(
        parts_of(folder),
        name=NAME,
        blocks=tuple(block for block in manifest.blocks.values() if block.name in used),
        routers=tuple(entries),
        default_router="linear" if better else "length",
        profiles=trained.profiles,
        files=files,
    )
    return write_bundle(parts, out)


def _spread(
    folder: Folder, prompts: Sequence[str], trained: TrainedLinear
) -> tuple[NDArray[np.float32], dict[str, Calibration]]:
    """The quantiles of the prompts' lengths, and the calibration of each built-in router."""
    read = reader(folder.manifest.reading, folder.manifest.max_chars)
    lengths = np.array([float(length(read(prompt).chars)[0]) for prompt in prompts])
    knots = np.quantile(lengths, np.linspace(0, 1, _KNOTS)).astype(np.float32)
    even = np.linspace(0, 1, _KNOTS)
    return knots, {
        "random": Calibration(quantiles_of(even), len(prompts)),
        "length": Calibration(quantiles_of(even), len(prompts)),
        "linear": Calibration(
            quantiles_of(trained.scores), len(prompts), trained.retention, trained.evidence
        ),
    }


def _card(
    folder: Folder, trained: TrainedLinear, others: Mapping[str, TrainedRouter], card: DataCard
) -> str:
    rows = "".join(f"| `{kind}` | {other.apgr:.3f} |\n" for kind, other in others.items())
    notes = "".join(f"- {line}\n" for line in (*card.models, *card.notes, card.leak_check))
    verdict = (
        "`linear` is the default."
        if trained.apgr >= trained.length_apgr
        else "Prompt length does better there than what was learnt, so `length` is the default."
    )
    return (
        f"# {NAME}\n\nRouters trained from the labels of {card.data} alone, read by the encoder "
        f"of {folder.version}.\n\n## Data\n\n{notes}\n## Split\n\n"
        f"A hash of its text puts one prompt in five apart (seed {card.seed}): {trained.train} "
        f"labels train, {trained.held_out} judge. The ridge's strength ({trained.alpha:g}) is by "
        "leave-one-out on the former; the probability's curve, the retention thresholds and the "
        "figures are by the latter.\n\n## Figures on the held-out labels\n\n"
        f"| | APGR |\n|---|---|\n| `linear` | {trained.apgr:.3f} |\n{rows}"
        f"| prompt length | {trained.length_apgr:.3f} |\n| chance | .500 |\n\n"
        f"Score as P(strong better): Brier {trained.brier:.3f}, expected calibration error "
        f"{trained.ece:.3f}. {verdict}\n\n## Limits\n\n"
        "It knows prompts like these. The held-out ones are from the same record, so that on other "
        "traffic expect less; the curve and the promises were fitted on the prompts that judge "
        "it. `weir eval` on labels it has never seen tells more. No text of the data is in here.\n"
    )
