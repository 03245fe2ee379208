import asyncio

import pytest

from limner.llm.pace import Pace


class Work:
    """Turns that note how many of them are under way."""

    def __init__(self, pace):
        self.pace, self.now, self.most, self.gate = pace, 0, 0, None

    async def turn(self, *, too_fast=False, seconds=0.001):
        async with self.pace.turn() as began:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(seconds)
            if too_fast:
                began.too_fast()
            self.now -= 1


def test_no_more_turns_are_under_way_than_the_cap():
    async def many():
        await asyncio.gather(*(work.turn() for _ in range(20)))

    work = Work(Pace(3))
    asyncio.run(many())
    assert work.most == 3


def test_a_burst_that_is_refused_halves_the_cap_once():
    async def burst():
        await asyncio.gather(*(work.turn(too_fast=True) for _ in range(8)))

    work = Work(Pace(8))
    asyncio.run(burst())
    assert work.pace.cap == 4
    asyncio.run(burst())
    assert 1 <= work.pace.cap <= 2


def test_the_cap_never_falls_below_one_and_comes_back():
    async def slowed():
        for _ in range(10):
            await work.turn(too_fast=True)
        low = work.pace.cap
        for _ in range(40):
            await work.turn()
        return low

    work = Work(Pace(4))
    assert asyncio.run(slowed()) == 1
    assert work.pace.cap == 4


def test_places_are_given_back_by_turns_that_fail_or_are_cancelled():
    async def troubled():
        with pytest.raises(ZeroDivisionError):
            async with pace.turn():
                raise ZeroDivisionError
        holding = asyncio.create_task(work.turn(seconds=0.05))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(work.turn()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        holding.cancel()
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 1)

    pace = Pace(1)
    work = Work(pace)
    asyncio.run(troubled())


def test_one_pace_serves_several_event_loops_in_threads():
    async def many():
        await asyncio.gather(*(work.turn() for _ in range(10)))

    async def everywhere():
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, many()) for _ in range(3)))

    work = Work(Pace(2))
    asyncio.run(everywhere())
    assert work.now == 0
