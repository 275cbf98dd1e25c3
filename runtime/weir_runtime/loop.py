"""Run a program's main coroutine on uvloop until it ends or a signal asks it to stop.

Knows nothing of what the program does.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable

from uvloop import new_event_loop

Main = Callable[[asyncio.Event], Awaitable[int]]


def run(main: Main) -> int:
    """Run `main(stop)` and return its exit status.

    `stop` is set by the first SIGTERM or SIGINT: the program then drains and returns. A second
    signal has its default effect, so that an impatient operator is obeyed.
    """
    _collect_rarely()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_with_signals(main))


def _collect_rarely() -> None:
    """Spare the garbage collector what never becomes garbage: all that was imported so far.

    Walking it again and again was a seventh of the gateway's CPU; requests leave next to no
    cycles, so that looking for them after every 10,000 new objects, not 700, is often enough.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _with_signals(main: Main) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop)
    return await main(stop)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let the first SIGTERM or SIGINT set `stop` on the running loop, and replace other handlers.

    `run` does this; call it again only after a library has installed its own handlers.
    """
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop)
