"""What counts for a backend's health, and for how long."""

from dataclasses import replace

import pytest

from support.fakes import FakeClock, FakeReply, FakeUpstreams
from support.tables import WEAK, request
from weir_gateway.adapters.providers.backend_health import HALF_SECONDS, HealthTrackingUpstreams
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure

BACKEND = replace(WEAK, uid="u", generation=2)


def watched(answer: FakeReply | Exception) -> tuple[HealthTrackingUpstreams, FakeClock]:
    """Over a backend that always answers so."""
    clock = FakeClock()
    return HealthTrackingUpstreams(FakeUpstreams({WEAK.id: answer}), clock), clock


async def ask(upstreams: HealthTrackingUpstreams) -> None:
    """Once, whatever comes of it."""
    try:
        await upstreams.send(BACKEND, request())
    except UpstreamError:
        return


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (FakeReply(), (1, 0, "")),
        (FakeReply(status=400), (1, 0, "")),
        (FakeReply(status=401), (1, 1, "401")),
        (UpstreamError("slow", failure=UpstreamFailure.TIMEOUT), (1, 1, "timeout")),
        (UpstreamError("no", failure=UpstreamFailure.STATUS, upstream_status=503), (1, 1, "503")),
        (UpstreamError("full", failure=UpstreamFailure.BUSY), None),
        (UpstreamError("open", failure=UpstreamFailure.OPEN), None),
        (UpstreamError("long", failure=UpstreamFailure.CONTEXT_LENGTH), None),
    ],
)
async def test_what_counts(
    answer: FakeReply | Exception, counts: tuple[int, int, str] | None
) -> None:
    upstreams, _ = watched(answer)
    await ask(upstreams)
    told = upstreams.recent().get(WEAK.id)
    assert (told and (told.calls, told.failures, told.last_failure)) == counts
    if told:
        assert (told.uid, told.generation) == ("u", 2)


async def test_what_is_older_than_a_minute_is_not_told() -> None:
    upstreams, clock = watched(FakeReply())
    await ask(upstreams)
    clock.advance(HALF_SECONDS)
    await ask(upstreams)
    assert upstreams.recent()[WEAK.id].calls == 2
    clock.advance(HALF_SECONDS)
    assert upstreams.recent()[WEAK.id].calls == 1
    clock.advance(2 * HALF_SECONDS)
    assert upstreams.recent() == {}
