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
from weir_scorer.build.variants import HASH, LENGTH, LEXICAL, MAX_CHARS, MAX_TOKENS, Variant
from weir_scorer.engine.blocks import text_function
from weir_scorer.engine.sessions import DeviceChoice, DeviceKind, SessionOptions, open_session
from weir_scorer.engine.tokens import Tokens, pad
from weir_scorer.features.text import normalise

Floats = NDArray[np.float32]

_STEP = 1000  # texts tokenised together


@dataclass(frozen=True, slots=True)
class Columns:
    """The blocks of some prompts, one row a prompt."""

    hash: Floats
    length: Floats
    lexical: Floats
    encoded: Floats

    @property
    def linear(self) -> Floats:
        """What the `linear` router reads."""
        return np.concatenate([self.lexical, self.encoded], axis=1)


def encode(prompts: Sequence[str], encoder: Encoder, cache: Path, variant: Variant) -> Columns:
    """Every block of `prompts`, from `cache` when they were computed before."""
    clean = [normalise(prompt, MAX_CHARS) for prompt in prompts]
    return Columns(
        **{
            block.name: np.stack([text_function(block)(text) for text in clean])
            for block in (HASH, LENGTH, LEXICAL)
        },
        encoded=_encoded(clean, encoder, cache, variant),
    )


def _encoded(texts: Sequence[str], encoder: Encoder, cache: Path, variant: Variant) -> Floats:
    if not variant.layers:
        return np.zeros((len(texts), 0), np.float32)
    graph = encoder.graphs[variant.precisions[0]]
    key = hashlib.sha256(graph + encoder.tokenizer)
    for text in texts:
        key.update(text.encode("utf-8", "replace") + b"\0")
    cached = cache / f"encoded-{key.hexdigest()[:16]}.npy"
    if cached.is_file():
        return np.asarray(np.load(cached, allow_pickle=False), dtype=np.float32)
    session = open_session(graph, SessionOptions(DeviceChoice(DeviceKind.CPU)))
    tokens = Tokens(encoder.tokenizer, MAX_TOKENS)
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
