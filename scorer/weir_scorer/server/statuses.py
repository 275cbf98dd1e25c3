"""From the scorer's own errors to gRPC status codes: the contract in scorer.proto, as a table."""

import grpc

from weir_scorer.batching.errors import Closed, DeadlinePassed, EngineFailed, QueueFull
from weir_scorer.engine.ports import UnknownRouter


class InvalidField(Exception):
    """A field of the request that cannot be served; the message begins with its name."""


class NotServing(Exception):
    """Not warm yet, or draining."""


_CODES: dict[type[Exception], grpc.StatusCode] = {
    InvalidField: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownRouter: grpc.StatusCode.NOT_FOUND,
    QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    NotServing: grpc.StatusCode.UNAVAILABLE,
    Closed: grpc.StatusCode.UNAVAILABLE,
    EngineFailed: grpc.StatusCode.INTERNAL,
}

KNOWN = tuple(_CODES)


def code_of(error: Exception) -> grpc.StatusCode:
    """The status code of one of the `KNOWN` errors."""
    return _CODES[type(error)]
