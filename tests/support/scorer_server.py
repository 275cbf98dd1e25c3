"""A scorer over real gRPC whose answers a test chooses, in the event loop of the test."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import grpc

from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc

QUANTILES = tuple(i / 100 for i in range(101))


@dataclass
class ScriptedScorer(rpc.ScorerServicer):
    """Scores with `score`; holds answers back while `gate` is closed; fails with `failing`."""

    bundle: str = "scripted@1"
    router: str = "linear"
    score: Callable[[str], float] = len
    quality: Mapping[str, Callable[[str], float]] = field(
        default_factory=dict[str, Callable[[str], float]]
    )
    quantiles: Sequence[float] = QUANTILES
    embed: Callable[[str], Sequence[float]] | None = None
    known: Callable[[str], float] | None = None  # None: as an older scorer
    retention: Sequence[tuple[float, float, float]] = ()
    evidence: pb.Evidence | None = None  # from labels of own traffic, which certify then, too
    max_texts: int = 256
    failing: tuple[grpc.StatusCode, str] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[pb.ScoreRequest] = field(default_factory=list[pb.ScoreRequest])
    metadata: list[dict[str, str | bytes]] = field(default_factory=list[dict[str, str | bytes]])
    described: int = 0
    most_at_once: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # set by every call
    _now: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def Score(  # noqa: N802 - the proto's name
        self,
        request: pb.ScoreRequest,
        context: grpc.aio.ServicerContext[pb.ScoreRequest, pb.ScoreResponse],
    ) -> pb.ScoreResponse:
        self.calls.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.arrived.set()
        try:
            await self.gate.wait()
            if self.failing is not None:
                await context.abort(*self.failing)
            return self._answer(request)
        finally:
            self._now -= 1

    def _answer(self, request: pb.ScoreRequest) -> pb.ScoreResponse:
        response = pb.ScoreResponse(
            scores=[self.score(text) for text in request.texts],
            versions=pb.Versions(bundle=self.bundle, router=request.router or self.router),
        )
        if request.want_quality and self.quality:
            for text in request.texts:
                response.quality.add(values=[q(text) for q in self.quality.values()])
        if request.want_embedding and self.embed is not None:
            for text in request.texts:
                response.embeddings.add(values=self.embed(text))
        if self.known is not None:
            response.known.extend(self.known(text) for text in request.texts)
        return response

    async def Describe(  # noqa: N802 - the proto's name
        self,
        request: pb.DescribeRequest,
        context: grpc.aio.ServicerContext[pb.DescribeRequest, pb.Description],
    ) -> pb.Description:
        del request, context
        self.described += 1
        return pb.Description(
            versions=pb.Versions(bundle=self.bundle, router=self.router),
            default_router=self.router,
            profiles=list(self.quality),
            max_texts=self.max_texts,
            routers=[
                pb.RouterDescription(
                    name=self.router,
                    kind="scripted",
                    predicts_quality=bool(self.quality),
                    calibration=pb.Calibration(
                        quantiles=self.quantiles,
                        prompts=1000,
                        retention=[
                            pb.RetentionThreshold(
                                retention=r,
                                confidence=c,
                                threshold=t,
                                own=self.evidence is not None,
                            )
                            for r, c, t in self.retention
                        ],
                        evidence=self.evidence,
                    ),
                )
            ],
        )


class ScorerServer:
    """Serves a ScriptedScorer on a target; can be killed and started again there."""

    def __init__(self, scorer: ScriptedScorer, target: str) -> None:
        self.scorer = scorer
        self.target = target
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        server = grpc.aio.server()
        rpc.add_ScorerServicer_to_server(self.scorer, server)
        server.add_insecure_port(self.target)
        await server.start()
        self._server = server

    async def kill(self) -> None:
        """Stop without grace: calls in flight are cut."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
