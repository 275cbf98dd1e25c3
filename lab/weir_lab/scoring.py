"""Scores prompts with a bundle in this process, and reports progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.features.turns import Prompt

_CHUNK = 512  # prompts between two reports of progress

Advance = Callable[[int], None]  # called with the number of prompts scored since the last call


@dataclass(frozen=True, slots=True)
class Scored:
    """`vectors` has a row a prompt; None where the router reads no encoder."""

    scores: Doubles
    vectors: Doubles | None


def score_prompts(
    bundle: Bundle, router: str, prompts: Sequence[Prompt], advance: Advance = lambda _: None
) -> Scored:
    """Score in order. Raises UnknownRouter."""
    scores: list[Doubles] = []
    vectors: list[Doubles] = []
    for start in range(0, len(prompts), _CHUNK):
        chunk = prompts[start : start + _CHUNK]
        found = bundle.score(chunk, router, want_embedding=True)
        scores.append(found.scores.astype(np.float64))
        if found.embeddings is not None:
            vectors.append(found.embeddings.astype(np.float64))
        advance(len(chunk))
    return Scored(
        np.concatenate(scores) if scores else np.zeros(0),
        np.concatenate(vectors) if vectors else None,
    )
