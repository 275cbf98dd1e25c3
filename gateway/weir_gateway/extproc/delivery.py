"""How a changed request goes back to Envoy, which depends on how its filter sends bodies."""

from collections.abc import Sequence
from enum import Enum, auto

from weir_gateway.extproc import replies
from weir_gateway.extproc.replies import Change
from weir_proto.envoy.v3 import external_processor_pb2 as pb


class BodyMode(Enum):
    """How a request's body comes, and what may still be changed when it has come."""

    HEAD_ONLY = auto()  # no body comes
    BUFFERED = auto()  # in one message; headers and route wait for it
    PARTIAL = auto()  # likewise, and cut at Envoy's buffer limit
    AHEAD = auto()  # in pieces that don't wait for the answer to the headers; one answer each
    LATE = auto()  # in pieces, when the route is chosen already; one answer each
    DUPLEX = auto()  # in pieces, and goes back whole in pieces of its own

    @property
    def holds_head(self) -> bool:
        """Whether the headers are answered once the body has come."""
        return self is BodyMode.AHEAD or self is BodyMode.DUPLEX

    @property
    def one_message(self) -> bool:
        """Whether the first message of the body is its last."""
        return self is BodyMode.BUFFERED or self is BodyMode.PARTIAL


def body_mode(message: pb.ProcessingRequest) -> BodyMode:
    """The mode that the first message of a stream tells.

    Proxies that tell none send the body without waiting and take it back in pieces: full-duplex.
    """
    if not message.HasField("protocol_config"):
        return BodyMode.DUPLEX
    config = message.protocol_config
    mode = config.request_body_mode
    if mode == pb.ProcessingMode.STREAMED:
        ahead = config.send_body_without_waiting_for_header_response
        return BodyMode.AHEAD if ahead else BodyMode.LATE
    return _MODES.get(mode, BodyMode.HEAD_ONLY)


def buffering(first: pb.ProcessingRequest) -> pb.ProcessingMode:
    """Ask for the request's whole body; the answer's comes as it is configured."""
    return pb.ProcessingMode(
        request_body_mode=pb.ProcessingMode.BUFFERED,
        response_body_mode=first.protocol_config.response_body_mode,
    )


_MODES = {
    pb.ProcessingMode.BUFFERED: BodyMode.BUFFERED,
    pb.ProcessingMode.BUFFERED_PARTIAL: BodyMode.PARTIAL,
    pb.ProcessingMode.FULL_DUPLEX_STREAMED: BodyMode.DUPLEX,
}


def deliver(
    mode: BodyMode, change: Change, pieces: Sequence[bytes], *, end: bool
) -> list[pb.ProcessingResponse]:
    """The answers to all messages that wait for one, `pieces` being those of the body.

    `end` is whether nothing follows the body, such as trailers.
    """
    match mode:
        case BodyMode.HEAD_ONLY:
            return [replies.request_head(change)]
        case BodyMode.BUFFERED | BodyMode.PARTIAL:
            return [replies.request_body(_with_length(change), _mutation(change))]
        case BodyMode.DUPLEX:
            body = b"".join(pieces) if change.body is None else change.body
            mutations = replies.pieces(body, end=end)
            sent = [replies.request_body(mutation=mutation) for mutation in mutations]
            return [replies.request_head(change), *sent]
        case BodyMode.AHEAD:
            return [replies.request_head(change), *_one_each(change, pieces)]
        case BodyMode.LATE:
            return _one_each(change, pieces)


def pass_piece(mode: BodyMode, piece: pb.HttpBody) -> pb.ProcessingResponse:
    """The answer to a piece of a body that passes unchanged."""
    if mode is not BodyMode.DUPLEX:
        return replies.request_body()
    return replies.request_body(mutation=echo(piece))


def echo(piece: pb.HttpBody) -> pb.BodyMutation:
    """A piece of a full-duplex body, sent back as it came."""
    return pb.BodyMutation(
        streamed_response=pb.StreamedBodyResponse(
            body=piece.body, end_of_stream=piece.end_of_stream
        )
    )


def _mutation(change: Change) -> pb.BodyMutation | None:
    return None if change.body is None else pb.BodyMutation(body=change.body)


def _with_length(change: Change) -> Change:
    """Envoy refuses a body whose length differs from the headers'."""
    if change.body is None:
        return change
    length = {"content-length": str(len(change.body))}
    return Change({**change.headers, **length}, change.remove, change.body, change.reroute)


def _one_each(change: Change, pieces: Sequence[bytes]) -> list[pb.ProcessingResponse]:
    """The new body instead of the first piece, and nothing instead of the others."""
    if change.body is None:
        return [replies.request_body() for _ in pieces]
    cleared = pb.BodyMutation(clear_body=True)
    mutations = [pb.BodyMutation(body=change.body), *(cleared for _ in pieces[1:])]
    return [replies.request_body(mutation=mutation) for mutation in mutations]
