"""Builds the gateway's parts from its settings. Opens no connection and starts no task."""

import random
import time
from collections.abc import Mapping

from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.ledger.feedback_service import FeedbackService
from weir_gateway.adapters.limits.upstreams import LimitedUpstreams
from weir_gateway.adapters.metrics.decision_log import DecisionLog
from weir_gateway.adapters.metrics.decision_metrics import DecisionMetrics
from weir_gateway.adapters.metrics.scorer_metrics import ScorerMetrics
from weir_gateway.adapters.metrics.upstream_metrics import UpstreamMetrics
from weir_gateway.adapters.providers.addresses import Guard
from weir_gateway.adapters.providers.answer_inspector import WireAnswerInspector, replay
from weir_gateway.adapters.providers.backend_health import HealthTrackingUpstreams
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.providers.finish_reader import WireFinishReader
from weir_gateway.adapters.providers.identity.identities import Identities
from weir_gateway.adapters.providers.provider_api import ProviderApiCalls
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.adapters.providers.usage_option import UsageOptions
from weir_gateway.adapters.resilience.upstreams import ResilientUpstreams
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.adapters.scorer.client import ScorerClient, ScorerOptions
from weir_gateway.adapters.scorer.coalescer import Limits
from weir_gateway.adapters.scorer.score_cache import ScoreCache, cache_requests
from weir_gateway.adapters.spend.exploration_budget import SharedExplorationBudget
from weir_gateway.app.stores import Stores
from weir_gateway.batches.factory import BatchService
from weir_gateway.domain.ids import DecisionId
from weir_gateway.http.auth import Authenticator
from weir_gateway.http.batches import batch_routes
from weir_gateway.http.client_wires import (
    CHAT,
    CLIENT_WIRES,
    COUNT_TOKENS,
    GEMINI,
    GEMINI_COUNT,
)
from weir_gateway.http.endpoint import Bounds, Endpoint
from weir_gateway.http.feedback import PATH as FEEDBACK
from weir_gateway.http.feedback import FeedbackEndpoint
from weir_gateway.http.google import MODELS as GOOGLE_MODELS
from weir_gateway.http.google import GoogleEndpoint, google_paths
from weir_gateway.http.models import ModelEndpoints
from weir_gateway.http.passthrough import PassthroughEndpoint
from weir_gateway.http.route import Route
from weir_gateway.http.server import MODELS, RootHandler
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.pipeline import CacheBounds, CascadeBounds, Ports, Routing
from weir_gateway.routing.session.memory import SessionMemory
from weir_gateway.settings import Settings
from weir_runtime.admin import Health
from weir_runtime.metrics import Registry
from weir_runtime.tracing import Tracing

SERVICE = "weir-gateway"
USAGE = "usage_refused"  # why a call is made again: it asked for a stream's usage


class Parts:
    """The parts that every request passes, in the order in which they depend on one another."""

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        """`variables` holds OTEL_* and the keys of backends whose key is in the environment."""
        self.registry = Registry()
        self.health = Health()
        self.tracing = Tracing.from_env(SERVICE, variables)
        self.credentials = Credentials(variables)
        self.lookups = cache_requests(self.registry)
        guard = Guard(loopback=settings.operator.target is None, allowed=settings.upstream.allow)
        upstream_metrics = UpstreamMetrics(self.registry)
        self.calls = HttpUpstreams(
            self.credentials,
            Identities(self.credentials, variables, time.time),
            self.tracing,
            guard,
            UsageOptions(time.monotonic, lambda backend: upstream_metrics.retried(backend, USAGE)),
            max_answer=settings.upstream.max_answer,
        )
        self.upstreams = ResilientUpstreams(
            self.calls,
            upstream_metrics,
            time.monotonic,
            random.Random(),  # noqa: S311 - spreads load, keeps no secret
        )
        self.backend_health = HealthTrackingUpstreams(self.upstreams, time.monotonic)
        log = DecisionLog(share=settings.log.decisions, content=settings.log.content)
        self.metrics = DecisionMetrics(self.registry, log, self.lookups)


def build_scorer(settings: Settings, parts: Parts) -> ScorerClient:
    scorer = settings.scorer
    options = ScorerOptions(target=scorer.target, limits=Limits(in_flight=scorer.calls))
    return ScorerClient(options, ScorerMetrics(parts.registry, parts.tracing))


def build_routing(
    settings: Settings,
    parts: Parts,
    scorer: ScorerClient,
    stores: Stores,
    recorder: DecisionRecorder,
    budgets: Budgets,
) -> Routing:
    return Routing(
        Ports(
            scorer=ScoreCache(
                scorer, entries=settings.scorer.cache_entries, requests=parts.lookups
            ),
            upstreams=LimitedUpstreams(parts.backend_health, stores.limits),
            recorder=recorder,
            conditions=CelConditions(),
            clock=time.perf_counter,
            ids=new_id,
            sessions=MemorySessions(time.monotonic, entries=settings.routing.sessions),
            memory=SessionMemory(stores.sessions, time.time),
            weights=stores.weights,
            shares=stores.shares,
            cache=stores.answers,
            replay=replay,
            limits=stores.limits,
            exploration=SharedExplorationBudget(stores.spend, parts.registry, time.time),
            inspector=WireAnswerInspector(),
            finish_reader=WireFinishReader(),
        ),
        score_timeout=settings.scorer.timeout,
        batch_score_timeout=settings.batches.score_timeout,
        cache_bounds=CacheBounds(
            largest=settings.cache.max_answer,
            under_way=settings.cache.max_bytes,
            wait=settings.cache.wait,
        ),
        cascade_bounds=CascadeBounds(reply=settings.routing.cascade_hold),
        budgets=budgets,
    )


def build_handler(
    settings: Settings,
    parts: Parts,
    routing: Routing,
    tables: Tables,
    keys: KeyRing | None,
    services: tuple[FeedbackService | None, BatchService | None],
) -> RootHandler:
    """The HTTP routes; `services` are feedback and batches, None where they are disabled."""
    listen, tracing = settings.listen, parts.tracing
    feedback, batches = services
    bounds = Bounds(
        body=listen.max_body, body_within=listen.body_timeout, silence=listen.stream_ping
    )
    answering = {
        client: Endpoint(client, routing, tables.current, tracing, time.perf_counter, bounds)
        for client in (*CLIENT_WIRES, COUNT_TOKENS, GEMINI, GEMINI_COUNT)
    }
    google = GoogleEndpoint({each.wire: answering[each] for each in (GEMINI, GEMINI_COUNT)})
    models = ModelEndpoints(routing, tables.current)
    routes = batch_routes(
        batches.files if batches else None,
        batches.api if batches else None,
        max_file_bytes=settings.batches.max_file_bytes,
        timeout=listen.body_timeout,
    )
    return RootHandler(
        {
            **{("POST", client.path): endpoint for client, endpoint in answering.items()},
            ("POST", "/v1/route"): Route(answering[CHAT], tables.current, tracing),
            ("POST", FEEDBACK): FeedbackEndpoint(
                feedback, tracing, body_within=listen.body_timeout
            ),
            ("GET", MODELS): models.list,
            ("GET", GOOGLE_MODELS): models.list,
            **routes.exact,
        },
        models.get,
        Authenticator(keys, time.time),
        max_in_flight=listen.in_flight,
        otherwise=PassthroughEndpoint(
            routing,
            ProviderApiCalls(parts.calls),
            tables.current,
            tracing,
            time.perf_counter,
            bounds,
        ),
        subpaths={**routes.subpaths, **google_paths(google, models.get)},
    )


def new_id() -> DecisionId:
    # Unique, not secret: the system's own source of randomness costs a system call each.
    return DecisionId(f"{random.getrandbits(128):032x}")
