"""What the scorer says of itself, kept so that shares and retentions become thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_gateway.adapters.scorer.router_calibration import Certified, RouterCalibration
from weir_gateway.domain.decision import UNCALIBRATED, Calibration
from weir_gateway.domain.ids import BundleVersion
from weir_proto.scorer.v1 import scorer_pb2 as pb


@dataclass(frozen=True, slots=True)
class Described:
    """One bundle as the scorer described it."""

    bundle: BundleVersion
    default_router: str
    profiles: tuple[str, ...]  # the columns of a quality vector
    routers: dict[str, RouterCalibration]
    max_texts: int  # per call
    doubts: Mapping[str, float]  # profile -> standard error in log-odds; those of 0 are left out

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
        doubts=_doubts(description.profiles, description.profile_doubts),
    )


def _doubts(profiles: Sequence[str], doubts: Sequence[float]) -> dict[str, float]:
    """Empty where the scorer says nothing, or nothing that fits."""
    if len(doubts) != len(profiles):
        return {}
    return {name: doubt for name, doubt in zip(profiles, doubts, strict=True) if doubt > 0}


def _calibration(calibration: pb.Calibration) -> RouterCalibration:
    return RouterCalibration(
        quantiles=tuple(calibration.quantiles),
        certified=tuple(
            Certified(c.retention, c.confidence, c.threshold, c.own) for c in calibration.retention
        ),
        labels=calibration.evidence.labels,
        gain=calibration.evidence.over_lots.value,
    )
