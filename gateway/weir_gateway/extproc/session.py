"""One HTTP request on its way through Envoy, from its headers to its answer's last byte."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from weir_gateway.domain.errors import BadRequest, TooLarge, WeirError
from weir_gateway.extproc import replies
from weir_gateway.extproc.answer_side import AnswerMode, AnswerSide, answer_mode, meter_of
from weir_gateway.extproc.answers import UNSEEN
from weir_gateway.extproc.bodies import BodyPieces
from weir_gateway.extproc.decide import Decided, EnvoyDecider, Incoming, forged, without_bodies
from weir_gateway.extproc.delivery import BodyMode, body_mode, buffering, deliver, pass_piece
from weir_gateway.extproc.head import Head, head_of
from weir_gateway.extproc.open_decisions import OpenDecisions
from weir_gateway.extproc.replies import UNCHANGED, Change
from weir_gateway.http.errors import shape_of
from weir_gateway.routing.replies import ByteBudget
from weir_proto.envoy.v3 import external_processor_pb2 as pb

Responses = list[pb.ProcessingResponse]
NO_HEAD = Head({})


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What every session works with."""

    decider: EnvoyDecider
    decisions: OpenDecisions
    budget: ByteBudget  # bytes of all bodies that wait
    count: Callable[[str], None]  # how a request came out: decided, passed, refused


class Session:
    """Answers the messages of one stream, in their order."""

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self._mode = BodyMode.HEAD_ONLY
        self._overrides = False  # a body was asked for, which Envoy may be set not to send
        self._head = NO_HEAD
        self._incoming: Incoming | None = None  # None: not decided here, or decided already
        self._body = BodyPieces(parts.budget, parts.decider.bounds.body)
        self._forged = UNCHANGED  # removes what only a decision may set
        self._decided: Decided | None = None
        self._answer_mode: AnswerMode = pb.ProcessingMode.NONE
        self._answer: AnswerSide | None = None

    @property
    def within(self) -> float | None:
        """Seconds in which the next message must come; None: however long it takes."""
        waits = self._incoming is not None and not self._overrides
        return self._parts.decider.bounds.body_within if waits else None

    async def answer(self, message: pb.ProcessingRequest) -> Responses:
        """The answers to one message."""
        try:
            match message.WhichOneof("request"):
                case "request_headers":
                    return await self._begin(message)
                case "request_body":
                    return await self._piece(message.request_body)
                case "request_trailers":
                    return await self._trailers()
                case None:
                    return []
                case _:
                    return [self._answers(message)]
        except WeirError as error:
            return self._failed(error)

    def time_out(self) -> Responses:
        """The next message of the request did not come in time."""
        within = self._parts.decider.bounds.body_within
        message = f"the body did not arrive within {within:g} s: send it faster"
        return self._failed(BadRequest(message, code="body_timeout"))

    def end(self) -> None:
        """The stream has ended: account the decision, or leave it to another stream."""
        self._body.release()
        decided = self._decided
        if decided is None:
            return
        meter = self._answer.meter if self._answer is not None else None
        meter = meter or meter_of(decided, self._answer_mode)
        end = meter.end()
        if end is UNSEEN:
            self._parts.decisions.leave(decided.decision.id)
        else:
            self._parts.decisions.close(decided.decision.id, end)

    async def _begin(self, message: pb.ProcessingRequest) -> Responses:
        self._mode = body_mode(message)
        self._answer_mode = answer_mode(message)
        self._head = head_of(message.request_headers)
        found = forged(self._head)
        self._forged = Change(remove=found, reroute=bool(found))
        incoming = self._parts.decider.incoming(self._head)
        if incoming is None or message.request_headers.end_of_stream:
            self._parts.count("passed")
            return [replies.request_head(self._forged)]
        self._incoming = incoming
        if self._mode is BodyMode.HEAD_ONLY:
            model = self._head.headers.get(self._parts.decider.bounds.model_header)
            if model:
                return await self._decide_by_head(incoming, model)
            # Envoy heeds this where its filter allows it; else the body never comes.
            self._mode, self._overrides = BodyMode.BUFFERED, True
            return [replies.request_head(self._forged, buffering(message))]
        if self._mode.holds_head:
            return []
        late = self._mode is BodyMode.LATE
        return [replies.request_head(self._forged, buffering(message) if late else None)]

    async def _piece(self, piece: pb.HttpBody) -> Responses:
        if self._incoming is None:
            return [pass_piece(self._mode, piece)]
        self._body.add(piece.body)
        if self._mode is BodyMode.PARTIAL and not piece.end_of_stream:
            raise TooLarge("the body is over Envoy's buffer limit: raise it, or send it streamed")
        if self._mode is BodyMode.LATE and piece.end_of_stream and len(self._body.pieces) == 1:
            # Whole at once: Envoy has buffered it as it was told, and the route can still change.
            self._mode = BodyMode.BUFFERED
        if not (piece.end_of_stream or self._mode.one_message):
            return []
        return await self._decide(self._incoming, end=True)

    async def _trailers(self) -> Responses:
        """They end a body that had no last piece."""
        trailers = pb.ProcessingResponse(request_trailers=pb.TrailersResponse())
        if self._incoming is None:
            return [trailers]
        return [*await self._decide(self._incoming, end=False), trailers]

    async def _decide(self, incoming: Incoming, *, end: bool) -> Responses:
        try:
            decided = await self._parts.decider.decide(incoming, self._body.whole())
        except WeirError as error:
            if not self._parts.decider.passes(error):
                raise
            return self._pass(end=end)
        return self._done(decided, end=end)

    async def _decide_by_head(self, incoming: Incoming, model: str) -> Responses:
        try:
            decided = await self._parts.decider.decide_by_head(incoming, model)
        except WeirError as error:
            if not self._parts.decider.passes(error):
                raise
            return self._pass(end=True)
        return self._done(decided)

    def _done(self, decided: Decided, *, end: bool = True) -> Responses:
        self._incoming = None
        self._decided = without_bodies(decided)
        if decided.request.wire.answers:
            self._parts.decisions.add(self._decided)
        self._parts.count("decided")
        return self._deliver(decided.change, end=end)

    def _pass(self, *, end: bool) -> Responses:
        incoming, self._incoming = self._incoming, None
        change = self._forged
        if incoming is not None and incoming.key_header:  # Weir's own key is for no provider
            change = replace(change, remove=(*change.remove, incoming.key_header))
        self._parts.count("passed")
        return self._deliver(change, end=end)

    def _deliver(self, change: Change, *, end: bool) -> Responses:
        delivered = deliver(self._mode, change, self._body.pieces, end=end)
        self._body.release()
        return delivered

    def _failed(self, error: WeirError) -> Responses:
        incoming, self._incoming = self._incoming, None
        self._body.release()
        self._parts.count("refused")
        shape = incoming.client.errors if incoming is not None else shape_of(self._head.request)
        return [replies.refusal(error, shape, {})]

    def _answers(self, message: pb.ProcessingRequest) -> pb.ProcessingResponse:
        if self._answer is None:
            self._answer = AnswerSide(self._decided, self._answer_mode)
        response = self._answer.answer(message)
        meter = self._answer.meter
        if meter is not None and meter.ended and self._decided is not None:
            self._parts.decisions.close(self._decided.decision.id, meter.end())
            self._decided = None  # accounted
        return response
