"""An answer as it lies in a shared store. What can't be read there is none."""

from typing import Final

import msgspec

from weir_gateway.domain.cache import CachedResponse
from weir_policy.ids import BackendId
from weir_wires.content import Usage

FORMAT: Final = 1


class _Value(msgspec.Struct, array_like=True, frozen=True):
    format: int
    backend: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    tokens: tuple[int, int, int, int]  # input, output, and of the input: cached, written
    embedding: bytes


_DECODER: Final = msgspec.msgpack.Decoder(_Value)


def encode(answer: CachedResponse) -> bytes:
    """The bytes that are stored."""
    usage = answer.usage
    tokens = (usage.input, usage.output, usage.cached_input, usage.cache_write)
    return msgspec.msgpack.encode(
        _Value(FORMAT, answer.backend, answer.headers, answer.body, tokens, answer.embedding)
    )


def decode(value: bytes, max_bytes: int) -> CachedResponse | None:
    """The answer; None where it is of another format, broken or larger than `largest` bytes."""
    if len(value) > max_bytes:
        return None
    try:
        read = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if read.format != FORMAT:
        return None
    return CachedResponse(
        BackendId(read.backend), read.headers, read.body, Usage(*read.tokens), read.embedding
    )
