"""Texts to token ids, by the bundle's own tokenizer. Safe from several threads at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_SPECIALS = 2  # [CLS] and [SEP]


class TokenizerBroken(ValueError):
    """The tokenizer file cannot be read."""


class Tokens:
    """A tokenizer that cuts to `max_tokens` and never pads."""

    def __init__(self, definition: bytes, max_tokens: int, *, both_ends: bool = False) -> None:
        """A longer text keeps its first tokens, or with `both_ends` its first and last."""
        try:
            tokenizer = Tokenizer.from_str(definition.decode("utf-8"))
        except Exception as error:  # the Rust side raises bare Exception
            raise TokenizerBroken(f"not a tokenizer: {error}") from error
        tokenizer.no_padding()
        if both_ends:
            tokenizer.no_truncation()
        else:
            tokenizer.enable_truncation(max_tokens)  # pyright: ignore[reportUnknownMemberType] - its stub leaves **kwargs open
        # A user who writes "[SEP]" means the five characters, not the end of the text.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.size = tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """One tuple of ids per text, at least [CLS] [SEP], at most `max_tokens` long."""
        return [self._cut(item.ids) for item in self._tokenizer.encode_batch(list(texts))]

    def _cut(self, ids: list[int]) -> tuple[int, ...]:
        """The first and the last tokens; the special ones stand at the ends."""
        if len(ids) <= self.max_tokens:
            return tuple(ids)
        tail = self.max_tokens // 2
        return tuple(ids[: self.max_tokens - tail] + ids[-tail:])


def pad(rows: Sequence[tuple[int, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask, both [rows, longest row]."""
    width = max(*map(len, rows), _SPECIALS)
    ids = np.zeros((len(rows), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return ids, mask
