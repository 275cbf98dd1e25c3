"""POST /v1/route: returns the decision if the policy exposes it. Nothing is sent."""

from typing import Final

from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_agents.facts import NO_AGENT, values
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.money import usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.stage import StageView
from weir_gateway.http.endpoint import Endpoint, Tables
from weir_gateway.routing.context import Purpose
from weir_runtime.tracing import TraceContext, Tracing

SPAN: Final = "POST /v1/route"
SPAN_ATTRIBUTES: Final = {"http.request.method": "POST", "url.path": "/v1/route"}


class NotExposed(WeirError):
    """The policy that matches the request doesn't expose its decisions."""

    status = 403
    code = "route_not_exposed"
    type = "invalid_request_error"


class Route:
    """Serves POST /v1/route."""

    def __init__(self, chat: Endpoint, tables: Tables, tracing: Tracing) -> None:
        self._chat = chat
        self._tables = tables
        self._tracing = tracing

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Decide and return the decision. Raises NotExposed if the policy doesn't allow it."""
        table = self._tables()
        parent = TraceContext.from_headers(http.headers)
        with self._tracing.start(
            SPAN, SpanKind.SERVER, parent=parent, attributes=SPAN_ATTRIBUTES
        ) as span:
            request = await self._chat.request(http)
            decision = await self._chat.decide(
                request, table, span.context, purpose=Purpose.PREVIEW
            )
        exposed = {policy.id for policy in table.policies if policy.expose.route}
        if decision.policy not in exposed:
            raise NotExposed(
                f"policy {decision.policy} doesn't expose its decisions: set expose.route"
            )
        return web.json_response(decision_fields(request, decision))


def stage_fields(view: StageView) -> dict[str, object]:
    """What the router `stage` saw, and what is remembered of the session."""
    return {
        "step": view.step,
        "score": view.agent,
        "signals": [{"name": name, "logit": logit} for name, logit in view.signals],
        "text_score": view.text,
        "up_from": view.up,
        "return_below": view.back,
        "remembered": None if view.before is None else "strong" if view.before else "weak",
        "settled": view.settled,
        "settled_turns": view.settled_turns,
        "in_order": view.in_order,
        "spent_usd": usd(view.spent),
        "max_strong_usd": None if view.ceiling is None else usd(view.ceiling),
        "weights": view.weights,
        "weights_note": view.weights_note,
    }


def decision_fields(request: Request, decision: RouteDecision) -> dict[str, object]:
    """The decision as JSON fields; absent ones are null."""
    agent = request.facts.agent
    scored = decision.scored
    estimates = decision.estimates or {}
    return {
        "decision": decision.id,
        "policy": decision.policy,
        "model": decision.chosen.name,
        "reason": decision.label,
        "detail": decision.detail,
        "score": scored.score if scored else None,
        "known": scored.known if scored else None,
        "skipped": scored.skipped if scored else 0,
        "threshold": decision.threshold,
        "router": scored.router if scored else None,
        "bundle": scored.bundle if scored else None,
        "quality": dict(scored.quality) if scored else {},
        "estimated_usd": {backend: usd(cost) for backend, cost in estimates.items()},
        "excluded": [{"backend": e.backend, "lacks": e.lacks} for e in decision.excluded],
        "rules": [
            {"name": rule.name, "verdict": rule.verdict, "error": rule.error}
            for rule in decision.rule_results
        ],
        "agent": None if agent is NO_AGENT else values(agent),
        "stage": None if decision.stage is None else stage_fields(decision.stage),
        "route_table": decision.table,
    }
