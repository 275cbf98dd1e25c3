"""What clients see of errors: statuses and codes are a contract."""

import pytest

from weir_gateway.domain import errors
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure, WeirError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.BadRequest("m"), 400, "invalid_request"),
        (errors.TooLarge("m"), 413, "request_too_large"),
        (errors.UnsupportedMedia("m"), 415, "unsupported_media_type"),
        (errors.NoPolicy("m"), 404, "model_not_found"),
        (errors.NothingCanServe("m"), 503, "no_candidate"),
        (errors.ScorerUnavailable("m"), 503, "scorer_unavailable"),
        (errors.RouterWarmingUp("m"), 503, "warming_up"),
        (errors.NoSuchRouter("m"), 503, "router_not_found"),
    ],
)
def test_statuses_and_codes(error: WeirError, status: int, code: str) -> None:
    assert (error.status, error.code, error.message) == (status, code, "m")


@pytest.mark.parametrize(
    ("failure", "upstream_status", "status", "label"),
    [
        (UpstreamFailure.CONNECT, None, 502, "connect"),
        (UpstreamFailure.BROKEN, None, 502, "broken"),
        (UpstreamFailure.TIMEOUT, None, 504, "timeout"),
        (UpstreamFailure.STATUS, 429, 429, "429"),
        (UpstreamFailure.STATUS, 503, 503, "503"),
    ],
)
def test_an_upstreams_failure_keeps_its_status_and_names_the_fallback(
    failure: UpstreamFailure, upstream_status: int | None, status: int, label: str
) -> None:
    error = UpstreamError("m", failure=failure, upstream_status=upstream_status)
    assert (error.status, error.label) == (status, label)
