"""Our own programs as real processes: started, waited for, looked at through /proc, ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.bundles import ROOT, default_bundle

QUICKSTART = ROOT / "examples" / "quickstart"
QUICKSTART_UPSTREAM = "http://127.0.0.1:8090"
STOP_SECONDS = 60.0
# No collector runs in a test unless it says so.
QUIET = {"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "none"}


@dataclass
class Program:
    """A running `weir` command; `log` is where its stderr goes."""

    process: subprocess.Popen[str]
    log: Path
    url: str = ""

    def wait_ready(self) -> None:
        """Read stdout up to `ready URL`; fails with the log when it ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.url = line.removeprefix("ready ").strip()
                return
        raise AssertionError(f"ended with {self.process.wait()}:\n{self.said}")

    @property
    def said(self) -> str:
        """Everything on stderr so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def child(self, module: str) -> int:
        """The pid of the child that runs `module`."""
        return next(pid for pid, command in _children(self.process.pid) if module in command)

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end; gives the exit code."""
        return self.process.wait(STOP_SECONDS)


def _own_ledger(log: Path) -> dict[str, str]:
    """A test's requests don't belong in the ledger of whoever runs it, nor in what was spent."""
    return {
        "WEIR_LEDGER": str(log.with_name("ledger.db")),
        "WEIR_BATCHES": str(log.with_name("batches")),
        "WEIR_SPEND": str(log.with_name("spend.db")),
    }


@contextmanager
def weir(
    *arguments: str, log: Path, environment: Mapping[str, str] | None = None
) -> Generator[Program]:
    """Run a `weir` command that serves, from ready to its end by SIGTERM."""
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "weir_cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **QUIET, **_own_ledger(log), **(environment or {})},
        )
    program = Program(process, log)
    try:
        program.wait_ready()
        yield program
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def up(
    paths: Sequence[Path],
    *options: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Generator[Program]:
    """`weir up` on free ports."""
    files = [word for path in paths for word in ("-f", str(path))]
    ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    bundle = ["--bundle", str(default_bundle())]
    with weir("up", *files, *ports, *bundle, *options, log=log, environment=environment) as running:
        yield running


def stand_in(*options: str, log: Path) -> AbstractContextManager[Program]:
    """`weir stand-in` on a free port."""
    return weir("stand-in", "--listen", "127.0.0.1:0", *options, log=log)


def quickstart(upstream: str, into: Path) -> Path:
    """A copy of the quickstart whose models are at `upstream`."""
    into.mkdir(parents=True, exist_ok=True)
    for file in QUICKSTART.glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace(QUICKSTART_UPSTREAM, upstream)
        (into / file.name).write_text(text, encoding="utf-8")
    return into


def resident_mb(pid: int) -> float:
    """Resident memory in MB (10**6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"no VmRSS for {pid}")


def _children(parent: int) -> Generator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            after_name = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2]
            command = (folder / "cmdline").read_text(encoding="utf-8")
        except OSError:  # it ended while we looked
            continue
        if int(after_name.split()[1]) == parent:
            yield int(folder.name), command
