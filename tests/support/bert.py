"""BERT's forward pass in plain float64 numpy, written apart from the graph it checks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bert:
    """An encoder by its published definition."""

    weights: Mapping[str, NDArray[np.float32]]
    heads: int
    epsilon: float

    def embed(self, ids: Integers, mask: Integers, layers: int) -> Doubles:
        """Masked means after `layers` layers, of length one: [batch, dim]."""
        hidden = self._norm(
            self._array("embeddings.word_embeddings.weight")[ids]
            + self._array("embeddings.position_embeddings.weight")[: ids.shape[1]]
            + self._array("embeddings.token_type_embeddings.weight")[0],
            "embeddings.LayerNorm",
        )
        for layer in range(layers):
            hidden = self._layer(hidden, mask, f"encoder.layer.{layer}")
        mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return _doubles(mean / np.sqrt((mean**2).sum(axis=1, keepdims=True)))

    def _layer(self, hidden: Doubles, mask: Integers, at: str) -> Doubles:
        context = self._attend(hidden, mask, f"{at}.attention.self")
        attended = self._dense(context, f"{at}.attention.output.dense")
        hidden = self._norm(hidden + attended, f"{at}.attention.output.LayerNorm")
        wide = self._dense(hidden, f"{at}.intermediate.dense")
        narrow = self._dense(_gelu(wide), f"{at}.output.dense")
        return self._norm(hidden + narrow, f"{at}.output.LayerNorm")

    def _attend(self, hidden: Doubles, mask: Integers, at: str) -> Doubles:
        batch, tokens, dim = hidden.shape
        size = dim // self.heads
        query, key, value = (
            self._dense(hidden, f"{at}.{part}").reshape(batch, tokens, self.heads, size)
            for part in ("query", "key", "value")
        )
        logits = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(size)
        logits = np.where(mask[:, None, None, :] == 1, logits, -np.inf)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return _doubles(np.einsum("bhqk,bkhd->bqhd", shares, value).reshape(batch, tokens, dim))

    def _dense(self, hidden: Doubles, at: str) -> Doubles:
        return hidden @ self._array(f"{at}.weight").T + self._array(f"{at}.bias")

    def _norm(self, hidden: Doubles, at: str) -> Doubles:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        scaled = centred / spread * self._array(f"{at}.weight")
        return _doubles(scaled + self._array(f"{at}.bias"))

    def _array(self, name: str) -> Doubles:
        return self.weights[name].astype(np.float64)


def _gelu(values: Doubles) -> Doubles:
    erf = np.array([math.erf(value / math.sqrt(2)) for value in values.ravel().tolist()])
    return _doubles(values * 0.5 * (1 + erf.reshape(values.shape)))


def _doubles(values: object) -> Doubles:
    return np.asarray(values, dtype=np.float64)
