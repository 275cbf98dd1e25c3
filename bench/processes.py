"""Processes of a bench: started, pinned to cores, their CPU time and memory read from /proc."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TICK = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the gateway under test has to itself, and which all others share."""

    gateway: frozenset[int]
    others: frozenset[int]


def cores() -> Cores:
    """The first usable core for the gateway, the rest for the others; one core serves both."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(usable[:1]), frozenset(usable[1:] or usable))


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """One started process."""

    process: subprocess.Popen[str]

    @property
    def cpu(self) -> float:
        """CPU seconds so far, its threads' included."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    @property
    def resident(self) -> float:
        """Resident memory in MB (10**6 bytes)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024 / 1e6

    def ready(self, said: str = "ready ") -> str:
        """Wait for the line that begins with `said` on stdout; gives the rest of it."""
        for line in _lines(self.process.stdout):
            if line.startswith(said):
                return line.removeprefix(said).strip()
        raise SystemExit(f"{self.process.args!r} ended before it was ready")

    def stop(self) -> None:
        """Ask it to end, and see to it that it does."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    arguments: Sequence[str], on: frozenset[int], environment: Mapping[str, str] | None = None
) -> Running:
    """Start `python arguments…` on the cores `on`."""
    return spawn([sys.executable, *arguments], on, environment)


def spawn(
    command: Sequence[str], on: frozenset[int], environment: Mapping[str, str] | None = None
) -> Running:
    """Start a command on the cores `on`."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    # The child is still in its interpreter's start-up: no thread of its own exists yet.
    os.sched_setaffinity(process.pid, on)
    return Running(process)


def _lines(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise TypeError("started with its stdout piped")
    return stream
