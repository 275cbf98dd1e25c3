"""Computes the columns that a variant's bundle serves for prompts: same blocks, same graph.

They are cached on disk by a hash of their inputs: the encoder takes most of a run's time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_scorer.build.default import Encoder
from weir_scorer.build.variants import HASH, LENGTH, MAX_CHARS, MAX_TOKENS, Variant
from weir_scorer.engine.blocks import TextBlock, text_function
from weir_scorer.engine.sessions import DeviceChoice, DeviceKind, SessionOptions, open_session
from weir_scorer.engine.tokens import Tokens, pad
from weir_scorer.features.reading import reader

Floats = NDArray[np.float32]

_STEP = 1000  # texts tokenised together


@dataclass(frozen=True, slots=True)
class Columns:
    """The blocks of some prompts, one row a prompt."""

    hash: Floats
    length: Floats
    lexical: Floats  # all cheap blocks
    encoded: Floats

    @property
    def linear(self) -> Floats:
        """What the `linear` router reads."""
        return np.concatenate([self.lexical, self.encoded], axis=1)


def encode(prompts: Sequence[str], encoder: Encoder, cache: Path, variant: Variant) -> Columns:
    """Every block of `prompts`, from `cache` when they were computed before."""
    read = reader(variant.reading, MAX_CHARS[variant.reading])
    readings = [read(prompt) for prompt in prompts]

    def columns(block: TextBlock) -> Floats:
        function = text_function(block)
        return np.stack([function(reading) for reading in readings])

    return Columns(
        hash=columns(HASH),
        length=columns(LENGTH),
        lexical=np.concatenate([columns(block) for block in variant.text_blocks], axis=1),
        encoded=_encoded([reading.encoded for reading in readings], encoder, cache, variant),
    )


def _encoded(texts: Sequence[str], encoder: Encoder, cache: Path, variant: Variant) -> Floats:
    if not variant.layers:
        return np.zeros((len(texts), 0), np.float32)
    graph = encoder.graphs[variant.precisions[0]]
    key = hashlib.sha256(graph + encoder.tokenizer + bytes([variant.reading]))
    for text in texts:
        key.update(text.encode("utf-8", "replace") + b"\0")
    cached = cache / f"encoded-{key.hexdigest()[:16]}.npy"
    if cached.is_file():
        return np.asarray(np.load(cached, allow_pickle=False), dtype=np.float32)
    session = open_session(graph, SessionOptions(DeviceChoice(DeviceKind.CPU)))
    both_ends = variant.reading != 1
    tokens = Tokens(encoder.tokenizer, MAX_TOKENS[variant.reading], both_ends=both_ends)
    outputs = [block.output for block in variant.encoded]
    rows: list[Floats] = []
    for start in range(0, len(texts), _STEP):
        for ids in tokens.encode(texts[start : start + _STEP]):
            found = session.run(outputs, *pad([ids]))
            rows.append(np.concatenate([found[output] for output in outputs], axis=1))
    columns = np.concatenate(rows)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(cached, columns)
    return columns
