"""Weir's gateway beside a bare aiohttp proxy, in one run: `python -m bench.gateway`.

Every subject has the same core, the same upstream without delay, the same load generator. Rounds
are interleaved and the median of each cell is told, since a busy machine slows all of them by
turns. Figures of different runs don't compare; the ratios to the bare proxy do.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench import envoy
from bench.litellm import installed, litellm
from bench.load import Order, Result
from bench.processes import Cores, Running, cores, start
from bench.report import Line, print_report
from bench.weir import Weir, weir

OUT = Path(__file__).parent / "out" / "gateway.json"
CONNECTIONS = (1, 32, 128)
WARM_PROMPTS = 64


@dataclass(frozen=True, slots=True)
class Together:
    """Processes that serve a request together."""

    parts: tuple[Running, ...]

    @property
    def cpu(self) -> float:
        """CPU seconds of all of them."""
        return sum(part.cpu for part in self.parts)


@dataclass(frozen=True, slots=True)
class Subject:
    """One row of the table: who is asked, and with which prompts."""

    name: str
    port: int
    model: str
    running: "Running | Together | None"  # None: the upstream itself, asked directly
    prompts: int = 0  # distinct ones; 0: every prompt is new


@dataclass(frozen=True, slots=True)
class Cell:
    """One subject under one load."""

    subject: Subject
    stream: bool
    connections: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one cell."""

    result: Result
    cpu_ms: float  # of the subject, per request

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.result.requests / self.result.seconds


@dataclass(slots=True)
class Bench:
    """The running processes and what was measured of them."""

    load: Running
    rounds: dict[Cell, list[Measured]] = field(default_factory=dict["Cell", "list[Measured]"])
    seed: int = 0

    def measure(self, cell: Cell, seconds: float) -> None:
        """Drive one cell once."""
        self.seed += 1
        subject = cell.subject
        order = Order(
            port=subject.port,
            connections=cell.connections,
            seconds=seconds,
            model=subject.model,
            stream=cell.stream,
            prompts=subject.prompts,
            seed=0 if subject.prompts else self.seed,
        )
        before = subject.running.cpu if subject.running else 0.0
        result = _drive(self.load, order)
        spent = (subject.running.cpu - before) if subject.running else 0.0
        if result.errors:
            raise SystemExit(f"{subject.name}: {result.errors} errors, first: {result.first_error}")
        cpu_ms = 1e3 * spent / max(result.requests, 1)
        self.rounds.setdefault(cell, []).append(Measured(result, cpu_ms))


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--quick", action="store_true", help="one short round, as a smoke test")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each cell in each round")
    arguments = parser.parse_args()
    rounds, seconds = (1, 0.3) if arguments.quick else (arguments.rounds, arguments.seconds)
    if not (arguments.bundle / "bundle.json").is_file():
        sys.exit(f"no bundle in {arguments.bundle}: weir bundle build --out {arguments.bundle}")
    with ExitStack() as stack:
        _run(stack, arguments.bundle, rounds, seconds)


def _run(stack: ExitStack, bundle: Path, rounds: int, seconds: float) -> None:
    on = cores()
    upstream = _started(stack, ["-m", "bench.upstream", "0"], on.others)
    port = int(upstream.ready())
    bare = _started(stack, ["-m", "bench.bare", str(port)], on.gateway)
    bare_port = int(bare.ready())
    ours = stack.enter_context(weir(bundle, port, on))
    subjects = [
        Subject("upstream, no proxy", port, "mock", None, WARM_PROMPTS),
        Subject("bare aiohttp proxy", bare_port, "mock", bare, WARM_PROMPTS),
        Subject("weir linear, cached", ours.port, "linear", ours.gateway, WARM_PROMPTS),
        Subject("weir random, over the hop", ours.port, "random", ours.gateway),
        Subject("weir linear, uncached", ours.port, "linear", ours.gateway),
        *_envoy(stack, port, on, ours),
        *_litellm(stack, port, on),
    ]
    bench = Bench(_started(stack, ["-m", "bench.load"], on.others))
    cells = list(_cells(subjects))
    for number in range(rounds + 1):  # the first round warms up and does not count
        for cell in cells:
            print(f"\rround {number}/{rounds} {cell.subject.name:30}", end="", file=sys.stderr)
            bench.measure(cell, seconds if number else seconds / 3)
        if number == 0:
            bench.rounds.clear()
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    memory = {
        "gateway": ours.gateway.resident,
        "scorer": ours.scorer.resident,
        "bare": bare.resident,
    }
    lines = [_line(bench, cell, cells) for cell in cells]
    print_report(lines, memory, on)
    OUT.parent.mkdir(exist_ok=True)
    told = {"memory_mb": memory, "rounds": rounds, "seconds": seconds}
    OUT.write_text(json.dumps({**told, "cells": [asdict(line) for line in lines]}, indent=2))
    print(f"written to {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}")


def _started(stack: ExitStack, arguments: list[str], on: frozenset[int]) -> Running:
    running = start(arguments, on)
    stack.callback(running.stop)
    return running


def _envoy(stack: ExitStack, upstream: int, on: Cores, ours: Weir) -> Iterator[Subject]:
    """Envoy alone, and with Weir's decision: on the same core, as the gateway."""
    binary = envoy.installed()
    if binary is None:
        print("Envoy is not installed here: its rows are left out", file=sys.stderr)
        return
    running, port = stack.enter_context(envoy.envoy(binary, upstream, on.gateway))
    yield Subject("Envoy alone", port, "linear", running, WARM_PROMPTS)
    for name, modes in (("decides", envoy.DECIDES), ("decides, counts", envoy.COUNTS)):
        running, port = stack.enter_context(
            envoy.envoy(binary, upstream, on.gateway, weir=ours.extproc, modes=modes)
        )
        both = Together((running, ours.gateway))
        yield Subject(f"Envoy, Weir {name}", port, "linear", both, WARM_PROMPTS)


def _litellm(stack: ExitStack, upstream: int, on: Cores) -> Iterator[Subject]:
    command = installed()
    if command is None:
        print("LiteLLM is not installed here: its rows are left out", file=sys.stderr)
        return
    running, port = stack.enter_context(litellm(command, upstream, on.gateway))
    yield Subject("LiteLLM proxy", port, "litellm", running, WARM_PROMPTS)


def _cells(subjects: list[Subject]) -> Iterator[Cell]:
    for stream in (False, True):
        for connections in CONNECTIONS:
            for subject in subjects:
                yield Cell(subject, stream, connections)


def _drive(load: Running, order: Order) -> Result:
    stdin, stdout = load.process.stdin, load.process.stdout
    if stdin is None or stdout is None:
        raise TypeError("started with both piped")
    stdin.write(json.dumps(asdict(order)) + "\n")
    stdin.flush()
    return Result(**json.loads(stdout.readline()))


def _line(bench: Bench, cell: Cell, cells: list[Cell]) -> Line:
    """The medians of one cell, and what it adds to the bare proxy's and to no proxy at all."""
    here = bench.rounds[cell]
    direct, bare = (bench.rounds[_beside(cell, cells, index)] for index in (0, 1))
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(here, bare, strict=True)]
    return Line(
        name=cell.subject.name,
        stream=cell.stream,
        connections=cell.connections,
        rate=median(each.rate for each in here),
        ratio=median(ratios),
        p50_ms=median(each.result.p50 for each in here),
        p99_ms=median(each.result.p99 for each in here),
        added_to_bare_p50_ms=_added(here, bare, "p50"),
        added_to_bare_p99_ms=_added(here, bare, "p99"),
        added_to_bare_first_ms=_added(here, bare, "first_p50"),
        added_to_direct_p50_ms=_added(here, direct, "p50"),
        cpu_ms=(cpu_ms := median(each.cpu_ms for each in here)),
        cpu_ratio=median(each.cpu_ms for each in bare) / cpu_ms if cpu_ms else 0.0,
    )


def _beside(cell: Cell, cells: list[Cell], subject: int) -> Cell:
    """The cell of another subject under the same load."""
    same = [c for c in cells if (c.stream, c.connections) == (cell.stream, cell.connections)]
    return same[subject]


def _added(ours: list[Measured], theirs: list[Measured], what: str) -> float:
    """The median over the rounds of the difference within each round."""
    return median(
        getattr(mine.result, what) - getattr(other.result, what)
        for mine, other in zip(ours, theirs, strict=True)
    )


if __name__ == "__main__":
    main()
