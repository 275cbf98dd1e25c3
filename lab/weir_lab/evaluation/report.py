"""An evaluation's report as one frozen value, and as JSON, where NaN becomes null."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from weir_lab.evaluation.figures import Figures, Single
from weir_lab.evaluation.robustness import Flips
from weir_lab.evaluation.slices import Gap, Slice
from weir_lab.metrics import Interval

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A router's quality over its share of strong calls, for drawing: rising shares."""

    share: tuple[float, ...]
    quality: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One router or baseline."""

    name: str
    baseline: bool
    figures: Figures
    line: Line


@dataclass(frozen=True, slots=True)
class Detail:
    """One router's slices and flips at the threshold of the operating share."""

    name: str
    threshold: float
    slices: tuple[Slice, ...]
    gaps: tuple[Gap, ...]
    flips: tuple[Flips, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A router's APGR less that of a baseline on the same prompts, paired."""

    name: str
    baseline: str
    gain: Interval

    @property
    def verdict(self) -> str:
        """Whether the interval shows a difference, in words."""
        if self.gain.low > 0:
            return "better"
        return "worse" if self.gain.high < 0 else "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of an evaluation."""

    data: str
    prompts: int
    weak_name: str
    strong_name: str
    weak: float  # mean quality, all prompts to the weak model
    strong: float
    best: float  # of the oracle
    single: Single  # the better model for every prompt
    priced: bool
    operating_share: float
    repeats: int
    seed: int
    rows: tuple[Row, ...]
    details: tuple[Detail, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    bundle: str | None


def to_json(report: Report) -> str:
    """JSON with a trailing newline; equal reports give equal text."""
    document = {"format": FORMAT, **cast("dict[str, object]", plain(asdict(report)))}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def plain(value: object) -> object:
    """Convert to JSON's types: NaN and infinity become null, tuples lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): plain(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    return value
