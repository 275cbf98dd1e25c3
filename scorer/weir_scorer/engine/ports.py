"""The engine's port, its input and output values, and its errors.

An engine turns texts into scores on one device. `prepare` is CPU work that may run on any thread;
`run` is for the device's own worker thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weir_scorer.features.turns import Prompt

Vector = NDArray[np.float32]  # one row of features
Matrix = NDArray[np.float32]  # one row per text

INLINE_ROUTERS = frozenset({"random", "length"})  # routers that cost microseconds a text


class EngineError(Exception):
    """Base of the engine's errors; the message says what to do."""


class UnknownRouter(EngineError):
    """The bundle has no such router."""

    def __init__(self, router: str, known: Sequence[str]) -> None:
        super().__init__(f"no router {router!r} in this bundle; it has: {', '.join(known)}")
        self.router = router
        self.known = tuple(known)


class DeviceUnavailable(EngineError):
    """The requested device can't run the bundle."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One text prepared for a router: normalised, truncated, its text blocks computed."""

    tokens: int  # tokens the encoder will read, at least 1: what to bucket by
    ids: tuple[int, ...]  # token ids; empty where the router needs no encoder
    features: Mapping[str, Vector] = field(repr=False)  # the cheap blocks, by name
    earlier: "Prepared | None" = None  # the turn that a follow-up asks about
    weight: float = 0.0  # the weight of that turn in the score, [0,1)


@dataclass(frozen=True, slots=True)
class Scores:
    """The results of one batch, in the order of its texts."""

    scores: NDArray[np.float32]  # [n], each finite and in [0,1]
    quality: Matrix | None = None  # [n, profiles] in [0,1]; None unless wanted and possible
    embeddings: Matrix | None = None  # [n, d]; None unless wanted and the router has one
    # [n] in [0,1]: how well each text's kind is known; None where the bundle can't tell
    known: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class RetentionThreshold:
    """A threshold certified to keep `retention` of the strong model's quality."""

    retention: float  # (0,1]
    confidence: float  # (0,1)
    threshold: float  # [0,1]; 0 sends everything to the strong model: nothing could be certified
    strong_share: float  # [0,1], seen at that threshold on the held-out prompts
    own: bool = False  # on labels of a deployment's own traffic; else on the bundle's exams


@dataclass(frozen=True, slots=True)
class Gain:
    """How much more of the quality gap is recovered (APGR), with its central 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What labels of a deployment's own traffic show of a router."""

    labels: int  # prompts
    over_lots: Gain  # over drawing lots
    over_length: Gain  # over the prompt's length


@dataclass(frozen=True, slots=True)
class Calibration:
    """The quantiles of a router's scores over the reference prompts, and its thresholds."""

    quantiles: tuple[float, ...]  # ascending, at evenly spaced quantiles 0 .. 1
    prompts: int  # how many reference prompts
    retention: tuple[RetentionThreshold, ...] = ()
    evidence: Evidence | None = None  # None: the router was never measured on own traffic


@dataclass(frozen=True, slots=True)
class RouterDescription:
    """One router of a bundle."""

    name: str
    kind: str  # random, length, linear, ...
    blocks: tuple[str, ...]  # the feature blocks it computes
    predicts_quality: bool
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Description:
    """A bundle's contents, as `Describe` and `weir bundle show` give them."""

    name: str
    version: str  # name@digest of the manifest
    routers: tuple[RouterDescription, ...]
    default_router: str
    profiles: tuple[str, ...]  # the columns of Scores.quality
    max_chars: int  # of a text that are read
    # One a profile, as the default router predicts; empty where the bundle doesn't say.
    profile_means: tuple[float, ...] = ()  # quality for a prompt of middling difficulty, [0,1]
    profile_doubts: tuple[float, ...] = ()  # standard errors of its predictions, in log-odds
    reading: int = 1  # version of the way in which texts are read: features/reading.py


@dataclass(frozen=True, slots=True)
class Device:
    """The device and provider that an engine runs on."""

    name: str  # cpu:0, cuda:0
    provider: str  # what ONNX Runtime took: CPUExecutionProvider, CUDAExecutionProvider, ...
    precision: str  # int8, fp16, fp32


class Engine(Protocol):
    """One bundle on one device."""

    @property
    def device(self) -> Device:
        """Read from the open session, because a provider may have fallen back."""
        ...

    @property
    def description(self) -> Description:
        """The bundle that this engine runs."""
        ...

    def resolve(self, router: str) -> str:
        """The real name of `router`; "" and "default" are the bundle's default.

        Raises UnknownRouter, which lists those there are.
        """
        ...

    def prepare(self, texts: Sequence[Prompt], router: str) -> Sequence[Prepared]:
        """Normalise, cap and tokenise, and compute the cheap blocks `router` needs.

        Any string will do: empty, of any length, with NUL or lone surrogates. Blocking CPU work,
        safe from any thread and from several at once. Raises UnknownRouter.
        """
        ...

    def run(
        self, batch: Sequence[Prepared], router: str, *, want_quality: bool, want_embedding: bool
    ) -> Scores:
        """Score one batch on the device; `batch` was prepared for the same router.

        Blocking; padding is to the longest of the batch, so batches of one length waste nothing.
        Raises UnknownRouter.
        """
        ...

    def warm_up(self) -> None:
        """Run each router once at small and full size, so that no request pays for first use."""
        ...

    def close(self) -> None:
        """Free the device's memory. Closing twice is fine; using it afterwards is not."""
        ...
