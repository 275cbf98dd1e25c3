"""Blocking work has its limit, and its errors arrive."""

import threading

import pytest

from weir_runtime.tasks import run_with_timeout


async def test_work_is_done_and_its_error_arrives() -> None:
    seen: list[str] = []
    await run_with_timeout(lambda: seen.append(threading.current_thread().name), 10, "worker")
    assert seen == ["worker"]
    with pytest.raises(ZeroDivisionError):
        await run_with_timeout(lambda: 1 / 0, 10, "worker")


async def test_work_that_takes_too_long_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        await run_with_timeout(release.wait, 0.01, "worker")
    release.set()
