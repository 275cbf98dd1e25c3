"""How sessions are written in Redis."""

from typing import Final, TypeVar

import msgspec

from weir_gateway.domain.session import AgentState
from weir_policy.ids import BackendId

FORMAT: Final = 1
MAX_BYTES: Final = 65_536  # of one value: pins and headers are at most 40 short texts

T = TypeVar("T", "_Agent", "_Pins")
Headers = tuple[tuple[str, str], ...]


class _Agent(msgspec.Struct, array_like=True, frozen=True):
    format: int
    strong: bool
    turn: int
    strong_turns: int
    request_mark: str
    backend: str
    tokens: int
    seen: float
    user_seen: float
    edits: int
    swapped: bool
    gates: int = 0
    gate_backend: str = ""
    gate_user_turns: int = 0


class _Pins(msgspec.Struct, array_like=True, frozen=True):
    format: int
    pins: tuple[str, ...]
    headers: Headers


_AGENT: Final = msgspec.msgpack.Decoder(_Agent)
_PINS: Final = msgspec.msgpack.Decoder(_Pins)


def encode_agent(state: AgentState) -> bytes:
    """One agent's state."""
    return msgspec.msgpack.encode(
        _Agent(
            format=FORMAT,
            strong=state.strong,
            turn=state.turn,
            strong_turns=state.strong_turns,
            request_mark=state.request_mark,
            backend=state.backend,
            tokens=state.tokens,
            seen=state.seen,
            user_seen=state.user_seen,
            edits=state.edits,
            swapped=state.swapped,
            gates=state.gates,
            gate_backend=state.gate_backend,
            gate_user_turns=state.gate_user_turns,
        )
    )


def decode_agent(value: bytes | None) -> AgentState | None:
    """None where there is none that this version reads."""
    read = _decoded(_AGENT, value)
    if read is None:
        return None
    return AgentState(
        strong=read.strong,
        turn=read.turn,
        strong_turns=read.strong_turns,
        request_mark=read.request_mark,
        backend=BackendId(read.backend),
        tokens=read.tokens,
        seen=read.seen,
        user_seen=read.user_seen,
        edits=read.edits,
        swapped=read.swapped,
        gates=read.gates,
        gate_backend=BackendId(read.gate_backend),
        gate_user_turns=read.gate_user_turns,
    )


def encode_pins(pins: tuple[str, ...], headers: Headers) -> bytes:
    """A session's pins and headers; a header may hold any bytes."""
    return msgspec.msgpack.encode(_Pins(FORMAT, pins, tuple(map(_storable, headers))))


def decode_pins(value: bytes | None) -> tuple[tuple[str, ...], Headers]:
    """Empty where there are none that this version reads."""
    read = _decoded(_PINS, value)
    return ((), ()) if read is None else (read.pins, read.headers)


def _storable(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    return name, value.encode("utf-8", "replace").decode()


def _decoded(decoder: msgspec.msgpack.Decoder[T], value: bytes | None) -> T | None:
    if value is None or len(value) > MAX_BYTES:
        return None
    try:
        read = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if read.format == FORMAT else None
