"""Child programs of a test: started with a log file, watched while waited for, ended for sure.

Knows nothing of Kubernetes.
"""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

POLL_S = 0.05
TAIL_BYTES = 4000


class ProgramFailedError(Exception):
    """A program ended, or was not ready in time; the message holds the end of its log."""


@dataclass(slots=True)
class Program:
    """One child program that can be stopped and started again with the same arguments."""

    name: str
    command: Sequence[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; the program must have been started."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / f"{self.name}.log"

    def tail(self) -> str:
        """The end of its log."""
        data = self.log.read_bytes() if self.log.exists() else b""
        return data[-TAIL_BYTES:].decode(errors="replace")

    def start(self) -> None:
        """Start it; it dies with this process, even if that is killed."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_die_with_parent(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    def stop(self, sig: signal.Signals = signal.SIGKILL, timeout_s: float = 30.0) -> None:
        """End it and wait for that; killed outright where it does not heed `sig` in time."""
        if self.process is None:
            return
        self.process.send_signal(sig)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout_s)
        self.process = None

    def ended(self) -> bool:
        """Whether it was started and has ended by itself."""
        return self.process is not None and self.process.poll() is not None


@dataclass(slots=True)
class Programs:
    """The programs of one test rig; ended newest first."""

    folder: Path
    prefix: Sequence[str] = ()  # of every command: another network namespace, say
    by_name: dict[str, Program] = field(default_factory=dict[str, Program])

    def start(self, name: str, *command: str) -> Program:
        """Start one more program."""
        program = Program(name, (*self.prefix, *command), self.folder)
        self.by_name[name] = program
        program.start()
        return program

    def wait(self, what: str, check: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `check` holds; OSErrors count as "not yet". Raises ProgramFailedError."""
        deadline = time.monotonic() + timeout_s
        while not _holds(check):
            for program in self.by_name.values():
                if program.ended():
                    raise ProgramFailedError(f"{program.name} ended:\n{program.tail()}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {p.name}\n{p.tail()}" for p in self.by_name.values())
                raise ProgramFailedError(f"no {what} after {timeout_s} s\n{logs}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End all at once: what they hold is thrown away, so none needs a graceful end."""
        for program in reversed(self.by_name.values()):
            program.stop()


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nothing listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except OSError:  # refused, reset, TLS not up, file not written: the program is still starting
        return False


def _die_with_parent() -> list[str]:
    setpriv = shutil.which("setpriv")  # util-linux; elsewhere a killed test run leaves its children
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
