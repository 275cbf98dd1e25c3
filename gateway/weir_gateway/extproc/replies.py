"""Builds the messages that answer Envoy's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weir_gateway.domain.errors import WeirError
from weir_gateway.http.errors import error_response
from weir_proto.envoy.v3 import external_processor_pb2 as pb
from weir_wires.error_shapes import ErrorShape

PIECE: Final = 64 * 1024  # bytes: the most that Envoy's API advises for a piece of a streamed body
_OVERWRITE: Final = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a request: headers to set and remove, and its new body."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove: tuple[str, ...] = ()
    body: bytes | None = None  # None: as it came
    reroute: bool = False  # whether Envoy chooses the route again, by the changed headers

    def common(self, mutation: pb.BodyMutation | None = None) -> pb.CommonResponse:
        """The change of headers as Envoy reads it, with that of a body."""
        return pb.CommonResponse(
            header_mutation=header_mutation(self.headers, self.remove),
            body_mutation=mutation,
            clear_route_cache=self.reroute,
        )


UNCHANGED: Final = Change()


def header_mutation(
    headers: Mapping[str, str], remove: Iterable[str] = ()
) -> pb.HeaderMutation | None:
    """Set and remove headers; None where there are none."""
    options = [
        pb.HeaderValueOption(
            header=pb.HeaderValue(key=name, raw_value=value.encode("utf-8", "surrogateescape")),
            append_action=_OVERWRITE,
        )
        for name, value in headers.items()
    ]
    removed = list(remove)
    if not options and not removed:
        return None
    return pb.HeaderMutation(set_headers=options, remove_headers=removed)


def request_head(change: Change, mode: pb.ProcessingMode | None = None) -> pb.ProcessingResponse:
    """The answer to a request's headers; `mode` asks for other messages than configured."""
    head = pb.HeadersResponse(response=change.common())
    return pb.ProcessingResponse(request_headers=head, mode_override=mode)


def request_body(
    change: Change = UNCHANGED, mutation: pb.BodyMutation | None = None
) -> pb.ProcessingResponse:
    """The answer to a message of a request's body."""
    return pb.ProcessingResponse(request_body=pb.BodyResponse(response=change.common(mutation)))


def pieces(body: bytes, *, end: bool) -> list[pb.BodyMutation]:
    """A body as pieces of a streamed one; the last one ends it where `end` says so."""
    starts = range(0, max(len(body), 1), PIECE)
    return [
        pb.BodyMutation(
            streamed_response=pb.StreamedBodyResponse(
                body=body[start : start + PIECE],
                end_of_stream=end and start + PIECE >= len(body),
            )
        )
        for start in starts
    ]


def refusal(
    error: WeirError, shape: ErrorShape, headers: Mapping[str, str]
) -> pb.ProcessingResponse:
    """An error instead of a provider's answer, as the gateway's own HTTP server writes it."""
    response = error_response(error, shape, headers)
    fields = {name.lower(): value for name, value in response.headers.items()}
    fields.pop("content-length", None)
    body = response.body
    return pb.ProcessingResponse(
        immediate_response=pb.ImmediateResponse(
            status=pb.HttpStatus(code=response.status),
            headers=header_mutation(fields),
            body=body if isinstance(body, bytes) else b"",
            details=f"weir_{error.code}",
        )
    )
