"""Feature blocks: named groups of columns that a router reads.

Text blocks are functions of the text alone; encoder blocks are outputs of an ONNX graph.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

import numpy as np

from weir_scorer.engine.ports import EngineError, Vector
from weir_scorer.features import lexical, rarity, surface, text
from weir_scorer.features.reading import Reading


class BadBlock(EngineError):
    """A block that this version cannot compute."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Columns computed from the text alone."""

    name: str
    kind: str  # a key of _DIMS
    dim: int
    version: int = 1  # of the columns' meaning
    seed: int = 0  # of `uniform`


@dataclass(frozen=True, slots=True)
class EncoderBlock:
    """Columns read from an output of an encoder graph."""

    name: str
    dim: int
    output: str  # of the graph
    files: Mapping[str, str]  # precision (int8, fp16, fp32) -> path in the bundle
    # The first columns of a fixed text, as the heads' training read them: another encoder gives
    # other ones. Empty where that was not recorded.
    probe: tuple[float, ...] = ()


Block = TextBlock | EncoderBlock
TextFunction = Callable[[Reading], Vector]

_DIMS = {
    "length": 1,
    "uniform": 1,
    "lexical": len(lexical.NAMES),
    "surface": len(surface.NAMES),
    "rarity": len(rarity.NAMES),
}
_VERSIONS = {
    "length": 1,
    "uniform": 1,
    "lexical": lexical.VERSION,
    "surface": surface.VERSION,
    "rarity": rarity.VERSION,
}


def text_function(block: TextBlock) -> TextFunction:
    """The function that computes `block`. Raises BadBlock for an unknown kind, version or width."""
    if block.kind not in _DIMS:
        raise BadBlock(
            f"block {block.name!r} is of kind {block.kind!r}, which this version cannot compute:"
            f" it knows encoder, {', '.join(_DIMS)}"
        )
    if (block.version, block.dim) != (_VERSIONS[block.kind], _DIMS[block.kind]):
        raise BadBlock(
            f"block {block.name!r} is {block.kind} version {block.version} with {block.dim}"
            f" columns; this code computes version {_VERSIONS[block.kind]} with"
            f" {_DIMS[block.kind]}: build the bundle again with this version of Weir"
        )
    match block.kind:
        case "length":
            return _length
        case "uniform":
            return partial(_uniform, seed=block.seed)
        case "lexical":
            return _lexical
        case "surface":
            return surface.surface
        case _:
            return partial(rarity.rarity, levels=word_levels())


def word_levels() -> rarity.Levels:
    """The table of words' levels that ships with this version."""
    with (files("weir_scorer.engine") / "words.npz").open("rb") as file:
        table = np.load(file, allow_pickle=False)
        return dict(zip(table["hashes"].tolist(), table["levels"].tolist(), strict=True))


def _length(reading: Reading) -> Vector:
    return text.length(reading.chars)


def _uniform(reading: Reading, seed: int) -> Vector:
    return text.uniform(reading.text, seed)


def _lexical(reading: Reading) -> Vector:
    return lexical.lexical(reading.text)
