"""Supervises child processes: starts them, restarts them with a growing delay, stops them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence

import aiohttp

from weir_cli.local.programs import Program

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_SETTLED = 30.0  # seconds alive after which a death counts as the first again
_STANDARD_ERROR = 2

Say = Callable[[str], None]


class EndedBeforeReady(Exception):
    """A program ended before it had ever been ready: starting it again would not help."""

    def __init__(self, program: str, status: int) -> None:
        super().__init__(f"The {program} ended with status {status} before it was ready.")


class Child:
    """One supervised program."""

    def __init__(self, program: Program, say: Say) -> None:
        self.program = program
        self.restarts = 0
        self._say = say
        self._proven = False
        self._stop = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The running process, if one runs."""
        return None if self._process is None else self._process.pid

    def mark_ready(self) -> None:
        """It has been ready: from now on it is restarted when it ends."""
        self._proven = True

    async def supervise(self) -> None:
        """Run it until stop(). Raises Ended when it ends before it was proven."""
        wait = _FIRST_WAIT
        while not self._stop.is_set():
            began = asyncio.get_running_loop().time()
            status = await self._run()
            if self._stop.is_set():
                return
            if not self._proven:
                raise EndedBeforeReady(self.program.name, status)
            if asyncio.get_running_loop().time() - began > _SETTLED:
                wait = _FIRST_WAIT
            self._say(f"the {self.program.name} {_death(status)}; starting it again in {wait:g} s")
            await self._pause(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            self.restarts += 1

    async def stop(self, within: float) -> None:
        """SIGTERM, and SIGKILL when it has not ended `within` seconds."""
        self._stop.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(within):
                await process.wait()
        except TimeoutError:
            self._say(f"the {self.program.name} did not end in {within:g} s and was killed")
            process.kill()
            await process.wait()

    async def _run(self) -> int:
        # A session of its own: Ctrl-C reaches `weir` alone, which stops the others in order.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "weir_cli.local.child",
            self.program.module,
            *self.program.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL if self.program.quiet else _STANDARD_ERROR,
            env={**os.environ, **self.program.environment},
            start_new_session=True,
        )
        if self._stop.is_set():  # asked while it was being started
            self._process.terminate()
        try:
            return await self._process.wait()
        except asyncio.CancelledError:
            await self.stop(_LONGEST_WAIT)
            raise

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


def _death(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


_BETWEEN = 0.05  # seconds from one question to the next
_PATIENCE = 2.0  # seconds that one answer may take


class NotReady(Exception):
    """A program was not ready in time; the message has the last answer of its probe."""


async def wait_ready(probes: Sequence[str], within: float) -> None:
    """Return once every probe, a URL, answers 200. Raises NotReady after `within` seconds."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for probe in probes:
            await _wait(session, probe, within)


async def _wait(session: aiohttp.ClientSession, probe: str, within: float) -> None:
    reason = "it never answered"
    try:
        async with asyncio.timeout(within):
            while (answer := await _ask(session, probe)) is not None:
                reason = answer or reason
                await asyncio.sleep(_BETWEEN)
    except TimeoutError as late:
        raise NotReady(f"Not ready after {within:g} s ({probe}): {reason}") from late


async def _ask(session: aiohttp.ClientSession, probe: str) -> str | None:
    """None when ready, else why not; empty when there is no answer at all."""
    try:
        async with session.get(probe) as answer:
            return None if answer.ok else (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError):
        return ""
