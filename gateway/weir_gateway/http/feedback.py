"""POST /v1/feedback: what a client says of an answer, by the id in its x-weir-decision.

Must not know how feedback is kept.
"""

from typing import Annotated, Final, Literal, Protocol

import msgspec
from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_gateway.domain.errors import BadRequest, FeedbackNotKept
from weir_gateway.domain.feedback import COMMENT_KEPT, Feedback, Taken
from weir_gateway.domain.ids import DecisionId, ModelName
from weir_gateway.domain.key import ClientKey
from weir_gateway.http.auth import client_key
from weir_gateway.http.body import read_body
from weir_gateway.http.parse.request_facts import decode
from weir_runtime.tracing import TraceContext, Tracing

PATH: Final = "/v1/feedback"
SPAN: Final = "POST /v1/feedback"
SPAN_ATTRIBUTES: Final = {"http.request.method": "POST", "url.path": "/v1/feedback"}
MAX_BODY: Final = 64 * 1024  # bytes of a body
THUMBS: Final = {"up": 1.0, "down": 0.0}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    decision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    thumbs: Literal["up", "down"] | None = None
    preferred: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = None
    comment: Annotated[str, msgspec.Meta(max_length=COMMENT_KEPT)] | None = None


_DECODER = msgspec.json.Decoder(_Body)


class FeedbackReceiver(Protocol):
    """Where feedback is handed in."""

    async def give(self, feedback: Feedback, key: ClientKey | None) -> Taken:
        """Keep it. Raises FeedbackRefused, NotPermitted and BadRequest."""
        ...


class FeedbackEndpoint:
    """The endpoint."""

    def __init__(
        self, desk: FeedbackReceiver | None, tracing: Tracing, *, body_within: float
    ) -> None:
        """Without a `desk` nothing is kept; a body must arrive within `body_within` seconds."""
        self._desk = desk
        self._tracing = tracing
        self._body_within = body_within

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Take one client's word. Raises WeirError."""
        if self._desk is None:
            raise FeedbackNotKept(
                "this gateway keeps no ledger, so there is nothing to tie feedback to: set "
                "WEIR_LEDGER"
            )
        parent = TraceContext.from_headers(http.headers)
        with self._tracing.start(SPAN, SpanKind.SERVER, parent=parent, attributes=SPAN_ATTRIBUTES):
            body = await read_body(http, max_bytes=MAX_BODY, within=self._body_within)
            feedback = parse(body)
            taken = await self._desk.give(feedback, client_key(http))
        return web.json_response(_response_fields(feedback, taken))


def parse(body: bytes) -> Feedback:
    """What the body says. Raises BadRequest naming the field."""
    said = decode(_DECODER, body)
    ways = [said.score, said.thumbs, said.preferred]
    if sum(way is not None for way in ways) != 1:
        raise BadRequest(
            "write exactly one of score (0 to 1), thumbs (up or down) and preferred (a model)",
            param="score",
        )
    score = THUMBS[said.thumbs] if said.thumbs is not None else said.score
    return Feedback(
        decision=DecisionId(said.decision),
        score=score,
        preferred=ModelName(said.preferred) if said.preferred is not None else None,
        comment=(said.comment or "").encode("utf-8", "replace").decode(),
    )


def _response_fields(feedback: Feedback, taken: Taken) -> dict[str, object]:
    return {
        "object": "feedback",
        "decision": feedback.decision,
        "policy": taken.decided.policy,
        "model": taken.decided.model,
        "score": feedback.score,
        "preferred": feedback.preferred,
        "replaced": taken.replaced,
    }
