"""Calls in, scores out: merging, fairness, failure, and every text answered exactly once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.fakes_scorer import CHEAP, ENCODED, POISON, FakeEngine, score_of
from support.scorer_app import SECONDS, silent_tracing
from weir_runtime.metrics import Registry
from weir_scorer.batching.batcher import Batcher
from weir_scorer.batching.calls import BatchKey, CallResult
from weir_scorer.batching.errors import Closed, DeadlinePassed, DeviceLost, EngineFailed, QueueFull
from weir_scorer.batching.limits import AdmissionLimit, BatchLimits
from weir_scorer.telemetry import Telemetry

LINEAR, LENGTH = BatchKey(ENCODED), BatchKey(CHEAP)
LIMITS = BatchLimits(texts=8, tokens=4096, padding=0.25, in_flight=1)


@dataclass(frozen=True, slots=True)
class Rig:
    """A batcher at work over a fake engine."""

    batcher: Batcher
    engines: tuple[FakeEngine, ...]
    admission: AdmissionLimit
    registry: Registry

    @property
    def engine(self) -> FakeEngine:
        """The first of them; the only one but where two are tested."""
        return self.engines[0]

    def ask(
        self, *texts: str, batch_key: BatchKey = LINEAR, within: float = SECONDS
    ) -> asyncio.Task[CallResult]:
        """A caller, on its own task."""
        deadline = asyncio.get_running_loop().time() + within
        return asyncio.create_task(
            self.batcher.score(texts, batch_key, deadline=deadline), name="test-caller"
        )

    async def busy(self) -> asyncio.Task[CallResult]:
        """Occupy the device, until the engine is released."""
        self.engine.hold()
        first = self.ask("busy")
        await asyncio.to_thread(self.engine.wait_until_busy)
        return first

    async def gathered(self) -> None:
        """Return once all that was asked waits for the device."""
        cheap = "a cheap one, too long to pass the queue, is prepared behind them" * 100
        await self.ask(cheap, batch_key=LENGTH)

    @property
    def batches(self) -> list[list[str]]:
        """What the device got after the text that kept it busy."""
        runs = zip(self.engine.runs, self.engine.batches, strict=True)
        return [batch for (router, *_), batch in runs if router == ENCODED][1:]


@asynccontextmanager
async def rig(
    limits: BatchLimits = LIMITS, bound: int = 64, engines: int = 1
) -> AsyncGenerator[Rig]:
    fakes = tuple(FakeEngine(device=f"cpu:{number}") for number in range(engines))
    admission, registry = AdmissionLimit(bound), Registry()
    telemetry = Telemetry(registry, silent_tracing(), lambda: admission.waiting)
    batcher = Batcher(fakes, limits, admission, telemetry)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        group.create_task(batcher.serve(), name="test-batcher")
        yield Rig(batcher, fakes, admission, registry)
        for engine in fakes:
            engine.release()
        batcher.close()


async def test_what_gathered_while_the_device_was_busy_is_one_batch() -> None:
    async with rig() as it:
        first = await it.busy()
        asked = [it.ask("aa", "bb"), it.ask("cc"), it.ask("dd", "ee")]
        await it.gathered()
        it.engine.release()
        answers = await asyncio.gather(first, *asked)
        assert it.batches == [["aa", "bb", "cc", "dd", "ee"]]
        assert [len(answer.scores) for answer in answers] == [1, 2, 1, 2]


async def test_texts_of_like_length_go_together_and_the_oldest_first() -> None:
    async with rig() as it:
        await it.busy()
        asked = [it.ask("long" * 50, "s"), it.ask("t"), it.ask("gone" * 51)]
        await it.gathered()
        it.engine.release()
        await asyncio.gather(*asked)
        assert it.batches == [["long" * 50, "gone" * 51], ["s", "t"]]


async def test_only_a_full_batch_is_handed_over_ahead_of_time() -> None:
    async with rig(replace(LIMITS, texts=3, in_flight=2)) as it:
        await it.busy()
        asked = [it.ask("aa"), it.ask("bb")]
        await it.gathered()
        assert it.admission.waiting == 2  # they may still grow
        asked.append(it.ask("cc"))
        await it.gathered()
        assert it.admission.waiting == 0  # now they can't
        asked.append(it.ask("dd"))
        await it.gathered()
        it.engine.release()
        await asyncio.gather(*asked)
        assert it.batches == [["aa", "bb", "cc"], ["dd"]]


async def test_two_devices_share_the_queue() -> None:
    async with rig(engines=2) as it:
        first, second = it.engines
        for engine in it.engines:
            engine.hold()
        asked = [it.ask("a")]
        await asyncio.to_thread(first.wait_until_busy)
        asked.append(it.ask("b"))
        await asyncio.to_thread(second.wait_until_busy)
        asked.append(it.ask("c"))
        await it.gathered()
        second.release()
        assert (await asked[2]).scores == pytest.approx([score_of("c")])
        first.release()
        await asyncio.gather(*asked)


async def test_different_questions_are_different_batches() -> None:
    async with rig() as it:
        await it.busy()
        plain, rich = it.ask("aa"), it.ask("bb", batch_key=BatchKey(ENCODED, want_quality=True))
        await it.gathered()
        it.engine.release()
        assert (await plain).quality is None
        assert (await rich).quality == [pytest.approx([score_of("bb"), 1 - score_of("bb")])]
        assert it.batches == [["aa"], ["bb"]]


async def test_a_call_larger_than_a_batch_comes_back_whole_and_in_order() -> None:
    async with rig() as it:
        texts = ["x" * (n * 7 % 90 + 1) for n in range(60)]
        answer = await it.ask(*texts)
        assert answer.scores == pytest.approx([score_of(text) for text in texts])
        assert max(map(len, it.batches)) <= LIMITS.texts


async def test_a_small_call_passes_a_large_one() -> None:
    async with rig(bound=1000) as it:
        await it.busy()
        large = it.ask(*["large"] * 900)
        small = it.ask("small")
        await it.gathered()
        it.engine.release()
        await small
        assert not large.done()
        assert len((await large).scores) == 900


async def test_a_full_queue_refuses_and_takes_nothing() -> None:
    async with rig(bound=4) as it:
        await it.busy()
        waiting = it.ask("a", "b", "c")
        await it.gathered()
        with pytest.raises(QueueFull, match="3 of 4 texts wait and 2 more came"):
            await it.ask("d", "e")
        fits = it.ask("f")
        it.engine.release()
        await asyncio.gather(waiting, fits)
        assert it.admission.waiting == 0


async def test_a_passed_deadline_frees_the_queue_before_the_device_is_free() -> None:
    async with rig() as it:
        first = await it.busy()
        with pytest.raises(DeadlinePassed):
            await it.ask("late", within=0.02)
        assert it.admission.waiting == 0
        it.engine.release()
        await first
        await it.ask("next")
        assert it.batches == [["next"]]


async def test_no_time_at_all_is_refused_unqueued() -> None:
    async with rig() as it:
        with pytest.raises(DeadlinePassed):
            await it.ask("late", within=0)
        assert it.engine.prepared == []


async def test_a_cancelled_caller_takes_its_texts_along() -> None:
    async with rig() as it:
        first = await it.busy()
        gone, stays = it.ask("gone", "gone too"), it.ask("stays")
        await it.gathered()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert it.admission.waiting == 1
        it.engine.release()
        await asyncio.gather(first, stays)
        assert it.batches == [["stays"]]


async def test_a_text_that_breaks_the_engine_fails_its_own_call_only() -> None:
    async with rig() as it:
        await it.busy()
        broken, fine = it.ask(POISON), it.ask("pals")
        await it.gathered()
        it.engine.release()
        with pytest.raises(EngineFailed):
            await broken
        assert (await fine).scores == pytest.approx([score_of("pals")])
        assert len((await it.ask("next")).scores) == 1


async def test_texts_that_break_the_engine_again_and_again_are_no_lost_device() -> None:
    async with rig() as it:
        for _ in range(12):
            with pytest.raises(EngineFailed):
                await it.ask(POISON)
        assert it.engine.warm_ups == 2
        assert len((await it.ask("fine")).scores) == 1


async def test_a_device_that_fails_its_own_warm_up_is_lost() -> None:
    with pytest.RaisesGroup(pytest.RaisesGroup(pytest.RaisesExc(DeviceLost, match="cpu:0 fails"))):
        async with rig() as it:
            it.engine.lost = True
            for _ in range(5):
                with pytest.raises(EngineFailed):
                    await it.ask("text")


async def test_closing_lets_those_inside_finish_and_no_one_else_in() -> None:
    async with rig() as it:
        first = await it.busy()
        inside = it.ask("inside")
        await it.gathered()
        it.batcher.close()
        with pytest.raises(Closed):
            await it.ask("outside")
        it.engine.release()
        await asyncio.gather(first, inside)


async def test_what_was_dropped_and_why_is_counted() -> None:
    async with rig(bound=3) as it:
        await it.busy()
        waiting = it.ask("a", "b")
        with pytest.raises(QueueFull):
            await it.ask("c", "d")
        with pytest.raises(DeadlinePassed):
            await it.ask("e", within=0.01)
        waiting.cancel()
        it.engine.release()
        await asyncio.wait([waiting])
        family = it.registry.counters["weir.scorer.dropped"]
        counts = {labels[0]: cell.value for labels, cell in family.cells.items()}
        assert counts == {"shed": 2, "expired": 1, "cancelled": 2}


texts = st.lists(st.text(alphabet="ab", min_size=1, max_size=80), min_size=1, max_size=12)
callers = st.lists(
    st.tuples(
        texts,
        st.sampled_from([LINEAR, LENGTH, BatchKey(ENCODED, want_quality=True)]),
        st.sampled_from(["stays", "goes", "hurries"]),
        st.integers(0, 3),  # turns of the loop before the next one comes
    ),
    max_size=12,
)
any_limits = st.builds(
    BatchLimits,
    texts=st.integers(1, 9),
    tokens=st.integers(1, 400),
    padding=st.floats(0, 0.9),
    in_flight=st.integers(1, 3),
)


@given(callers, any_limits)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_caller_gets_one_answer_of_its_own(
    callers: list[tuple[list[str], BatchKey, str, int]], limits: BatchLimits
) -> None:
    asyncio.run(_every_caller(callers, limits))


async def _every_caller(
    callers: list[tuple[list[str], BatchKey, str, int]], limits: BatchLimits
) -> None:
    async with rig(limits, bound=40) as it:
        asked: list[asyncio.Task[CallResult]] = []
        for texts, batch_key, manner, turns in callers:
            within = 0.001 if manner == "hurries" else SECONDS
            asked.append(it.ask(*texts, batch_key=batch_key, within=within))
            for _ in range(turns):
                await asyncio.sleep(0)
            if manner == "goes":
                asked[-1].cancel()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    for (texts, _, manner, _), outcome in zip(callers, outcomes, strict=True):
        _check(texts, manner, outcome)
    assert it.admission.waiting == 0
    for (router, *_), batch in zip(it.engine.runs, it.engine.batches, strict=True):
        if router == ENCODED:
            assert len(batch) <= limits.texts
            assert len(batch) == 1 or max(map(len, batch)) * len(batch) <= limits.tokens


def _check(texts: list[str], manner: str, outcome: CallResult | BaseException) -> None:
    match outcome:
        case CallResult():
            assert outcome.scores == pytest.approx([score_of(text) for text in texts])
        case QueueFull():
            pass
        case DeadlinePassed():
            assert manner == "hurries"
        case asyncio.CancelledError():
            assert manner == "goes"
        case _:
            raise AssertionError(f"unexpected: {outcome!r}")
