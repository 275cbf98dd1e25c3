"""One training run: data in, the files of the heads and the figures of their card out."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_lab.default_heads.certify import certify
from weir_lab.default_heads.data import (
    Outcomes,
    load_mmlu,
    load_outcomes,
    load_preference_prompts,
)
from weir_lab.default_heads.encode import Columns, encode
from weir_lab.default_heads.groups import Labels, label, recovered
from weir_lab.default_heads.profiles import measure
from weir_lab.default_heads.train import leave_one_source_out, train_length, train_linear
from weir_scorer.build.default import Encoder
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.engine.heads import KINDS
from weir_scorer.engine.ports import Calibration

Floats = NDArray[np.float32]

SEED = 20240618
QUANTILES = 1001
PROMISES = tuple((kept, sure) for kept in (0.90, 0.95, 0.98) for sure in (0.90, 0.95))
_STEPS = 200  # thresholds tried for a certificate, evenly spaced quantiles


@dataclass(frozen=True, slots=True)
class Figures:
    """What the card tells."""

    left_out: Mapping[str, Mapping[str, float]]  # router -> source -> APGR
    mmlu: Mapping[str, float]  # router -> APGR
    report: Mapping[str, float]  # of `linear`
    calibrations: Mapping[str, Calibration]
    profiles: tuple[str, ...]
    prompts: Mapping[str, int]  # source -> distinct prompts used
    dev_prompts: int

    def summary(self) -> Mapping[str, object]:
        """The few numbers worth a line."""
        means = {name: float(np.mean(list(row.values()))) for name, row in self.left_out.items()}
        return {"left_out": means, "mmlu": self.mmlu, **self.report}


@dataclass(frozen=True, slots=True)
class Result:
    """A training run's outcome."""

    files: Mapping[str, bytes]  # name -> content
    figures: Figures


def run(data: Path, encoder: Encoder, cache: Path, progress: Callable[[str], None]) -> Result:
    """Train, measure and certify. Everything random is seeded."""
    progress("reading outcomes")
    outcomes, mmlu = load_outcomes(data), load_mmlu(data)
    people = load_preference_prompts(data)
    progress(f"encoding {len(outcomes.prompts) + len(mmlu.prompts) + len(people)} prompts")
    seen, test = encode(outcomes.prompts, encoder, cache), encode(mmlu.prompts, encoder, cache)
    asked = encode(people, encoder, cache)
    progress("training")
    labels = label(outcomes, SEED)
    measured = measure(outcomes)
    linear = train_linear(seen.linear, outcomes, labels, measured)
    reference = _join(_rows(seen, outcomes.train), asked)
    length = train_length(reference.length)
    heads = {"length": length, "linear": linear.arrays}
    progress("calibrating and certifying")
    calibrations = {
        name: _calibrate(
            _score(name, heads, reference), _score(name, heads, seen), outcomes, labels
        )
        for name in ("random", "length", "linear")
    }
    figures = Figures(
        left_out=_left_out(seen, outcomes, labels, heads),
        mmlu={
            name: recovered(_score(name, heads, test), mmlu.weak, mmlu.strong)
            for name in ("random", "length", "linear")
        },
        report=linear.report,
        calibrations=calibrations,
        profiles=measured.names,
        prompts={
            source: int(np.sum(outcomes.source == source))
            for source in sorted(set(outcomes.source.tolist()))
        },
        dev_prompts=int(np.sum(~outcomes.train[labels.rows])),
    )
    files = {f"{name}.npz": _npz(arrays) for name, arrays in heads.items()}
    files["calibration.json"] = calibration_json(calibrations)
    files["profiles.json"] = (json.dumps(measured.names, indent=1) + "\n").encode()
    return Result(files, figures)


def _score(name: str, heads: Mapping[str, Mapping[str, Floats]], columns: Columns) -> Floats:
    """By the very code that serves."""
    features = {"random": columns.hash, "length": columns.length, "linear": columns.linear}
    return KINDS[name](heads.get(name, {})).scores(features[name])


def _left_out(
    seen: Columns, outcomes: Outcomes, labels: Labels, heads: Mapping[str, Mapping[str, Floats]]
) -> Mapping[str, Mapping[str, float]]:
    source = outcomes.source[labels.rows]
    fixed = {
        name: {
            part: recovered(
                _score(name, heads, seen)[labels.rows][source == part],
                labels.weak[source == part],
                labels.strong[source == part],
            )
            for part in sorted(set(source.tolist()))
        }
        for name in ("random", "length")
    }
    return fixed | {"linear": leave_one_source_out(seen.linear[labels.rows], labels, source)}


def _calibrate(
    reference: Floats, scores: Floats, outcomes: Outcomes, labels: Labels
) -> Calibration:
    quantiles = np.quantile(reference, np.linspace(0, 1, QUANTILES)).astype(np.float32)
    dev = ~outcomes.train[labels.rows]
    lost = (labels.one_strong > labels.one_weak)[dev]
    steps = np.unique(quantiles[:: QUANTILES // _STEPS]).tolist()
    held = scores[labels.rows][dev].astype(np.float64)
    quality = float(labels.one_strong[dev].mean())
    return Calibration(
        quantiles=tuple(round(float(value), 6) for value in quantiles),
        prompts=len(reference),
        retention=tuple(certify(held, lost, quality, steps, promise) for promise in PROMISES),
    )


def _rows(columns: Columns, which: NDArray[np.bool_]) -> Columns:
    return Columns(
        columns.hash[which], columns.length[which], columns.lexical[which], columns.encoded[which]
    )


def _join(first: Columns, second: Columns) -> Columns:
    return Columns(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in Columns.__dataclass_fields__
        }
    )


def _npz(arrays: Mapping[str, Floats]) -> bytes:
    """numpy stamps its archives with a constant date, so equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
