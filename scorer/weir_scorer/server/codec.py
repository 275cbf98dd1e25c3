"""Protobuf messages to the scorer's values and back, and its errors as gRPC status codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_scorer.batching.calls import CallResult
from weir_scorer.batching.errors import Closed, DeadlinePassed, EngineFailed, QueueFull
from weir_scorer.engine.ports import (
    Calibration,
    Description,
    Device,
    Evidence,
    Gain,
    RouterDescription,
    UnknownRouter,
)
from weir_scorer.features.turns import MOST_EARLIER, Chat, Prompt


class InvalidField(Exception):
    """A field of the request that cannot be served; the message begins with its name."""


class NotServing(Exception):
    """Not warm yet, or draining."""


_CODES: dict[type[Exception], grpc.StatusCode] = {
    InvalidField: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownRouter: grpc.StatusCode.NOT_FOUND,
    QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    NotServing: grpc.StatusCode.UNAVAILABLE,
    Closed: grpc.StatusCode.UNAVAILABLE,
    EngineFailed: grpc.StatusCode.INTERNAL,
}

KNOWN_ERRORS = tuple(_CODES)


def code_of(error: Exception) -> grpc.StatusCode:
    """The status code of one of the `KNOWN` errors."""
    return _CODES[type(error)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """The limits of one call."""

    texts: int  # per call
    chars: int  # of one text; longer ones are refused, while those over the bundle's cap are cut
    seconds: float  # a call's time at most, also of one that brings no deadline


def texts_of(request: pb.ScoreRequest, limits: CallLimits) -> Sequence[Prompt]:
    """The texts to score, with the turns before them. Raises InvalidField."""
    texts = list(request.texts)
    if not texts:
        raise InvalidField("texts: there is none; send one text or more")
    if len(texts) > limits.texts:
        raise InvalidField(
            f"texts: {len(texts)} are too many; send at most {limits.texts} per call"
        )
    for index, text in enumerate(texts):
        if len(text) > limits.chars:
            raise InvalidField(
                f"texts[{index}]: {len(text)} characters are too many; send at most {limits.chars}"
            )
    return _with_earlier(texts, request, limits) if request.earlier else texts


def _with_earlier(
    texts: list[str], request: pb.ScoreRequest, limits: CallLimits
) -> Sequence[Prompt]:
    if len(request.earlier) != len(texts):
        raise InvalidField(
            f"earlier: {len(request.earlier)} entries for {len(texts)} texts; send none, or one"
            " per text"
        )
    prompts: list[Prompt] = []
    for index, (text, earlier) in enumerate(zip(texts, request.earlier, strict=True)):
        turns = tuple(earlier.turns[-MOST_EARLIER:])
        if sum(map(len, turns)) > limits.chars:
            raise InvalidField(
                f"earlier[{index}]: the last {len(turns)} turns have too many characters; send at"
                f" most {limits.chars}"
            )
        prompts.append(Chat(text, turns) if turns else text)
    return prompts


def response(answer: CallResult, bundle: str, router: str) -> pb.ScoreResponse:
    """A call's scores as they go over the wire."""
    return pb.ScoreResponse(
        scores=answer.scores,
        quality=[pb.Quality(values=row) for row in answer.quality or ()],
        embeddings=[pb.Embedding(values=row) for row in answer.embeddings or ()],
        versions=pb.Versions(bundle=bundle, router=router),
        known=answer.known or (),
    )


def describe(
    description: Description, devices: Sequence[Device], limits: CallLimits
) -> pb.Description:
    """Describe the bundle, its device and the limits of a call."""
    return pb.Description(
        versions=pb.Versions(bundle=description.version, router=description.default_router),
        routers=[_router(router) for router in description.routers],
        default_router=description.default_router,
        profiles=description.profiles,
        devices=[
            pb.Device(name=device.name, provider=device.provider, precision=device.precision)
            for device in devices
        ],
        max_texts=limits.texts,
        max_chars=description.max_chars,
        profile_means=description.profile_means,
        profile_doubts=description.profile_doubts,
    )


def _router(router: RouterDescription) -> pb.RouterDescription:
    return pb.RouterDescription(
        name=router.name,
        kind=router.kind,
        blocks=router.blocks,
        predicts_quality=router.predicts_quality,
        calibration=_calibration(router.calibration),
    )


def _calibration(calibration: Calibration) -> pb.Calibration:
    return pb.Calibration(
        quantiles=calibration.quantiles,
        prompts=calibration.prompts,
        retention=[
            pb.RetentionThreshold(
                retention=row.retention,
                confidence=row.confidence,
                threshold=row.threshold,
                strong_share=row.strong_share,
                own=row.own,
            )
            for row in calibration.retention
        ],
        evidence=None if calibration.evidence is None else _evidence(calibration.evidence),
    )


def _evidence(evidence: Evidence) -> pb.Evidence:
    return pb.Evidence(
        labels=evidence.labels,
        over_lots=_gain(evidence.over_lots),
        over_length=_gain(evidence.over_length),
    )


def _gain(gain: Gain) -> pb.Gain:
    return pb.Gain(value=gain.value, low=gain.low, high=gain.high)
