"""The scorer over gRPC, behind routing's Scorer.

Fails fast while the scorer is away and takes up scoring by itself when it is back: the channel
reconnects in the background and the client asks it to describe itself again, as it does whenever
an answer comes from another bundle.
"""

import asyncio
import contextlib
import json
import logging
from array import array
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import grpc

from weir_gateway.adapters.metrics.scorer_metrics import ScorerMetrics
from weir_gateway.adapters.scorer.calibration import Described, parse_description
from weir_gateway.adapters.scorer.coalescer import Batch, Coalescer, Key, Limits
from weir_gateway.adapters.scorer.prompts import prompt_of
from weir_gateway.domain.decision import UNCALIBRATED, Calibration, Scored
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc
from weir_runtime.lru import LruDict

log = logging.getLogger(__name__)

MAX_BUNDLES = 4  # descriptions: the one in force, and those a roll-out's replicas still serve
MIN_TIMEOUT = 0.001  # seconds; gRPC takes no deadline in the past

# Round robin spreads over every address the name resolves to, and never goes idle: a lost
# connection is taken up again with nobody asking. One more try, since a scorer that drains has
# neighbours that don't; scoring twice does no harm.
SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{"service": "weir.scorer.v1.Scorer"}],
                "retryPolicy": {
                    "maxAttempts": 2,
                    "initialBackoff": "0.005s",
                    "maxBackoff": "0.005s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)
CHANNEL = (
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 10_000),  # a peer that vanished without a word is noticed
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),  # no other channel's backoff is ours
    ("grpc.enable_http_proxy", 0),  # a scorer is a neighbour
)


@dataclass(frozen=True, slots=True)
class ScorerOptions:
    """Times in seconds."""

    target: str  # a gRPC target: unix:///run/weir/scorer.sock, host:port, dns:///name:port
    limits: Limits = field(default_factory=Limits)
    describe_within: float = 2.0
    describe_every: float = 30.0  # a swap is seen at the next answer; this is for the cached ones
    describe_pause: float = 0.25  # at least so long between two descriptions


class ScorerClient:
    """Score and Describe of one scorer. `start` it on the loop that uses it; `stop` it there."""

    def __init__(self, options: ScorerOptions, telemetry: ScorerMetrics) -> None:
        self._options = options
        self._telemetry = telemetry
        self._coalescer = Coalescer(self._call, options.limits)
        self._described: LruDict[BundleVersion, Described] = LruDict(MAX_BUNDLES)
        self._describing = asyncio.Lock()
        self._stale = asyncio.Event()
        self._bundle: BundleVersion | None = None
        self._channel: grpc.aio.Channel | None = None
        self._stub: rpc.ScorerAsyncStub | None = None
        self._refresher: asyncio.Task[None] | None = None
        telemetry.watch_waiting(lambda: self._coalescer.waiting)

    async def start(self) -> None:
        """Open the channel; connecting and describing go on in the background."""
        self._channel = grpc.aio.insecure_channel(self._options.target, options=CHANNEL)
        self._stub = rpc.ScorerStub(self._channel)
        self._refresher = asyncio.create_task(
            self._refresh_description(), name="weir-scorer-describe"
        )

    async def stop(self) -> None:
        """Fail who still waits and close the channel."""
        await self._coalescer.stop()
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def bundle(self) -> BundleVersion | None:
        """As last described."""
        return self._bundle

    async def score(self, query: ScoreQuery) -> Scored:
        """Score one text in a call that it shares with the other callers that wait."""
        key = Key(query.router, query.want_quality, query.want_embedding)
        return await self._coalescer.score(
            prompt_of(query), key, within=query.timeout, trace=query.trace
        )

    def calibration(self, router: RouterName) -> Calibration:
        described = None if self._bundle is None else self._described.get(self._bundle)
        return UNCALIBRATED if described is None else described.calibration(router)

    async def _call(self, batch: Batch) -> Sequence[Scored]:
        loop = asyncio.get_running_loop()
        with self._telemetry.call(batch) as call, scorer_errors():
            try:
                response = await self._started_stub().Score(
                    pb.ScoreRequest(
                        texts=batch.texts,
                        earlier=[pb.Earlier(turns=turns) for turns in batch.earlier],
                        router=batch.key.router,
                        want_quality=batch.key.want_quality,
                        want_embedding=batch.key.want_embedding,
                    ),
                    timeout=max(batch.deadline - loop.time(), MIN_TIMEOUT),
                    metadata=call.metadata,
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    self._stale.set()  # when it is back it may be another
                raise
            return _read(batch, response, await self._description(batch, response))

    def _started_stub(self) -> "rpc.ScorerAsyncStub":  # a name the stubs alone know
        if self._stub is None:
            raise ScorerUnavailable("the scorer's client has not been started")
        return self._stub

    async def _description(self, batch: Batch, response: pb.ScoreResponse) -> Described | None:
        """The description of the bundle that answered; requested first if the bundle is new."""
        bundle = BundleVersion(response.versions.bundle)
        if bundle not in self._described:
            await self._describe_by(batch.deadline, bundle)
        elif bundle != self._bundle:
            self._stale.set()
        return self._described.get(bundle)

    async def _describe_by(self, deadline: float, bundle: BundleVersion) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._describe(bundle, self._options.describe_within)
        except TimeoutError as error:
            raise ScorerUnavailable("the scorer did not describe its new bundle in time") from error

    async def _describe(self, expected: BundleVersion | None, within: float) -> None:
        """Ask for the description, unless somebody just learned of the `expected` bundle."""
        async with self._describing:
            if expected is not None and expected in self._described:
                return
            with scorer_errors():
                answer = await self._started_stub().Describe(
                    pb.DescribeRequest(), timeout=within, wait_for_ready=True
                )
            described = parse_description(answer)
            if described.bundle != self._bundle:
                log.info("the scorer runs a bundle", extra={"bundle": described.bundle})
            self._described.put(described.bundle, described)
            self._bundle = described.bundle
            self._coalescer.limit_texts(described.max_texts)
            self._telemetry.mark_up()

    async def _refresh_description(self) -> None:
        while True:
            self._stale.clear()
            try:
                await self._describe(None, self._options.describe_within)
                wait = self._options.describe_every
            except ScorerUnavailable as error:
                self._telemetry.mark_down(error.message)
                wait = self._options.describe_pause
            await asyncio.sleep(self._options.describe_pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stale.wait()


def _read(batch: Batch, response: pb.ScoreResponse, described: Described | None) -> list[Scored]:
    if len(response.scores) != len(batch.waiters):
        raise ScorerUnavailable(
            f"the scorer answered {len(response.scores)} scores for {len(batch.waiters)} texts"
        )
    if not all(0.0 <= score <= 1.0 for score in response.scores):  # NaN is none of these either
        raise ScorerUnavailable("the scorer answered a score outside [0,1]")
    bundle = BundleVersion(response.versions.bundle)
    router = RouterName(response.versions.router)
    profiles = () if described is None else described.profiles
    calibration = UNCALIBRATED if described is None else described.calibration(router)
    rows = [q.values for q in response.quality] if response.quality else [()] * len(response.scores)
    if len(rows) != len(response.scores) or any(len(r) not in {0, len(profiles)} for r in rows):
        raise ScorerUnavailable("the scorer's quality vectors do not fit its description")
    embeddings = [array("f", one.values).tobytes() for one in response.embeddings]
    embeddings = embeddings or [b""] * len(rows)
    if len(embeddings) != len(rows):
        raise ScorerUnavailable("the scorer's embeddings do not fit its scores")
    return [
        Scored(
            score,
            dict(zip(profiles, row, strict=False)),
            bundle,
            router,
            embedding=embedding,
            known=known,
            calibration=calibration,
        )
        for score, row, embedding, known in zip(
            response.scores, rows, embeddings, _known(response), strict=True
        )
    ]


def _known(response: pb.ScoreResponse) -> Sequence[float | None]:
    """How well each text's kind is known; None where the scorer is older, or its bundle."""
    if not response.known:
        return [None] * len(response.scores)
    if len(response.known) != len(response.scores):
        raise ScorerUnavailable("how well prompts are known does not fit the scorer's scores")
    if not all(0.0 <= known <= 1.0 for known in response.known):  # NaN is none of these either
        raise ScorerUnavailable("the scorer told a prompt to be known outside [0,1]")
    return response.known


_WHAT_HAPPENED = {
    grpc.StatusCode.UNAVAILABLE: "it can't be reached or is not ready",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "its queue is full",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it did not answer in time",
    grpc.StatusCode.CANCELLED: "the call was cancelled",
}


@contextmanager
def scorer_errors() -> Generator[None]:
    """Raise ScorerUnavailable (NoSuchRouter) for whatever grpc raises inside."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _mapped(error) from error
    except (grpc.RpcError, grpc.aio.BaseError, grpc.aio.UsageError) as error:
        raise ScorerUnavailable(f"the call to the scorer broke: {error}") from error


def _mapped(error: grpc.aio.AioRpcError) -> ScorerUnavailable:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.NOT_FOUND:
        return NoSuchRouter(details or "the scorer has no such router")
    what = _WHAT_HAPPENED.get(code, "it failed")
    return ScorerUnavailable(f"the scorer gave no score: {what} ({code.name}: {details})")
