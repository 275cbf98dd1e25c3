"""What a chunk of a stream costs the gateway, and what a thousand slow streams hold of its memory.

`python -m bench.streaming`. A chunk's cost is the difference between long and short streams, so
that what a request costs is not in it: passed on, and translated from Anthropic's messages to chat,
beside the bare proxy in the same rounds. Its CPU time is read from /proc, so a busy machine
distorts it less than a clock.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.load import Order, Result
from bench.processes import Cores, Running, cores, start
from bench.weir import free, wait_ready
from weir_cli.local import programs
from weir_cli.local.programs import StateFolder
from weir_operator.local import compile_paths

OUT = Path(__file__).parent / "out" / "streaming.json"
SHORT, LONG = 10, 410  # events
PACE = 0.002  # seconds between events: each is read on its own, as a model writes
SLOW_STREAMS = 1000
SLOW_EVENTS, SLOW_SECONDS = 10, 0.5  # what a stream sends, and how long it waits between
SLOW_FOR = 8.0  # seconds; about what such a stream takes
CONNECTIONS = 16
BACKEND = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: @NAME@}
spec: {protocol: @PROTOCOL@, endpoint: "@URL@", model: mock, timeouts: {total: 1h}}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: @NAME@}
spec: {match: {models: [@NAME@]}, candidates: [{backend: @NAME@}]}
---
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One way that streams go; microseconds of CPU a chunk."""

    name: str
    chunk_us: float
    request_us: float  # of a short stream, whole


@dataclass(frozen=True, slots=True)
class Way:
    """Who is asked, on which ports for short and long streams, under which names."""

    name: str
    running: tuple[Running, Running]
    ports: tuple[int, int]
    models: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stage:
    """All that runs."""

    ways: tuple[Way, ...]
    gateway: Running
    port: int
    load: Running


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.streaming", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each cell in each round")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        stage = _stage(stack, cores())
        rows = _measure(stage, arguments.rounds, arguments.seconds)
        for row in rows:
            each = f"{row.chunk_us:8.1f} us a chunk {row.request_us:10.0f} us a request"
            print(f"{row.name:28} {each}", flush=True)
        idle = stage.gateway.resident
        full = _slow(stage, "slow")
        translated = _slow(stage, "slow-translated")
    print(f"{SLOW_STREAMS} slow streams: {full:.0f} MB, translated {translated:.0f} MB")
    print(f"before them {idle:.0f} MB")
    OUT.parent.mkdir(exist_ok=True)
    memory = {"idle": idle, "slow": full, "slow_translated": translated}
    told = {"rows": [asdict(row) for row in rows], "memory_mb": memory}
    OUT.write_text(json.dumps(told, indent=2), encoding="utf-8")


def _stage(stack: ExitStack, on: Cores) -> Stage:
    short = _port(stack, ["-m", "bench.stream_upstream", str(SHORT), str(PACE)], on)
    long = _port(stack, ["-m", "bench.stream_upstream", str(LONG), str(PACE)], on)
    slow = _port(stack, ["-m", "bench.stream_upstream", str(SLOW_EVENTS), str(SLOW_SECONDS)], on)
    bare = (
        _started(stack, ["-m", "bench.bare", str(short)], on.gateway),
        _started(stack, ["-m", "bench.bare", str(long)], on.gateway),
    )
    at = (int(bare[0].ready()), int(bare[1].ready()))
    backends = {
        "pass-short": (short, "openai"),
        "pass-long": (long, "openai"),
        "translated-short": (short, "anthropic"),
        "translated-long": (long, "anthropic"),
        "slow": (slow, "openai"),
        "slow-translated": (slow, "anthropic"),
    }
    gateway, port = _gateway(stack, backends, on)
    both = (gateway, gateway)
    ways = (
        Way("bare aiohttp proxy", bare, at, ("mock", "mock")),
        Way("weir, passed on", both, (port, port), ("pass-short", "pass-long")),
        Way("weir, translated", both, (port, port), ("translated-short", "translated-long")),
    )
    return Stage(ways, gateway, port, _started(stack, ["-m", "bench.load"], on.others))


def _gateway(
    stack: ExitStack, backends: Mapping[str, tuple[int, str]], on: Cores
) -> tuple[Running, int]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-")))
    text = "".join(
        BACKEND.replace("@NAME@", name)
        .replace("@PROTOCOL@", protocol)
        .replace("@URL@", f"http://127.0.0.1:{port}{'/v1' if protocol == 'openai' else ''}")
        for name, (port, protocol) in backends.items()
    )
    (folder / "policies.yaml").write_text(text, encoding="utf-8")
    compiled = compile_paths([folder / "policies.yaml"])
    if compiled.mistakes:
        raise SystemExit("\n".join(map(str, compiled.mistakes)))
    state = StateFolder(folder)
    state.write(compiled.table_json, b"[]")
    at, admin = free(), free()
    program = programs.gateway(state=state, listen=at, admin=admin)
    # Nobody scores here: every policy has one candidate.
    environment = {**program.environment, "WEIR_LOG_LEVEL": "error"}
    running = _started(stack, ["-m", program.module], on.gateway, environment)
    wait_ready(admin)
    return running, at.port


def _measure(stage: Stage, rounds: int, seconds: float) -> list[Row]:
    found: dict[str, list[tuple[float, float]]] = {way.name: [] for way in stage.ways}
    for number in range(rounds + 1):  # the first round warms up and does not count
        for way in stage.ways:
            print(f"\rround {number}/{rounds} {way.name:30}", end="", file=sys.stderr)
            short, long = (_cpu_us(stage, way, index, seconds) for index in (0, 1))
            if number:
                found[way.name].append(((long - short) / (LONG - SHORT), short))
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return [
        Row(name, median(chunk for chunk, _ in each), median(request for _, request in each))
        for name, each in found.items()
    ]


def _cpu_us(stage: Stage, way: Way, index: int, seconds: float) -> float:
    running = way.running[index]
    before = running.cpu
    result = _drive(
        stage.load, Order(way.ports[index], CONNECTIONS, seconds, way.models[index], stream=True)
    )
    if result.errors or not result.requests:
        raise SystemExit(f"{way.name}: {result.errors} errors, first: {result.first_error}")
    return 1e6 * (running.cpu - before) / result.requests


def _slow(stage: Stage, model: str) -> float:
    """The most memory that the gateway held while all slow streams were on their way."""
    _send(stage.load, Order(stage.port, SLOW_STREAMS, SLOW_FOR, model, stream=True))
    ends = time.monotonic() + SLOW_FOR
    most = 0.0
    while time.monotonic() < ends:
        most = max(most, stage.gateway.resident)
        time.sleep(0.2)
    result = _received(stage.load)
    if result.errors or result.requests < SLOW_STREAMS:
        raise SystemExit(f"{model}: {result.requests} answers, {result.first_error}")
    return most


def _drive(load: Running, order: Order) -> Result:
    _send(load, order)
    return _received(load)


def _send(load: Running, order: Order) -> None:
    if load.process.stdin is None:
        raise TypeError("started with its stdin piped")
    load.process.stdin.write(json.dumps(asdict(order)) + "\n")
    load.process.stdin.flush()


def _received(load: Running) -> Result:
    if load.process.stdout is None:
        raise TypeError("started with its stdout piped")
    return Result(**json.loads(load.process.stdout.readline()))


def _started(
    stack: ExitStack,
    arguments: list[str],
    on: frozenset[int],
    environment: Mapping[str, str] | None = None,
) -> Running:
    running = start(arguments, on, environment)
    stack.callback(running.stop)
    return running


def _port(stack: ExitStack, arguments: list[str], on: Cores) -> int:
    return int(_started(stack, arguments, on.others).ready())


if __name__ == "__main__":
    main()
