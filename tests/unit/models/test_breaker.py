"""When a model is left alone, and when it is asked again."""

import asyncio

import pytest
from langchain_core.messages import HumanMessage

from ensemble.journal.run_journal import Journal
from ensemble.models.breaker import Breaker, Breakers
from ensemble.models.chain import Answered, ask
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
)
from ensemble.models.scripted import scripted

DEAD = Candidate("dead", "dead", "m", available=True, reason="")
GOOD = Candidate("good", "good", "m", available=True, reason="")


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def fails(breaker: Breaker, kind: Failure = Failure.TRANSPORT) -> None:
    with pytest.raises(ModelFailure):
        async with breaker.passage():
            raise ModelFailure(kind, "refused")


async def answers(breaker: Breaker) -> None:
    async with breaker.passage():
        pass


async def broken(clock: Clock, times: int = 3) -> Breaker:
    breaker = Breaker(clock=clock)
    for _ in range(times):
        await fails(breaker)
    return breaker


def counting(counts: list[str], failure: ModelFailure | None) -> Provider:
    async def provider(candidate: Candidate, call: ModelCall) -> Reply:
        counts.append(candidate.provider)
        await asyncio.sleep(0.001)
        if failure is not None:
            raise failure
        return Reply("Sound.", served=f"{candidate.provider}/m")

    return provider


async def walk(
    place: int,
    providers: dict[str, Provider],
    policy: Policy,
    journal: Journal | None = None,
    chain: tuple[Candidate, ...] = (DEAD, GOOD),
) -> Answered:
    call = ModelCall(f"panel[{place}]/x#0/model#0", (HumanMessage("Is it sound?"),))
    recorder = journal or Journal("r")
    return await ask(chain, call, recorder=recorder, providers=providers, policy=policy)


async def test_three_failures_in_a_row_open_it() -> None:
    breaker = await broken(Clock(), times=2)
    opened_before = breaker.is_open

    await fails(breaker)

    assert (opened_before, breaker.is_open) == (False, True)


async def test_an_answer_starts_the_count_again() -> None:
    breaker = await broken(Clock(), times=2)

    await answers(breaker)
    await fails(breaker)

    assert not breaker.is_open


@pytest.mark.parametrize(
    "kind", [Failure.RATE_LIMIT, Failure.CONTEXT, Failure.BAD_REQUEST, Failure.CONTENT_FILTER]
)
async def test_a_server_that_speaks_to_the_point_is_not_dead(kind: Failure) -> None:
    breaker = Breaker(clock=Clock())

    for _ in range(9):
        await fails(breaker, kind)

    assert not breaker.is_open


async def test_an_open_one_turns_calls_away_until_its_pause_is_over() -> None:
    clock = Clock()
    breaker = await broken(clock)
    with pytest.raises(ModelFailure) as caught:
        await answers(breaker)

    clock.now = breaker.pause_s
    await answers(breaker)

    assert caught.value.kind is Failure.CIRCUIT_OPEN
    assert not breaker.is_open


async def test_a_half_open_one_lets_a_single_probe_through() -> None:
    clock = Clock()
    breaker = await broken(clock)
    clock.now = breaker.pause_s

    async with breaker.passage():
        with pytest.raises(ModelFailure, match="left alone"):
            await answers(breaker)

    await answers(breaker)


async def test_a_probe_that_fails_doubles_the_pause() -> None:
    clock = Clock()
    breaker = await broken(clock)
    clock.now = breaker.pause_s

    await fails(breaker)

    clock.now += breaker.pause_s * 1.5
    assert breaker.is_open
    clock.now += breaker.pause_s
    assert not breaker.is_open


async def test_a_probe_that_is_cancelled_leaves_room_for_another() -> None:
    clock = Clock()
    breaker = await broken(clock)
    clock.now = breaker.pause_s
    with pytest.raises(asyncio.CancelledError):
        async with breaker.passage():
            raise asyncio.CancelledError

    await answers(breaker)

    assert not breaker.is_open


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("kind", [Failure.TRANSPORT, Failure.OVERLOADED, Failure.AUTH])
async def test_eleven_requests_cost_a_dead_primary_three_tries(
    kind: Failure, *, at_once: bool
) -> None:
    asked: list[str] = []
    providers = {
        "dead": counting(asked, ModelFailure(kind, "dead")),
        "good": counting(asked, None),
    }
    policy = Policy(backoff_s=0.001, breakers=Breakers())

    if at_once:
        walks = (walk(place, providers, policy) for place in range(11))
        answered = await asyncio.gather(*walks)
    else:
        answered = [await walk(place, providers, policy) for place in range(11)]

    assert {one.candidate.provider for one in answered} == {"good"}
    assert asked.count("dead") == 3


@pytest.mark.parametrize(("known", "verdict_s"), [(True, 60), (False, 0.01)])
async def test_calls_wait_neither_for_a_model_that_answers_nor_long_for_one_that_takes_its_time(
    known: bool,  # noqa: FBT001
    verdict_s: float,
) -> None:
    breaker = Breaker(verdict_s=verdict_s)
    if known:
        await answers(breaker)
    inside = asyncio.Semaphore(0)

    async def stay() -> None:
        async with breaker.passage():
            inside.release()
            await asyncio.Event().wait()

    staying = [asyncio.create_task(stay()) for _ in range(9)]
    async with asyncio.timeout(5):
        for _ in staying:
            await inside.acquire()

    assert not any(task.done() for task in staying)
    for task in staying:
        task.cancel()
    await asyncio.wait(staying)


async def test_the_last_of_a_chain_is_asked_even_where_it_failed_before() -> None:
    policy = Policy(tries={}, breakers=Breakers())
    flaky: list[ModelFailure | str] = [ModelFailure(Failure.OVERLOADED, "busy")] * 5
    providers: dict[str, Provider] = {"dead": scripted([*flaky, "Sound."])}

    for _ in flaky:
        with pytest.raises(Exception, match="no model answered"):
            await walk(0, providers, policy, chain=(DEAD,))
    answered = await walk(0, providers, policy, chain=(DEAD,))

    assert answered.reply.text == "Sound."


async def test_a_replay_passes_over_whom_the_run_passed_over() -> None:
    policy = Policy(tries={}, breakers=Breakers())
    dead = ModelFailure(Failure.TRANSPORT, "dead")
    providers = {"dead": counting([], dead), "good": counting([], None)}
    for place in range(3):
        await walk(place, providers, policy)
    live = Journal("r")
    first = await walk(3, providers, policy, live)
    fresh = Policy(breakers=Breakers())

    again = await walk(3, {}, fresh, Journal("r", recorded=live.events, replaying=True))

    assert [attempt.failure for attempt in first.attempts] == [Failure.CIRCUIT_OPEN]
    assert again == first
