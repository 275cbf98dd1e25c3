"""What the scorer says of itself, kept so that shares and retentions become thresholds."""

from dataclasses import dataclass

from weir_gateway.domain.decision import UNCALIBRATED, Calibration
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import Retention
from weir_proto.scorer.v1 import scorer_pb2 as pb

EPSILON = 1e-9  # decimal shares survive their way through binary floats


@dataclass(frozen=True, slots=True)
class Certified:
    """A threshold that keeps `retention` with `confidence`, certified on held-out outcomes."""

    retention: float
    confidence: float
    threshold: float


@dataclass(frozen=True, slots=True)
class RouterCalibration:
    """How one router's scores lie over the reference prompts."""

    quantiles: tuple[float, ...]  # evenly spaced from 0 to 1, ascending; empty: not calibrated
    certified: tuple[Certified, ...]

    def threshold_for_share(self, share: float) -> float | None:
        """The score that a share of the reference prompts reaches: their (1 - share) quantile."""
        if not self.quantiles:
            return None
        position = min(max(1.0 - share, 0.0), 1.0) * (len(self.quantiles) - 1)
        below = min(int(position), max(len(self.quantiles) - 2, 0))
        above = min(below + 1, len(self.quantiles) - 1)
        low, high = self.quantiles[below], self.quantiles[above]
        return low + (high - low) * (position - below)

    def threshold_for_retention(self, objective: Retention) -> float:
        """The highest threshold certified to keep at least as much, at least as surely.

        0.0, all strong, where none was.
        """
        return max(
            (
                c.threshold
                for c in self.certified
                if c.retention >= objective.retention - EPSILON
                and c.confidence >= objective.confidence - EPSILON
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Described:
    """One bundle as the scorer described it."""

    bundle: BundleVersion
    default_router: str
    profiles: tuple[str, ...]  # the columns of a quality vector
    routers: dict[str, RouterCalibration]
    max_texts: int  # per call

    def calibration(self, router: str) -> Calibration:
        """The calibration of a router; "" and "default" name the bundle's default router."""
        if router in {"", "default"} and router not in self.routers:
            router = self.default_router
        return self.routers.get(router, UNCALIBRATED)


def parse_description(description: pb.Description) -> Described:
    """The description without its wire."""
    return Described(
        bundle=BundleVersion(description.versions.bundle),
        default_router=description.default_router,
        profiles=tuple(description.profiles),
        routers={r.name: _calibration(r.calibration) for r in description.routers},
        max_texts=description.max_texts,
    )


def _calibration(calibration: pb.Calibration) -> RouterCalibration:
    return RouterCalibration(
        quantiles=tuple(calibration.quantiles),
        certified=tuple(
            Certified(c.retention, c.confidence, c.threshold) for c in calibration.retention
        ),
    )
