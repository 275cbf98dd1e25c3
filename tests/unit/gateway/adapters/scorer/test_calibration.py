"""Shares and retentions become thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.scorer.calibration import parse_description
from weir_gateway.adapters.scorer.router_calibration import Certified, RouterCalibration
from weir_gateway.domain.decision import UNCALIBRATED
from weir_gateway.domain.table import Retention
from weir_proto.scorer.v1 import scorer_pb2 as pb

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=50).map(sorted)


@pytest.mark.parametrize(
    ("share", "threshold"), [(0.2, 0.8), (0.5, 0.5), (0.999, 0.001), (0.0, 1.0), (1.0, 0.0)]
)
def test_a_share_is_a_quantile(share: float, threshold: float) -> None:
    even = RouterCalibration(tuple(i / 10 for i in range(11)), ())
    assert even.threshold_for_share(share) == pytest.approx(threshold)


def test_uncalibrated_there_is_no_threshold() -> None:
    assert RouterCalibration((), ()).threshold_for_share(0.2) is None


@given(SCORES, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_has_a_higher_threshold(
    quantiles: list[float], a: float, b: float
) -> None:
    calibration = RouterCalibration(tuple(quantiles), ())
    few, many = (calibration.threshold_for_share(share) for share in sorted([a, b]))
    assert few is not None
    assert many is not None
    assert few >= many - 1e-12
    assert quantiles[0] <= few <= quantiles[-1] + 1e-12


@pytest.mark.parametrize(
    ("retention", "confidence", "threshold"),
    [(0.95, 0.95, 0.4), (0.9, 0.95, 0.6), (0.9, 0.9, 0.6), (0.95, 0.99, 0.2), (0.99, 0.5, 0.0)],
)
def test_a_retention_takes_the_highest_threshold_certified(
    retention: float, confidence: float, threshold: float
) -> None:
    calibration = RouterCalibration(
        (), (Certified(0.95, 0.95, 0.4), Certified(0.9, 0.95, 0.6), Certified(0.95, 0.99, 0.2))
    )
    assert calibration.threshold_for_retention(Retention(retention, confidence)) == threshold


def test_labels_of_own_traffic_go_before_the_bundle_s_exams() -> None:
    exams = Certified(0.95, 0.95, 0.4)
    own = (Certified(0.9, 0.95, 0.1, own=True), Certified(0.9, 0.95, 0.05, own=True))
    calibration = RouterCalibration((), (exams, *own))
    assert calibration.threshold_for_retention(Retention(0.9, 0.95)) == 0.1
    assert calibration.threshold_for_retention(Retention(0.95, 0.95)) == 0.4, "nothing of its own"


@pytest.mark.parametrize(("labels", "gain"), [(300, -0.1), (300, 0.0), (5000, -0.01)])
def test_enough_labels_show_a_router_to_fail(labels: int, gain: float) -> None:
    assert RouterCalibration((), (), labels=labels, gain=gain).fails


@pytest.mark.parametrize(("labels", "gain"), [(0, 0.0), (299, -0.1), (5000, 0.01)])
def test_few_labels_or_a_gain_show_nothing_against_a_router(labels: int, gain: float) -> None:
    assert not RouterCalibration((), (), labels=labels, gain=gain).fails


def test_an_older_scorer_shows_nothing_of_own_traffic() -> None:
    router = pb.RouterDescription(name="linear", calibration=pb.Calibration(quantiles=[0, 1]))
    described = parse_description(pb.Description(routers=[router], default_router="linear"))
    assert not described.calibration("linear").fails


def test_a_bundles_default_router_answers_to_its_three_names() -> None:
    description = pb.Description(
        versions=pb.Versions(bundle="b@1"),
        default_router="linear",
        routers=[pb.RouterDescription(name="linear", calibration=pb.Calibration(quantiles=[0, 1]))],
    )
    described = parse_description(description)
    for name in ("", "default", "linear"):
        assert described.calibration(name) == RouterCalibration((0.0, 1.0), ())
    assert described.calibration("mf") is UNCALIBRATED
