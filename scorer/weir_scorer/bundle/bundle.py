"""An open bundle: one engine per device, and scoring in process without a server."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.loading import Loader
from weir_scorer.engine.onnx import OnnxEngine
from weir_scorer.engine.ports import Description, Prepared, Scores
from weir_scorer.engine.sessions import DeviceChoice, SessionOptions
from weir_scorer.features.turns import Prompt

_WINDOW = 1024  # texts sorted by length together
_BATCH = 32


class Bundle:
    """A bundle, verified and loaded: one engine per device.

    Use as a context manager, or close it. `score` is for use in process; a server drives
    `engines` itself.
    """

    def __init__(self, folder: Folder, engines: Sequence[OnnxEngine]) -> None:
        self._folder = folder
        self.engines = tuple(engines)

    @classmethod
    def open(
        cls, path: Path | str, *, devices: Sequence[str] = ("auto",), threads: int = 1
    ) -> Self:
        """Verify the folder, load it, and try every router once on every device.

        `devices` are `auto`, `cpu`, `cuda`, `cuda:1`, `tensorrt`; `threads` (1 or more) work
        inside one operator on a CPU. Raises BundleError for a folder that is not a whole bundle,
        DeviceUnavailable for a device that cannot run it, ValueError for an unknown device.
        """
        choices = [DeviceChoice.parse(device) for device in devices]
        folder = Folder.open(Path(path))
        folder.verify()
        loader = Loader(folder)
        return cls(folder, [loader.engine(SessionOptions(choice, threads)) for choice in choices])

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self._folder.manifest.name

    @property
    def version(self) -> str:
        """`name@digest`: two bundles with one version are equal in every byte."""
        return self._folder.version

    @property
    def routers(self) -> tuple[str, ...]:
        """The names `score` takes, besides "default"."""
        return tuple(self._folder.manifest.routers)

    @property
    def default_router(self) -> str:
        """The router that the names "default" and "" resolve to."""
        return self._folder.manifest.default_router

    @property
    def profiles(self) -> tuple[str, ...]:
        """The models whose quality is predicted: the columns of Scores.quality."""
        return self._folder.manifest.profiles

    @property
    def card(self) -> str:
        """The bundle's card, in Markdown: its data and its figures."""
        return self._folder.read(self._folder.manifest.card).decode("utf-8")

    def description(self) -> Description:
        """Everything a caller may want to know before scoring."""
        return self.engines[0].description

    def score(
        self,
        texts: Iterable[Prompt],
        router: str = "default",
        *,
        want_quality: bool = False,
        want_embedding: bool = False,
    ) -> Scores:
        """Score `texts` on the first device, in order; of a Chat the last turn is scored.

        Each score is in [0,1]: how likely a strong model's answer beats a weak one's. Memory
        beyond the results does not grow with the number of texts. Raises UnknownRouter.
        """
        name = self.engines[0].resolve(router)
        parts = [
            self._window(window, name, want_quality=want_quality, want_embedding=want_embedding)
            for window in _windows(texts, _WINDOW)
        ]
        return _concatenate(parts)

    def close(self) -> None:
        """Free every device. Closing twice is fine."""
        for engine in self.engines:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _window(
        self, texts: Sequence[Prompt], router: str, *, want_quality: bool, want_embedding: bool
    ) -> Scores:
        """Batches of like length, put back in the order they came."""
        engine = self.engines[0]
        prepared = engine.prepare(texts, router)
        order = sorted(range(len(prepared)), key=lambda index: prepared[index].tokens)
        batches: list[list[Prepared]] = [
            [prepared[index] for index in order[start : start + _BATCH]]
            for start in range(0, len(order), _BATCH)
        ]
        scored = _concatenate(
            [
                engine.run(batch, router, want_quality=want_quality, want_embedding=want_embedding)
                for batch in batches
            ]
        )
        back = np.argsort(np.array(order, dtype=np.intp))
        return Scores(
            scored.scores[back],
            None if scored.quality is None else scored.quality[back],
            None if scored.embeddings is None else scored.embeddings[back],
            None if scored.known is None else scored.known[back],
        )


def _windows(texts: Iterable[Prompt], size: int) -> Iterator[list[Prompt]]:
    window: list[Prompt] = []
    for text in texts:
        window.append(text)
        if len(window) == size:
            yield window
            window = []
    if window:
        yield window


def _concatenate(parts: Sequence[Scores]) -> Scores:
    if not parts:
        return Scores(np.empty(0, dtype=np.float32))
    qualities = [part.quality for part in parts if part.quality is not None]
    embeddings = [part.embeddings for part in parts if part.embeddings is not None]
    known = [part.known for part in parts if part.known is not None]
    return Scores(
        np.concatenate([part.scores for part in parts]),
        np.concatenate(qualities) if qualities else None,
        np.concatenate(embeddings) if embeddings else None,
        np.concatenate(known) if known else None,
    )
