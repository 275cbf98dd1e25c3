"""The batcher's small parts: the worker thread, the tokeniser's queue, the bound."""

import asyncio
import threading
from functools import partial

import pytest

from weir_scorer.batching.calls import BatchKey, Call
from weir_scorer.batching.errors import QueueFull
from weir_scorer.batching.limits import AdmissionLimit
from weir_scorer.batching.queues import TextQueue
from weir_scorer.batching.worker import Worker


async def test_a_worker_works_in_order_on_its_own_thread() -> None:
    worker = Worker("test-worker")
    await asyncio.to_thread(worker.start)
    done: list[int] = []

    def job(number: int) -> str:
        done.append(number)
        return threading.current_thread().name

    jobs = [worker.submit(partial(job, number)) for number in range(5)]
    assert set(await asyncio.gather(*jobs)) == {"test-worker"}
    assert done == [0, 1, 2, 3, 4]
    assert await asyncio.to_thread(worker.close, 5.0)


async def test_a_workers_error_reaches_who_awaits_and_it_goes_on() -> None:
    worker = Worker("test-worker")
    await asyncio.to_thread(worker.start)
    with pytest.raises(ZeroDivisionError):
        await worker.submit(lambda: 1 // 0)
    assert await worker.submit(lambda: 42) == 42
    assert await asyncio.to_thread(worker.close, 5.0)


async def test_a_stuck_worker_is_left_behind() -> None:
    worker, gate = Worker("test-worker"), threading.Event()
    await asyncio.to_thread(worker.start)
    job = worker.submit(gate.wait)
    job.cancel()
    assert not await asyncio.to_thread(worker.close, 0.01)
    gate.set()
    assert await asyncio.to_thread(worker.close, 5.0)


async def test_closing_a_worker_that_never_started_is_fine() -> None:
    assert await asyncio.to_thread(Worker("test-worker").close, 0.0)


def call(*texts: str, batch_key: str = "linear") -> Call:
    future = asyncio.get_running_loop().create_future()
    return Call(texts, BatchKey(batch_key), 1e9, future, None)


async def test_calls_take_turns_at_the_tokeniser() -> None:
    queue = TextQueue()
    large, small = call(*"abcde"), call("x")
    queue.put(large)
    queue.put(small)
    assert [list(part.texts) for part in queue.take(3)] == [["a", "b", "c"]]
    assert [list(part.texts) for part in queue.take(3)] == [["x"], ["d", "e"]]
    assert not queue
    assert queue.take(3) == []


async def test_a_slice_is_of_one_lane() -> None:
    queue = TextQueue()
    for each in (call("a"), call("b", batch_key="knn"), call("c")):
        queue.put(each)
    assert [list(part.texts) for part in queue.take(9)] == [["a"]]
    assert [list(part.texts) for part in queue.take(9)] == [["b"]]
    assert [list(part.texts) for part in queue.take(9)] == [["c"]]


async def test_a_discarded_call_is_not_prepared_further() -> None:
    queue = TextQueue()
    gone = call(*"abc")
    queue.put(gone)
    queue.take(1)
    queue.discard(gone)
    queue.discard(gone)
    assert not queue


def test_the_bound_is_exact() -> None:
    admission = AdmissionLimit(3)
    admission.admit(2)
    with pytest.raises(QueueFull):
        admission.admit(2)
    admission.admit(1)
    admission.release(3)
    assert admission.waiting == 0
    with pytest.raises(ValueError, match="at least one"):
        AdmissionLimit(0)
