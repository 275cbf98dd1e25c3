"""An engine by hand, to drive the scorer's batching and server without a model.

A text's score is its length over 1,000, so that every answer can be checked against its question.
The device can be held, so that tests say what waits when the next batch is made.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weir_scorer.engine.ports import (
    Calibration,
    Description,
    Device,
    Prepared,
    RetentionThreshold,
    RouterDescription,
    Scores,
    UnknownRouter,
)
from weir_scorer.features.turns import Prompt

ENCODED = "linear"  # encodes: runs on the device
CHEAP = "length"  # encodes nothing
POISON = "poison"  # the engine raises on this text
HELD_SECONDS = 30.0  # a held device lets go after that, so that a broken test ends


def score_of(text: str) -> float:
    """What the fake engine gives for `text`."""
    return len(text) / 1000


def text_of(prompt: Prompt) -> str:
    """A conversation as the fake engine reads it: a line a turn."""
    return prompt if isinstance(prompt, str) else "\n".join((*prompt.earlier, prompt.last))


def _router(name: str, block: str, *, predicts_quality: bool) -> RouterDescription:
    calibration = Calibration((0.0, 0.5, 1.0), 3, (RetentionThreshold(0.95, 0.9, 0.25, 0.4),))
    return RouterDescription(name, name, (block,), predicts_quality, calibration)


class FakeEngine:
    """Implements weir_scorer.engine.ports.Engine."""

    def __init__(self, version: str = "fake@1", device: str = "cpu:0") -> None:
        self.version = version
        self.device = Device(device, "CPUExecutionProvider", "fp32")
        self.batches: list[list[str]] = []  # as the device got them
        self.runs: list[tuple[str, bool, bool]] = []
        self.prepared: list[list[str]] = []
        self.warm_ups = 0
        self.lost = False  # the device fails on everything
        self.closed = False
        self.threads: set[str] = set()
        self._gate = threading.Event()
        self._gate.set()
        self._entered = threading.Semaphore(0)

    def hold(self) -> None:
        """Keep the device busy from its next batch on."""
        self._gate.clear()

    def release(self) -> None:
        """Let it go on."""
        self._gate.set()

    def wait_until_busy(self) -> None:
        """Return once a batch is on the device; blocking."""
        assert self._entered.acquire(timeout=HELD_SECONDS)

    @property
    def description(self) -> Description:
        return Description(
            name="fake",
            version=self.version,
            routers=(
                _router(ENCODED, "encoder", predicts_quality=True),
                _router(CHEAP, "lexical", predicts_quality=False),
            ),
            default_router=ENCODED,
            profiles=("small", "large"),
            max_chars=2000,
        )

    def resolve(self, router: str) -> str:
        name = ENCODED if router in {"", "default"} else router
        if name not in {ENCODED, CHEAP}:
            raise UnknownRouter(router, (CHEAP, ENCODED))
        return name

    def prepare(self, texts: Sequence[Prompt], router: str) -> Sequence[Prepared]:
        flat = [text_of(prompt) for prompt in texts]
        self.prepared.append(flat)
        return [
            Prepared(
                tokens=max(1, len(text)),
                ids=(1,) * len(text) if router == ENCODED else (),
                features={"text": np.frombuffer(text.encode("utf-32"), dtype=np.float32)},
            )
            for text in flat
        ]

    def run(
        self, batch: Sequence[Prepared], router: str, *, want_quality: bool, want_embedding: bool
    ) -> Scores:
        texts = [item.features["text"].tobytes().decode("utf-32") for item in batch]
        self.threads.add(threading.current_thread().name)
        self.batches.append(texts)
        self.runs.append((router, want_quality, want_embedding))
        if router == ENCODED:
            self._entered.release()
            self._gate.wait(HELD_SECONDS)
        if self.lost or POISON in texts:
            raise RuntimeError("a text the engine can't stand")
        scores = np.array([score_of(text) for text in texts], dtype=np.float32)
        return Scores(
            scores,
            np.stack([scores, 1 - scores], axis=1) if want_quality else None,
            np.stack([scores] * 3, axis=1) if want_embedding and router == ENCODED else None,
        )

    def warm_up(self) -> None:
        self.warm_ups += 1
        if self.lost:
            raise RuntimeError("the device is gone")

    def close(self) -> None:
        self.closed = True


class FakeBundle:
    """An open bundle of fake engines; implements weir_scorer.server.bundles.OpenBundle."""

    def __init__(self, *engines: FakeEngine) -> None:
        self.engines = engines or (FakeEngine(),)

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


class FakeBundles:
    """Opens fake bundles: a folder's `version` file is its version, "bad" is refused."""

    def __init__(self, refusal: type[Exception]) -> None:
        self.opened: list[FakeEngine] = []
        self._refusal = refusal
        self._gate = threading.Event()
        self._gate.set()
        self._entered = threading.Semaphore(0)

    def hold(self) -> None:
        """Let openings wait from now on."""
        self._gate.clear()

    def release(self) -> None:
        """Let them go on."""
        self._gate.set()

    def wait_until_opening(self) -> None:
        """Return once a bundle is being opened; blocking."""
        assert self._entered.acquire(timeout=HELD_SECONDS)

    def __call__(self, path: Path) -> FakeBundle:
        self._entered.release()
        self._gate.wait(HELD_SECONDS)
        try:
            version = (path / "version").read_text(encoding="utf-8")
        except OSError as error:
            raise self._refusal(f"{path}: there is no bundle") from error
        if version == "bad":
            raise self._refusal(f"{path}/version: its sha256 is wrong")
        engine = FakeEngine(version)
        self.opened.append(engine)
        return FakeBundle(engine)


def write_bundle(folder: Path, version: str) -> Path:
    """A folder that FakeBundles opens."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "version").write_text(version, encoding="utf-8")
    return folder
