"""The answer's way back through Envoy: described to the client, and read for its cost."""

from typing import Final, TypeAlias

from weir_gateway.domain.ids import DecisionId
from weir_gateway.extproc.answers import AnswerMeter
from weir_gateway.extproc.decide import DECISION, Decided
from weir_gateway.extproc.delivery import echo
from weir_gateway.extproc.head import head_of
from weir_gateway.extproc.open_decisions import OpenDecisions
from weir_gateway.extproc.replies import header_mutation
from weir_proto.envoy.v3 import external_processor_pb2 as pb
from weir_wires.registry import WIRES

AnswerMode: TypeAlias = pb.ProcessingMode.BodySendMode.ValueType
DUPLEX: Final = pb.ProcessingMode.FULL_DUPLEX_STREAMED
_HEAD: Final = pb.ProcessingResponse(response_headers=pb.HeadersResponse())
_BODY: Final = pb.ProcessingResponse(response_body=pb.BodyResponse())
_TRAILERS: Final = pb.ProcessingResponse(response_trailers=pb.TrailersResponse())


def answer_mode(first: pb.ProcessingRequest) -> AnswerMode:
    """How the answer's body comes, as `body_mode` says it of the request's."""
    if not first.HasField("protocol_config"):
        return DUPLEX
    return first.protocol_config.response_body_mode


def meter_of(decided: Decided, mode: AnswerMode) -> AnswerMeter:
    """What reads the cost of the answer to `decided`."""
    return AnswerMeter(WIRES[decided.request.wire], body_comes=mode != pb.ProcessingMode.NONE)


def feed(meter: AnswerMeter, message: pb.ProcessingRequest) -> None:
    """Take note of one message of an answer."""
    match message.WhichOneof("request"):
        case "response_headers":
            meter.head(head_of(message.response_headers))
            meter.ended = message.response_headers.end_of_stream
        case "response_body":
            meter.feed(message.response_body.body)
            meter.ended = message.response_body.end_of_stream
        case "response_trailers":
            meter.ended = True
        case _:
            pass


class AnswerSide:
    """Answers Envoy's messages about a provider's answer; its bytes pass unchanged."""

    def __init__(self, decided: Decided | None, mode: AnswerMode) -> None:
        """Without a decision nothing is read."""
        self.meter = None if decided is None else meter_of(decided, mode)
        self._decided = decided
        self._duplex = mode == DUPLEX

    def answer(self, message: pb.ProcessingRequest) -> pb.ProcessingResponse:
        """The answer to one message."""
        if self.meter is not None:
            feed(self.meter, message)
        match message.WhichOneof("request"):
            case "response_headers":
                return self._described()
            case "response_body":
                return self._piece(message.response_body)
            case _:
                return _TRAILERS

    def _described(self) -> pb.ProcessingResponse:
        if self._decided is None:
            return _HEAD
        change = pb.CommonResponse(header_mutation=header_mutation(self._decided.headers))
        return pb.ProcessingResponse(response_headers=pb.HeadersResponse(response=change))

    def _piece(self, piece: pb.HttpBody) -> pb.ProcessingResponse:
        if not self._duplex:
            return _BODY
        change = pb.CommonResponse(body_mutation=echo(piece))
        return pb.ProcessingResponse(response_body=pb.BodyResponse(response=change))


class Observer:
    """A stream of a filter in observability mode: Envoy waits for no answer to its messages."""

    def __init__(self, decisions: OpenDecisions) -> None:
        self._decisions = decisions
        self._decided: Decided | None = None
        self._meter: AnswerMeter | None = None

    async def answer(self, message: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
        """Take note of one message."""
        if message.HasField("request_headers"):
            id_ = head_of(message.request_headers).headers.get(DECISION, "")
            self._decided = self._decisions.claim(DecisionId(id_))
            if self._decided is not None:
                self._meter = meter_of(self._decided, answer_mode(message))
        elif self._meter is not None:
            feed(self._meter, message)
            if self._meter.ended:  # Envoy closes such a stream seconds later
                self.end()
        return []

    def end(self) -> None:
        """Account the decision that this stream has claimed, once."""
        decided, self._decided = self._decided, None
        if decided is not None and self._meter is not None:
            self._decisions.account(decided, self._meter.end())

    @property
    def within(self) -> float | None:
        """An answer may take as long as it takes."""
        return None
