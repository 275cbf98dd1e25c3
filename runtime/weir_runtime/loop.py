"""Run a program's main coroutine on uvloop until it ends or a signal asks it to stop.

Knows nothing of what the program does.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from uvloop import new_event_loop

Main = Callable[[asyncio.Event], Awaitable[int]]


def run(main: Main) -> int:
    """Run `main(stop)` and return its exit status.

    `stop` is set by the first SIGTERM or SIGINT: the program then drains and returns. A second
    signal has its default effect, so that an impatient operator is obeyed.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_with_signals(main))


async def _with_signals(main: Main) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def ask_to_stop() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop)
    return await main(stop)
