"""The parts of a checked folder, read once and opened per device.

Parts that do not fit together are refused here, not at first use.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from weir_scorer.bundle.calibration import BadCalibration, parse_calibration
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.routers import RouterReader
from weir_scorer.engine.blocks import EncoderBlock
from weir_scorer.engine.onnx import OnnxEngine
from weir_scorer.engine.ports import (
    Calibration,
    Description,
    Device,
    EngineError,
    RouterDescription,
)
from weir_scorer.engine.sessions import Session, SessionOptions, open_session, pick_precision
from weir_scorer.engine.tokens import TokenizerBroken, Tokens

# Every router scores this text before a bundle counts as open; a block's `probe` is of it.
PROBE = "Is this bundle whole?"
_MIN_SIMILARITY = (
    0.9  # cosine; precisions of one encoder agree to .99, other encoders are at right angles
)


class Loader:
    """Reads a folder's parts once and opens them per device."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._manifest = folder.manifest
        self._tokens = self._load_tokens()
        self._routers = RouterReader(folder).read()
        self._description = self._describe(self._load_calibration())

    def engine(self, options: SessionOptions) -> OnnxEngine:
        sessions, device = self._open_sessions(options)
        try:
            engine = OnnxEngine(
                description=self._description,
                routers=self._routers,
                tokens=self._tokens,
                sessions=sessions,
                device=device,
            )
            self._check_routers(engine)
        except EngineError as error:
            raise BundleError(self._folder.path, str(error)) from error
        return engine

    def _open_sessions(self, options: SessionOptions) -> tuple[Mapping[str, Session], Device]:
        used = {
            block.name: block
            for router in self._routers.values()
            for block in router.encoder_blocks
        }
        opened: dict[str, Session] = {}
        precision = "fp32"  # of a bundle without an encoder: numpy's
        for block in used.values():
            precision = pick_precision(tuple(block.files), options.device)
            path = block.files[precision]
            if path not in opened:
                opened[path] = open_session(self._folder.read(path), options)
        sessions = {block.name: opened[block.files[precision]] for block in used.values()}
        first = next(iter(opened.values()), None)
        if first is None:
            return sessions, Device("cpu:0", "numpy", precision)
        return sessions, Device(first.device_name, first.provider, precision)

    def _check_routers(self, engine: OnnxEngine) -> None:
        """Score one text with each router, so that a bad graph or head fails now."""
        for name, router in self._routers.items():
            width = sum(block.dim for block in router.blocks)
            try:
                prepared = engine.prepare([PROBE], name)
                scored = engine.run(prepared, name, want_quality=True, want_embedding=True)
            except (ValueError, RuntimeError, IndexError) as error:
                raise EngineError(f"router {name!r} does not run: {error}") from error
            if not np.all(np.isfinite(scored.scores)):
                raise EngineError(f"router {name!r} gives scores that are not finite")
            if scored.embeddings is not None and scored.embeddings.shape[1] > width:
                raise EngineError(f"router {name!r}: its encoder is wider than its blocks say")
        for block in {b.name: b for r in self._routers.values() for b in r.encoder_blocks}.values():
            self._check_encoder(engine, block)

    def _check_encoder(self, engine: OnnxEngine, block: EncoderBlock) -> None:
        """Compare the encoder's numbers for PROBE with those recorded in training."""
        if not block.probe:
            return
        measured = engine.read([PROBE], block)[0, : len(block.probe)].astype(np.float64)
        expected = np.array(block.probe)
        similarity = float(measured @ expected) / max(
            float(np.sqrt((measured @ measured) * (expected @ expected))), 1e-12
        )
        if similarity < _MIN_SIMILARITY:
            path = block.files.get(engine.device.precision, "")
            raise BundleError(
                self._folder.path / path,
                f"block {block.name!r} is not what the heads were trained on: for a fixed text its"
                f" cosine to the recorded numbers is {similarity:.2f}, at least {_MIN_SIMILARITY}"
                " is needed",
                hint="put the encoder back, or build the bundle again: weir bundle build",
            )

    def _load_tokens(self) -> Tokens:
        path = self._manifest.tokenizer
        try:
            manifest, definition = self._manifest, self._folder.read(path)
            return Tokens(definition, manifest.max_tokens, both_ends=manifest.reading != 1)
        except TokenizerBroken as error:
            raise BundleError(self._folder.path / path, str(error)) from error

    def _load_calibration(self) -> Mapping[str, Calibration]:
        path = self._manifest.calibration
        at = self._folder.path / path
        try:
            calibrations = parse_calibration(self._folder.read(path))
        except BadCalibration as error:
            raise BundleError(at, str(error)) from error
        missing = self._manifest.routers.keys() - calibrations.keys()
        if missing:
            raise BundleError(at, f"has nothing on {', '.join(sorted(missing))}")
        return calibrations

    def _describe(self, calibrations: Mapping[str, Calibration]) -> Description:
        manifest = self._manifest
        qualities = self._routers[manifest.default_router].qualities
        return Description(
            name=manifest.name,
            version=self._folder.version,
            routers=tuple(
                RouterDescription(
                    name=name,
                    kind=entry.kind,
                    blocks=entry.blocks,
                    predicts_quality=self._routers[name].predictor.profiles > 0,
                    calibration=calibrations[name],
                )
                for name, entry in manifest.routers.items()
            ),
            default_router=manifest.default_router,
            profiles=manifest.profiles,
            max_chars=manifest.max_chars,
            profile_means=() if qualities is None else _floats(qualities.means),
            profile_doubts=() if qualities is None else _floats(qualities.doubts),
            reading=manifest.reading,
        )


def _floats(values: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
