"""Calls at once and calls a minute, held over all runs of a process."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from ensemble.models.pacing import MINUTE_S, Minute, Pace, turn_at
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, ModelCall

CALL = ModelCall("a/solo#0/model#0", (HumanMessage("Is it sound?"),))


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def most_at_once(providers: list[str], policy: Policy) -> int:
    most, now = 0, 0

    async def one(provider: str) -> None:
        nonlocal most, now
        candidate = Candidate("m", provider, "m", available=True, reason="")
        async with turn_at(candidate, CALL, policy):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1

    await asyncio.gather(*map(one, providers))
    return most


async def test_no_more_calls_go_at_once_than_all_providers_together_may() -> None:
    assert await most_at_once(["a", "b", "c"] * 5, Policy(at_once_in_all=4)) == 4


async def test_one_providers_places_are_its_own() -> None:
    assert await most_at_once(["a"] * 9, Policy(at_once={"a": 2})) == 2


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 80)), min_size=1, max_size=30),
    st.integers(1, 5),
)
def test_no_minute_holds_more_than_its_pace(calls: list[tuple[float, int]], most: int) -> None:
    clock = Clock()
    minute = Minute(Pace(requests=most, tokens=100), clock)
    taken: list[tuple[float, int]] = []

    for after_s, tokens in calls:
        clock.now += after_s
        while (wait_s := minute.wait_s(tokens)) > 0:
            clock.now += wait_s + 1e-6
        asyncio.run(minute.take(tokens))
        taken.append((clock.now, tokens))

    for begun, _ in taken:
        within = [tokens for at, tokens in taken if begun <= at < begun + MINUTE_S]
        assert len(within) <= most
        assert sum(within) <= 100


@pytest.mark.parametrize("pace", [Pace(), Pace(requests=1), Pace(tokens=10)])
def test_the_first_call_never_waits_however_large_it_is(pace: Pace) -> None:
    assert Minute(pace, Clock()).wait_s(5000) == 0
