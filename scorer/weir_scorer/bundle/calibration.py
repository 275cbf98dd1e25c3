"""calibration.json: how each router's scores lie over the reference prompts.

Raw mappings stop here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import cast

from weir_scorer.engine.ports import Calibration, Evidence, Gain, RetentionThreshold


class BadCalibration(ValueError):
    """The calibration says something it may not."""


def parse_calibration(data: bytes) -> Mapping[str, Calibration]:
    """Calibrations by router. Raises BadCalibration."""
    try:
        document = cast("dict[str, dict[str, object]]", json.loads(data))
        routers = {name: _parse(entry) for name, entry in document.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadCalibration(f"not a calibration: {error!r}") from error
    for name, calibration in routers.items():
        _check(name, calibration)
    return routers


def calibration_json(routers: Mapping[str, Calibration]) -> bytes:
    """The file's bytes."""
    document = {name: _json(calibration) for name, calibration in routers.items()}
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def _json(calibration: Calibration) -> dict[str, object]:
    """Without what is not said, so that a bundle without own labels has the bytes it had."""
    document: dict[str, object] = asdict(calibration)
    rows = cast("Sequence[dict[str, object]]", document["retention"])
    document["retention"] = [
        {key: value for key, value in row.items() if key != "own" or value} for row in rows
    ]
    if calibration.evidence is None:
        del document["evidence"]
    return document


def _parse(entry: Mapping[str, object]) -> Calibration:
    quantiles = cast("list[float]", entry["quantiles"])
    retention = cast("list[Mapping[str, float]]", entry["retention"])
    return Calibration(
        quantiles=tuple(float(value) for value in quantiles),
        prompts=int(cast("int", entry["prompts"])),
        retention=tuple(
            RetentionThreshold(
                retention=float(row["retention"]),
                confidence=float(row["confidence"]),
                threshold=float(row["threshold"]),
                strong_share=float(row["strong_share"]),
                own=bool(row.get("own", False)),
            )
            for row in retention
        ),
        evidence=_evidence(entry["evidence"]) if "evidence" in entry else None,
    )


def _evidence(value: object) -> Evidence:
    entry = cast("Mapping[str, Mapping[str, float]]", value)
    over_lots, over_length = (
        Gain(*(float(entry[name][part]) for part in ("value", "low", "high")))
        for name in ("over_lots", "over_length")
    )
    return Evidence(int(cast("int", entry["labels"])), over_lots, over_length)


def _check(name: str, calibration: Calibration) -> None:
    quantiles = calibration.quantiles
    inside = all(0 <= value <= 1 for value in quantiles)  # also refuses NaN
    if not inside or any(after < before for before, after in pairwise(quantiles)):
        raise BadCalibration(f"{name}: quantiles must ascend within [0,1]")
    for row in calibration.retention:
        shares = (row.retention, row.confidence, row.threshold, row.strong_share)
        if not all(0 <= value <= 1 for value in shares):
            raise BadCalibration(f"{name}: retention rows must lie within [0,1]")
    evidence = calibration.evidence
    if evidence is not None:
        gains = (evidence.over_lots, evidence.over_length)
        numbers = [number for gain in gains for number in (gain.value, gain.low, gain.high)]
        if evidence.labels < 1 or not all(map(math.isfinite, numbers)):
            raise BadCalibration(f"{name}: evidence must have labels and finite gains")
