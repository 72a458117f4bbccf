"""Limits held while a run goes on: what a call reserves, what was used, what is under way."""

import asyncio
from typing import Any, Final

import pytest

from ensemble.answers.answer import Wanted
from ensemble.errors import OverLimit
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.spending import Spending
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal
from ensemble.models.provider import Candidate, ModelCall, Reply, Usage
from ensemble.testing.panels import a_candidate, an_ensemble, scripted_context

SOLO: Final = an_ensemble(Topology("solo", (Edge(START, "a", "solo"), Edge("a", END))))
PRICE: Final = (1000.0, 10_000.0)
NONE_MORE: Final = {"tokens": 0, "usd": 0}
KEY: Final = "a/solo#0/model#0"


async def bills(candidate: Candidate, call: ModelCall) -> Reply:
    return Reply("fine", served="scripted/m", usage=Usage(200, 0, 30))


async def silent_on_usage(candidate: Candidate, call: ModelCall) -> Reply:
    return Reply("fine", served="scripted/m")


def a_run(limits: Limits | None = None, provider: Any = bills, **context: Any) -> RunContext:
    chain = (a_candidate("m", usd_per_mtok=PRICE),)
    return scripted_context(SOLO, provider, limits=limits, models={"a": chain}, **context)


async def ask(run: RunContext, number: int = 0) -> None:
    await run.ask("a", f"a/solo#0/model#{number}", (), Wanted())


def asked(key: str, tokens: int = 1000, usd: float = 5.0, attempt: str = "1") -> Event:
    body = {
        "attempt": attempt,
        "print": "p",
        "request": {"model": "scripted/m"},
        "reserved": {"tokens": tokens, "usd": usd},
    }
    return Event("model_asked", key, 0, 0.0, body)


async def test_what_was_used_is_read_from_the_journal() -> None:
    run = a_run()
    await ask(run, 0)
    await ask(run, 1)

    used = Spending({"scripted/m": PRICE}).with_one_more(run.journal.events, NONE_MORE)

    assert used == {"model_calls": 3, "tokens": 460.0, "usd": pytest.approx(1.0)}


async def test_a_priced_call_that_does_not_say_what_it_used_is_booked_as_reserved() -> None:
    run = a_run(provider=silent_on_usage)
    await ask(run)
    reserved = run.journal.events[0].body["reserved"]["usd"]

    used = Spending({"scripted/m": PRICE}).with_one_more(run.journal.events, NONE_MORE)

    assert reserved >= 15
    assert used["usd"] == pytest.approx(reserved)


def test_a_call_that_is_under_way_is_booked_as_reserved() -> None:
    journal = Journal("r", recorded=[asked(KEY)])

    assert Spending({}).with_one_more(journal.events, NONE_MORE) == {
        "model_calls": 2,
        "tokens": 1000.0,
        "usd": 5.0,
    }


def test_a_call_lost_with_its_process_stays_booked_beside_its_repetition() -> None:
    lost = Event("model_failed", KEY, 1, 0.0, {"attempt": "1", "class": "lost"})
    again = asked(KEY, attempt="1.1")
    usage = {"input_tokens": 100, "output_tokens": 10}
    replied = Event("model_replied", KEY, 3, 0.0, {"attempt": "1.1", "usage": usage})
    journal = Journal("r", recorded=[asked(KEY), lost, again, replied])

    used = Spending({"scripted/m": PRICE}).with_one_more(journal.events, NONE_MORE)

    assert used == {"model_calls": 3, "tokens": 1110.0, "usd": pytest.approx(5.2)}


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(model_calls=1), "model_calls"),
        (Limits(tokens=1700), "tokens"),
        (Limits(usd=15.4), "usd"),
    ],
)
async def test_the_call_that_would_cross_a_limit_is_not_made(limits: Limits, name: str) -> None:
    run = a_run(limits)
    await ask(run, 0)

    with pytest.raises(OverLimit) as caught:
        await ask(run, 1)

    assert f"bring {name} to" in caught.value.problem
    assert f"`limits.{name}`" in caught.value.fix
    assert caught.value.where == "a/solo#0/model#1"
    assert [event.event for event in run.journal.events] == ["model_asked", "model_replied"]


async def test_a_step_that_does_not_fit_asks_nobody_and_names_the_first_seat_too_many() -> None:
    panel = an_ensemble(
        Topology("p", (Edge(START, "a", "panel_member"), Edge("a", END))), {"a": 12}
    )
    run = scripted_context(panel, bills, limits=Limits(model_calls=10))
    paths = [f"a[{place}]" for place in reversed(range(12))]

    calls = (run.ask(p, f"{p}/panel_member#0/model#0", (), Wanted()) for p in paths)
    ended = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(one) for one in ended} == {OverLimit}
    assert str(ended[0]).startswith("a[10]/panel_member#0")
    assert run.journal.events == []


async def test_a_step_that_fits_is_not_held_up_by_what_it_reserved_itself() -> None:
    panel = an_ensemble(
        Topology("p", (Edge(START, "a", "panel_member"), Edge("a", END))), {"a": 10}
    )
    run = scripted_context(panel, bills, limits=Limits(model_calls=20))

    for number in range(2):
        await asyncio.gather(
            *(
                run.ask(f"a[{n}]", f"a[{n}]/panel_member#0/model#{number}", (), Wanted())
                for n in range(10)
            )
        )

    assert sum(event.event == "model_replied" for event in run.journal.events) == 20


async def test_a_cancelled_call_gives_back_what_it_held() -> None:
    run = a_run(Limits(model_calls=1))
    asking = asyncio.create_task(ask(run, 0))
    await asyncio.sleep(0)

    asking.cancel()
    await asyncio.wait([asking])
    await ask(run, 1)

    assert asking.cancelled()
    assert [event.event for event in run.journal.events] == ["model_asked", "model_replied"]


def test_what_is_billed_above_a_reservation_is_an_overrun() -> None:
    usage = {"input_tokens": 400, "output_tokens": 800}
    replied = Event("model_replied", KEY, 1, 0.0, {"attempt": "1", "usage": usage})
    spending = Spending({"scripted/m": PRICE})

    spending.read([asked(KEY, tokens=1000, usd=5.0), replied])

    assert spending.overrun == {"tokens": 200, "usd": pytest.approx(0.4 + 8 - 5)}


def test_an_answer_that_broke_off_is_booked_as_reserved() -> None:
    failed = {"attempt": "1", "class": "transport", "partial": "Sound, I beli"}
    events = [asked(KEY), Event("model_failed", KEY, 1, 0.0, failed)]

    used = Spending({"scripted/m": PRICE}).with_one_more(events, NONE_MORE)

    assert used == {"model_calls": 2, "tokens": 1000, "usd": 5.0}


def test_a_model_that_was_left_alone_is_no_call() -> None:
    spared = {"attempt": "1", "class": "circuit_open"}
    events = [asked(KEY), Event("model_failed", KEY, 1, 0.0, spared)]

    used = Spending({"scripted/m": PRICE}).with_one_more(events, NONE_MORE)

    assert used == {"model_calls": 1, "tokens": 0, "usd": 0}


async def test_a_call_that_the_journal_holds_is_not_counted_again() -> None:
    before = a_run()
    await ask(before, 0)
    resumed = a_run(Limits(model_calls=1), journal=Journal("r", recorded=before.journal.events))

    await ask(resumed, 0)

    with pytest.raises(OverLimit):
        await ask(resumed, 1)


async def test_a_replay_holds_no_limit() -> None:
    before = a_run()
    await ask(before, 0)
    journal = Journal("r", recorded=before.journal.events, replaying=True)

    await ask(a_run(Limits(model_calls=0), journal=journal), 0)

    assert [event.event for event in journal.events] == ["model_asked", "model_replied"]


def test_an_order_is_drawn_by_seed_and_key_alone() -> None:
    items = list(range(12))

    drawn = {(seed, key): a_run(seed=seed).shuffled(items, key) for seed in (1, 2) for key in "ab"}

    assert a_run(seed=1).shuffled(items, "a") == drawn[1, "a"]
    assert len({tuple(order) for order in drawn.values()}) == 4
    assert all(sorted(order) == items for order in drawn.values())


def test_spending_read_as_events_come_is_what_is_read_at_once() -> None:
    usage = {"input_tokens": 200, "output_tokens": 30}
    lost = {"attempt": "1", "class": "lost"}
    events = [
        asked("one"),
        asked("two"),
        Event("model_replied", "one", 2, 0.0, {"attempt": "1", "usage": usage}),
        Event("model_failed", "two", 3, 0.0, lost),
        asked("three"),
        Event("model_failed", "three", 5, 0.0, {"attempt": "1", "class": "timeout"}),
    ]
    spending = Spending({"scripted/m": PRICE})

    steps = [spending.with_one_more(events[:end], NONE_MORE) for end in range(len(events) + 1)]

    assert steps[-1] == Spending({"scripted/m": PRICE}).with_one_more(events, NONE_MORE)
    assert steps[-1] == {"model_calls": 4, "tokens": 230 + 1000, "usd": 0.5 + 5.0}
    assert [step["model_calls"] for step in steps] == [1, 2, 3, 3, 3, 4, 4]
