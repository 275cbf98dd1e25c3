"""The gateway bench's table, and the sentences that say whether the aims are met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.processes import Cores


@dataclass(frozen=True, slots=True)
class Line:
    """One cell: medians over the rounds."""

    name: str
    stream: bool
    connections: int
    rate: float  # requests per second
    ratio: float  # to the bare proxy's rate in the same round
    p50_ms: float
    p99_ms: float
    added_to_bare_p50_ms: float
    added_to_bare_p99_ms: float
    added_to_bare_first_ms: float  # a stream's first byte
    added_to_direct_p50_ms: float
    cpu_ms: float  # of the proxy, per request
    cpu_ratio: float  # the bare proxy's CPU time over this one's: what "of bare" is on an idle core


def print_report(lines: Sequence[Line], memory: Mapping[str, float], on: Cores) -> None:
    """Print everything for a person."""
    console = Console(width=None if Console().is_terminal else 140)
    for stream in (False, True):
        console.print(_table([line for line in lines if line.stream is stream], stream=stream))
    told = ", ".join(f"{name} {mb:.0f} MB" for name, mb in memory.items())
    shared = " (shared: this machine has one)" if on.gateway == on.others else ""
    console.print(f"resident: {told}; the proxy has one core{shared}, all others the rest")
    for sentence in alone(lines):
        console.print(sentence)


def alone(lines: Sequence[Line]) -> list[str]:
    """What one request alone has added to it, in words."""
    single = [line for line in lines if line.connections == 1 and "weir" in line.name]
    return [
        f"one {'stream' if line.stream else 'request'} alone, {line.name}: "
        f"{line.added_to_bare_p50_ms:+.2f} ms to the bare proxy, "
        f"{line.added_to_direct_p50_ms:+.2f} ms to no proxy"
        for line in single
    ]


def _table(lines: Sequence[Line], *, stream: bool) -> Table:
    title = "streams of 19 events" if stream else "JSON answers"
    table = Table(title=title, title_justify="left")
    for heading in ("", "connections"):
        table.add_column(heading)
    # "by CPU" hardly moves with what else the machine does; "of bare" does.
    headings = [
        "requests/s",
        "of bare",
        "p50 ms",
        "p99 ms",
        "added p50",
        "added p99",
        "CPU ms",
        "by CPU",
    ]
    if stream:
        headings.append("added first byte")
    for heading in headings:
        table.add_column(heading, justify="right")
    for before, line in zip([None, *lines], lines, strict=False):
        if before is not None and before.connections != line.connections:
            table.add_section()
        table.add_row(*_cells(line, stream=stream))
    return table


def _cells(line: Line, *, stream: bool) -> list[str]:
    cells = [
        line.name,
        str(line.connections),
        f"{line.rate:,.0f}",
        f"{line.ratio:.2f}",
        f"{line.p50_ms:.2f}",
        f"{line.p99_ms:.2f}",
        f"{line.added_to_bare_p50_ms:+.2f}",
        f"{line.added_to_bare_p99_ms:+.2f}",
        f"{line.cpu_ms:.3f}" if line.cpu_ms else "",
        f"{line.cpu_ratio:.2f}" if line.cpu_ms else "",
    ]
    return [*cells, f"{line.added_to_bare_first_ms:+.2f}"] if stream else cells
