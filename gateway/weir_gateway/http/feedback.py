"""POST /v1/feedback: a client's rating of an answer, by the id in its x-weir-decision header."""

from typing import Annotated, Final, Literal, Protocol

import msgspec
from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_gateway.domain.errors import BadRequest, FeedbackNotStored
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.outcome import MAX_COMMENT, AcceptedFeedback, Feedback
from weir_gateway.domain.request import ClientKey
from weir_gateway.http.auth import client_key
from weir_gateway.http.body import read_body
from weir_gateway.http.parse.request_facts import decode
from weir_policy.ids import ModelName
from weir_runtime.tracing import TraceContext, Tracing

PATH: Final = "/v1/feedback"
SPAN: Final = "POST /v1/feedback"
SPAN_ATTRIBUTES: Final = {"http.request.method": "POST", "url.path": "/v1/feedback"}
MAX_BODY: Final = 64 * 1024  # bytes
THUMBS: Final = {"up": 1.0, "down": 0.0}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    decision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    thumbs: Literal["up", "down"] | None = None
    preferred: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = None
    comment: Annotated[str, msgspec.Meta(max_length=MAX_COMMENT)] | None = None


_DECODER = msgspec.json.Decoder(_Body)


class FeedbackReceiver(Protocol):
    """Stores feedback."""

    async def submit(self, feedback: Feedback, key: ClientKey | None) -> AcceptedFeedback:
        """Store it. Raises FeedbackRefused, NotPermitted and BadRequest."""
        ...


class FeedbackEndpoint:
    """Reads feedback and hands it on."""

    def __init__(
        self, receiver: FeedbackReceiver | None, tracing: Tracing, *, body_within: float
    ) -> None:
        """Without a `receiver` feedback is refused; `body_within` is in seconds."""
        self._receiver = receiver
        self._tracing = tracing
        self._body_within = body_within

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Store one client's feedback. Raises WeirError."""
        if self._receiver is None:
            raise FeedbackNotStored(
                "feedback needs a ledger, and this gateway has none: its administrator can set "
                "WEIR_LEDGER"
            )
        parent = TraceContext.from_headers(http.headers)
        with self._tracing.start(SPAN, SpanKind.SERVER, parent=parent, attributes=SPAN_ATTRIBUTES):
            body = await read_body(http, max_bytes=MAX_BODY, within=self._body_within)
            feedback = parse(body)
            taken = await self._receiver.submit(feedback, client_key(http))
        return web.json_response(_response_fields(feedback, taken))


def parse(body: bytes) -> Feedback:
    """Parse the body. Raises BadRequest naming the field."""
    fields = decode(_DECODER, body)
    ratings = [fields.score, fields.thumbs, fields.preferred]
    if sum(rating is not None for rating in ratings) != 1:
        raise BadRequest(
            "write exactly one of score (0 to 1), thumbs (up or down) and preferred (a model)",
            param="score",
        )
    score = THUMBS[fields.thumbs] if fields.thumbs is not None else fields.score
    return Feedback(
        decision=DecisionId(fields.decision),
        score=score,
        preferred=ModelName(fields.preferred) if fields.preferred is not None else None,
        comment=(fields.comment or "").encode("utf-8", "replace").decode(),
    )


def _response_fields(feedback: Feedback, taken: AcceptedFeedback) -> dict[str, object]:
    return {
        "object": "feedback",
        "decision": feedback.decision,
        "policy": taken.decided.policy,
        "model": taken.decided.model,
        "score": feedback.score,
        "preferred": feedback.preferred,
        "replaced": taken.replaced,
    }
