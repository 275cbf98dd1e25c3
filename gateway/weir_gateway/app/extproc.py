"""Builds the server that an Envoy asks, where settings name an address for it."""

import contextlib
import time
from dataclasses import dataclass

from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.app.build import Parts
from weir_gateway.extproc.decide import Bounds, EnvoyDecider, Services
from weir_gateway.extproc.open_decisions import OpenDecisions
from weir_gateway.extproc.server import ExtprocServer
from weir_gateway.extproc.session import SessionParts
from weir_gateway.http.auth import Authenticator
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.replies import ByteBudget
from weir_gateway.settings import Settings
from weir_gateway.settings.extproc import Unknown
from weir_runtime.metrics import Registry
from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class Extproc:
    """The listening server."""

    server: ExtprocServer
    bound: Address


async def open_extproc(
    settings: Settings,
    parts: Parts,
    routing: Routing,
    tables: Tables,
    keys: KeyRing | None,
    stack: contextlib.AsyncExitStack,
) -> Extproc | None:
    """Serve Envoy; `stack` stops it. None where it is off. Raises OSError where a port is taken."""
    address = settings.extproc.address
    if address is None:
        return None
    server = _server(settings, parts, routing, tables, keys)
    stack.push_async_callback(server.stop)
    return Extproc(server, await server.start(address))


def _server(
    settings: Settings, parts: Parts, routing: Routing, tables: Tables, keys: KeyRing | None
) -> ExtprocServer:
    own, listen = settings.extproc, settings.listen
    services = Services(
        routing=routing,
        tables=tables.current,
        authenticator=Authenticator(keys, time.time),
        tracing=parts.tracing,
        clock=time.perf_counter,
    )
    bounds = Bounds(
        body=listen.max_body,
        body_within=listen.body_timeout,
        passes_unknown=own.unknown is Unknown.PASS,
        model_header=own.model_header.lower(),
    )
    decisions = OpenDecisions(routing, time.perf_counter, claim_within=own.claim)
    requests = parts.registry.counter(
        "weir.extproc.requests", "Requests that an Envoy asked about.", ("result",)
    )
    server = ExtprocServer(
        SessionParts(
            EnvoyDecider(services, bounds),
            decisions,
            ByteBudget(own.buffer),
            lambda result: requests.labels(result).add(),
        ),
        max_calls=listen.in_flight,
        reuse_port=listen.reuse_port,
    )
    _add_gauges(parts.registry, server, decisions)
    return server


def _add_gauges(registry: Registry, server: ExtprocServer, decisions: OpenDecisions) -> None:
    registry.gauge_callback(
        "weir.extproc.streams",
        "Streams of Envoy's that are open, one for each request.",
        lambda: server.processor.in_flight,
    )
    registry.gauge_callback(
        "weir.extproc.open",
        "Decisions for Envoy whose answers are not accounted yet.",
        lambda: len(decisions),
    )
