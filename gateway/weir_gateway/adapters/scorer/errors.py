"""gRPC's errors become routing's here and nowhere else. Must not know what is being called for."""

from collections.abc import Generator
from contextlib import contextmanager

import grpc

from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable

_WHAT_HAPPENED = {
    grpc.StatusCode.UNAVAILABLE: "it can't be reached or is not ready",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "its queue is full",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it did not answer in time",
    grpc.StatusCode.CANCELLED: "the call was cancelled",
}


@contextmanager
def scorer_errors() -> Generator[None]:
    """Raise ScorerUnavailable (NoSuchRouter) for whatever grpc raises inside."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _mapped(error) from error
    except (grpc.RpcError, grpc.aio.BaseError, grpc.aio.UsageError) as error:
        raise ScorerUnavailable(f"the call to the scorer broke: {error}") from error


def _mapped(error: grpc.aio.AioRpcError) -> ScorerUnavailable:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.NOT_FOUND:
        return NoSuchRouter(details or "the scorer has no such router")
    what = _WHAT_HAPPENED.get(code, "it failed")
    return ScorerUnavailable(f"the scorer gave no score: {what} ({code.name}: {details})")
