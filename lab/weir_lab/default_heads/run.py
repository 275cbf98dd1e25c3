"""One training run: data in, the files of the heads and the figures of their card out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weir_lab.arrays import Floats
from weir_lab.bundles.extend_bundle import as_archive
from weir_lab.calibration.retention import PROMISES
from weir_lab.default_heads.certify import certify
from weir_lab.default_heads.data import Outcomes, load_mmlu, load_outcomes, load_preferences
from weir_lab.default_heads.encode import Columns, encode
from weir_lab.default_heads.groups import Labels, label, recovered
from weir_lab.default_heads.profiles import measure
from weir_lab.default_heads.sense import SenseColumns, load_sense_pairs
from weir_lab.default_heads.sense_figures import sense_figures
from weir_lab.default_heads.train import train_qualities
from weir_lab.default_heads.work import SEED, Work, some_rows
from weir_lab.metrics import Interval
from weir_scorer.build.default import Encoder
from weir_scorer.build.variants import DIM, Variant
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.bundle.loading import PROBE
from weir_scorer.engine.ports import Calibration

_QUANTILES = 1001
_PROBED = 16  # columns
_STEPS = 200  # thresholds tried for a certificate, evenly spaced quantiles


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that the card shows."""

    left_out: Mapping[str, Mapping[str, float]]  # router -> source -> APGR
    mmlu: Mapping[str, float]  # router -> APGR
    unknown: Mapping[str, float]  # left-out source -> share of its prompts that are unknown
    sense: Mapping[str, Interval]  # of `linear` on its own pairs, left out fold by fold
    languages: Mapping[str, int]  # language -> sense pairs
    report: Mapping[str, float]  # of `linear`
    calibrations: Mapping[str, Calibration]
    profiles: tuple[str, ...]
    prompts: Mapping[str, int]  # source -> distinct prompts used
    dev_prompts: int

    def summary(self) -> Mapping[str, object]:
        """The main figures, for a log line."""
        means = {name: float(np.mean(list(row.values()))) for name, row in self.left_out.items()}
        sense = {name: found.value for name, found in self.sense.items()}
        return {"left_out": means, "mmlu": self.mmlu, "sense": sense, **self.report}


Files = Mapping[str, bytes]  # name -> content


def run(
    data: Path,
    encoder: Encoder,
    cache: Path,
    progress: Callable[[str], None],
    variant: Variant,
    write: Callable[[Files], None],
) -> Figures:
    """Train and certify, `write` the heads, then measure. Everything random is seeded.

    Measuring takes most of the time: every head is trained once more without each source.
    """
    progress("reading outcomes")
    outcomes, mmlu, people = load_outcomes(data), load_mmlu(data), load_preferences(data)
    count = len(outcomes.prompts) + len(mmlu.prompts) + len(people.prompts)
    progress(f"reading {count} prompts")
    seen, test, battle_columns = (
        encode(prompts, encoder, cache, variant)
        for prompts in (outcomes.prompts, mmlu.prompts, people.prompts)
    )
    pairs = load_sense_pairs(SEED)
    sense = SenseColumns(pairs, encode(pairs.prompts, encoder, cache, variant).linear)
    work = Work(variant, outcomes, people, label(outcomes, SEED), seen, battle_columns, sense)
    progress("training")
    heads, report = work.train(outcomes.train)
    progress("training the qualities")
    measured = measure(outcomes)
    qualities, found = train_qualities(seen.linear, work.widths, outcomes, measured, SEED)
    familiarity = work.familiarity(np.ones(len(outcomes.prompts), np.bool_))
    progress("calibrating and certifying")
    reference = _join(some_rows(seen, outcomes.train), battle_columns)
    at_reference, at_seen, at_test = (work.scores(heads, c) for c in (reference, seen, test))
    names = [entry.name for entry in variant.routers]
    calibrations = {
        name: _calibrate(at_reference[name], at_seen[name], outcomes, work.labels) for name in names
    }
    files = {f"{name}.npz": as_archive(arrays) for name, arrays in heads.items()}
    files["qualities.npz"] = as_archive(qualities)
    files["familiarity.npz"] = as_archive(familiarity)
    files["calibration.json"] = calibration_json(calibrations)
    files["profiles.json"] = (json.dumps(measured.names, indent=1) + "\n").encode()
    probe = encode([PROBE], encoder, cache, variant).encoded[0]
    files["probes.json"] = _probes(variant, probe)
    write(files)
    progress("leaving out each source in turn")
    return Figures(
        left_out=work.left_out(),
        mmlu={name: recovered(at_test[name], mmlu.weak, mmlu.strong) for name in names},
        sense=sense_figures(pairs, work.sense_left_out(heads)),
        languages=pairs.languages,
        report={**report, **found},
        unknown=work.unknown_shares(familiarity),
        calibrations=calibrations,
        profiles=measured.names,
        prompts={
            source: int(np.sum(outcomes.source == source))
            for source in sorted(set(outcomes.source.tolist()))
        },
        dev_prompts=int(np.sum(~outcomes.train[work.labels.rows])),
    )


def _probes(variant: Variant, columns: Floats) -> bytes:
    """Of every encoder block, the first columns of PROBE."""
    starts = range(0, len(columns), DIM)
    found = {
        block.name: [round(float(value), 5) for value in columns[start : start + _PROBED]]
        for block, start in zip(variant.encoded, starts, strict=True)
    }
    return (json.dumps(found, indent=1) + "\n").encode()


def _calibrate(
    reference: Floats, scores: Floats, outcomes: Outcomes, labels: Labels
) -> Calibration:
    quantiles = np.quantile(reference, np.linspace(0, 1, _QUANTILES)).astype(np.float32)
    dev = ~outcomes.train[labels.rows]
    lost = (labels.one_strong > labels.one_weak)[dev]
    steps = np.unique(quantiles[:: _QUANTILES // _STEPS]).tolist()
    held_out = scores[labels.rows][dev].astype(np.float64)
    quality = float(labels.one_strong[dev].mean())
    return Calibration(
        quantiles=tuple(round(float(value), 6) for value in quantiles),
        prompts=len(reference),
        retention=tuple(certify(held_out, lost, quality, steps, promise) for promise in PROMISES),
    )


def _join(first: Columns, second: Columns) -> Columns:
    return Columns(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in Columns.__dataclass_fields__
        }
    )
