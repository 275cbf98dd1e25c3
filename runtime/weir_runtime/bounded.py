"""Blocking work of libraries, off the loop and never longer than it may take.

Threads of asyncio's own pool are waited for when a loop ends; a library that retries for a quarter
of a minute would hold up the program's end. These are daemons, and are left behind.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable


async def bounded(work: Callable[[], object], within: float, name: str) -> None:
    """Run `work` on a thread of its own; raises what it raises, TimeoutError after `within` s."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - handed to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    async with asyncio.timeout(within):
        await done
