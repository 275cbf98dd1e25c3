"""The bundles that can be built: which layers of the encoder, which blocks, which routers.

A variant trades quality for time; docs/evaluation.md has the figures of each.
"""

from dataclasses import dataclass

from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import Block, EncoderBlock, TextBlock
from weir_scorer.features import lexical, rarity, surface
from weir_scorer.features.reading import RAW_END

MAX_CHARS = {1: 8192, 2: 2 * RAW_END}  # by the way of reading
MAX_TOKENS = {1: 128, 2: 80}  # by the way of reading; 2 reads the first and last 40
DIM = 384
RANDOM_SEED = 0

HASH = TextBlock("hash", "uniform", dim=1, seed=RANDOM_SEED)
LENGTH = TextBlock("length", "length", dim=1)
LEXICAL = TextBlock("lexical", "lexical", dim=len(lexical.NAMES), version=lexical.VERSION)

SURFACE = TextBlock("surface", "surface", dim=len(surface.NAMES), version=surface.VERSION)
RARITY = TextBlock("rarity", "rarity", dim=len(rarity.NAMES), version=rarity.VERSION)

ENSEMBLE_MEMBERS: tuple[str, ...] = ("linear", "mf")  # of the ensemble; chosen by sources left out
TRAINED_ROUTERS = ("linear", "knn", "cluster", "mf", "sw_ranking")  # routers over the same columns
_NEEDS_ENCODER = {"knn", "cluster"}  # near in the lexical columns alone does not mean alike
QUALITIES = "heads/qualities.npz"
FAMILIARITY = "heads/familiarity.npz"


@dataclass(frozen=True, slots=True)
class Variant:
    """One bundle's recipe."""

    name: str
    bundle: str  # the bundle's name
    layers: tuple[int, ...]  # of the encoder, each a block; none: no encoder at all
    precisions: tuple[str, ...]  # that the encoder is written in; heads are trained on the first
    default_router: str = "linear"
    reading: int = 1  # version of the way in which texts are read; heads are trained on one

    @property
    def text_blocks(self) -> tuple[TextBlock, ...]:
        """The cheap blocks that every trained router reads."""
        return (LEXICAL,) if self.reading == 1 else (SURFACE, RARITY)

    @property
    def encoded(self) -> tuple[EncoderBlock, ...]:
        """The encoder's blocks, all from one graph."""
        graph = "-".join(str(layer) for layer in self.layers)
        files = {p: f"encoder/layer{graph}.{p}.onnx" for p in self.precisions}
        return tuple(
            EncoderBlock(f"layer{layer}", DIM, f"layer{layer}", files) for layer in self.layers
        )

    @property
    def columns(self) -> tuple[Block, ...]:
        """The blocks that every trained router reads, in order."""
        return (*self.text_blocks, *self.encoded)

    @property
    def trained(self) -> tuple[str, ...]:
        """The routers that are trained on the columns, by name."""
        return tuple(name for name in TRAINED_ROUTERS if self.layers or name not in _NEEDS_ENCODER)

    @property
    def routers(self) -> tuple[RouterEntry, ...]:
        """Every router of the bundle."""
        read = tuple(block.name for block in self.columns)
        trained = [
            RouterEntry(name, name, read, f"heads/{name}.npz", (), QUALITIES, FAMILIARITY)
            for name in self.trained
        ]
        return (
            RouterEntry("random", "random", (HASH.name,), None),
            RouterEntry("length", "length", (LENGTH.name,), "heads/length.npz"),
            *trained,
            RouterEntry(
                "ensemble",
                "ensemble",
                read,
                "heads/ensemble.npz",
                ENSEMBLE_MEMBERS,
                familiarity=FAMILIARITY,
            ),
        )


DEFAULT = Variant("default", "e5-2", (2,), ("int8", "fp16"), reading=2)
FAST = Variant("fast", "e5-words", (0,), ("fp32",), reading=2)
FULL = Variant("full", "e5-4", (4,), ("int8", "fp16"), reading=2)
VARIANTS = {variant.name: variant for variant in (DEFAULT, FAST, FULL)}
