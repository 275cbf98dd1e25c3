"""Faults, delays and scripted answers: parsed from the command line and from files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from weir_runtime.quantities import duration

_ERRORS = range(400, 600)


class Kind(StrEnum):
    """How a request fails."""

    STATUS = "status"  # an error status with the provider's error body
    CLOSE = "close"  # the connection is closed before the first byte
    BREAK = "break"  # the answer starts and the connection is closed in the middle
    HANG = "hang"  # no answer ever comes
    HTML = "html"  # a proxy's error page where JSON was due
    LOST = "lost"  # a batch is taken, and the connection closed before that is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How requests fail, how often (a share in [0,1]), and for which model ("" for all)."""

    kind: Kind
    status: int = 500
    rate: float = 1.0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds before the first byte and before each further chunk of a stream, and of a batch."""

    first: float = 0.0
    chunk: float = 0.0
    batch: float = 0.0  # how long a whole batch takes


class BadOption(ValueError):
    """The value of --fail or --delay is malformed; the message says what to write."""


def fault(order: str) -> Fault:
    """Parse `status=500,rate=0.1,model=a` or `kind=break,rate=0.5`. Raises BadOption."""
    fields = _fields(order, known=("kind", "status", "rate", "model"))
    try:
        kind = Kind(fields.get("kind", Kind.STATUS))
    except ValueError as unknown:
        raise BadOption(f"kind must be one of {', '.join(Kind)}") from unknown
    try:
        status, rate = int(fields.get("status", "500")), float(fields.get("rate", "1"))
    except ValueError as wrong:
        raise BadOption(f"status and rate must be numbers: {order!r}") from wrong
    if status not in _ERRORS:
        raise BadOption(f"status must be from 400 to 599, not {status}")
    if not 0 <= rate <= 1:
        raise BadOption(f"rate must be from 0 to 1, not {rate}")
    return Fault(kind=kind, status=status, rate=rate, model=fields.get("model", ""))


def delay(order: str) -> Delay:
    """Parse `first=200ms,chunk=20ms,batch=5s`. Raises BadOption."""
    fields = _fields(order, known=("first", "chunk", "batch"))
    return Delay(*(_seconds(fields.get(name, "0s")) for name in ("first", "chunk", "batch")))


def due(rate: float, request: int) -> bool:
    """Whether the request-th request (from 1) fails, so that of n requests rate*n do, evenly."""
    return int(rate * request) > int(rate * (request - 1))


def _fields(order: str, known: tuple[str, ...]) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for part in order.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in known:
            raise BadOption(f"{part.strip()!r} is not one of {', '.join(f'{k}=…' for k in known)}")
        fields[name] = value
    return fields


def _seconds(written: str) -> float:
    try:
        return duration(written)
    except ValueError as wrong:
        raise BadOption(f"{written!r}: write {wrong}") from wrong


Script = Mapping[tuple[str, str], str]
FIELDS = ("model", "prompt", "answer")


class BadScript(ValueError):
    """The file is no script; the message has the line and the reason."""


def read_script(path: Path) -> Script:
    """Read a script. Raises BadScript, naming the line, and OSError."""
    script: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                model, prompt, answer = _line(line, f"{path}:{number}")
                script[model, prompt] = answer
    return script


def script_line(model: str, prompt: str, answer: str) -> str:
    """One line of a script."""
    return json.dumps({"model": model, "prompt": prompt, "answer": answer}) + "\n"


def _line(text: str, where: str) -> tuple[str, str, str]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise BadScript(f"{where}: not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BadScript(f"{where}: not a JSON object")
    values = [cast("dict[str, object]", parsed).get(name) for name in FIELDS]
    if not all(isinstance(value, str) for value in values):
        raise BadScript(f"{where}: needs the texts {', '.join(FIELDS)}")
    model, prompt, answer = cast("list[str]", values)
    return model, prompt, answer
