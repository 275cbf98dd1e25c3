"""What the scorer says of itself, kept so that shares and retentions become thresholds."""

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
            Certified(c.retention, c.confidence, c.threshold, c.own) for c in calibration.retention
        ),
        labels=calibration.evidence.labels,
        gain=calibration.evidence.over_lots.value,
    )
