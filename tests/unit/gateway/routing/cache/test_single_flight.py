"""One of many goes first, and what becomes of those who wait."""

import asyncio

from weir_gateway.domain.cache import CachedResponse
from weir_gateway.routing.cache.single_flight import Flights
from weir_policy.ids import BackendId
from weir_wires.content import Usage

KEY = b"key"
ANSWER = CachedResponse(BackendId("shop/weak"), (), b"{}", Usage(1, 1))


async def followers(flights: Flights, count: int) -> "list[asyncio.Task[CachedResponse | None]]":
    tasks = [asyncio.create_task(flights.join(KEY), name=f"follower {n}") for n in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_nobody_is_waited_for_where_nobody_is_under_way() -> None:
    flights = Flights(wait=5)
    assert await flights.join(KEY) is None


async def test_those_who_wait_get_the_answer_and_the_flight_is_over() -> None:
    flights = Flights(wait=5)
    flight = flights.start(KEY)
    assert flights.start(KEY) is None
    waiting = await followers(flights, 3)
    flights.resolve(KEY, flight, ANSWER)
    assert [await task for task in waiting] == [ANSWER] * 3
    assert len(flights) == 0


async def test_a_leader_that_fails_is_followed_by_one_and_then_by_all() -> None:
    flights = Flights(wait=5)
    led: list[int] = []

    async def one(number: int) -> None:
        assert await flights.join(KEY) is None
        flight = flights.start(KEY)
        if flight is not None:
            led.append(number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            flights.resolve(KEY, flight, None)

    flight = flights.start(KEY)
    tasks = [asyncio.create_task(one(number), name=f"{number}") for number in range(5)]
    await asyncio.sleep(0)
    flights.resolve(KEY, flight, None)
    await asyncio.gather(*tasks)
    assert led[0] == 0
    assert len(flights) == 0


async def test_waiting_ends_with_its_time_and_one_who_leaves_takes_nobody_along() -> None:
    flights = Flights(wait=0.01)
    flight = flights.start(KEY)
    assert await flights.join(KEY) is None
    patient = Flights(wait=5)
    flight = patient.start(KEY)
    gone, stays = await followers(patient, 2)
    gone.cancel()
    await asyncio.sleep(0)
    patient.resolve(KEY, flight, ANSWER)
    assert await stays == ANSWER


async def test_a_flight_that_was_never_led_lands_nowhere() -> None:
    flights = Flights(wait=5)
    flight = flights.start(KEY)
    flights.resolve(KEY, None, ANSWER)
    assert len(flights) == 1
    flights.resolve(KEY, flight, None)
