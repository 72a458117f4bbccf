"""No interleaving of seats, failures and fallbacks spends more than a run's limits."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from ensemble.answers.answer import Wanted
from ensemble.errors import EnsembleError, OverLimit
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.spending import Spending
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.record import ANSWERED
from ensemble.models.breaker import Breakers
from ensemble.models.cost import cost_usd
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply, Usage
from ensemble.testing.panels import a_candidate, an_ensemble, scripted_context

PANEL = an_ensemble(Topology("p", (Edge(START, "a", "panel_member"), Edge("a", END))), {"a": 5})
CHEAP, DEAR = (10.0, 1000.0), (100.0, 9000.0)
CHAIN = (a_candidate("dear", usd_per_mtok=DEAR), a_candidate("cheap", usd_per_mtok=CHEAP))
PRICES = {"scripted/dear": DEAR, "scripted/cheap": CHEAP}


@dataclass(frozen=True)
class Seat:
    """How one seat's calls go: when it comes, what it sends, how it fails, what is billed."""

    after: int
    sends: str
    read: float
    """Of the bytes sent, the share that is counted as tokens."""
    fails: tuple[bool, bool]
    said: int
    turns: int


SEATS = st.lists(
    st.builds(
        Seat,
        st.integers(0, 9),
        st.sampled_from(["", "Is it sound?", "1,0.5,9\n" * 90, "数据不合理" * 40, "é" * 300]),
        st.floats(0, 1),
        st.tuples(st.booleans(), st.booleans()),
        st.integers(0, 1500),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=5,
)
LIMITS = st.builds(
    Limits,
    usd=st.none() | st.floats(0, 60),
    tokens=st.none() | st.integers(1, 9000),
    model_calls=st.none() | st.integers(1, 12),
)


async def play(seats: list[Seat], limits: Limits, *, above: int = 0) -> RunContext:
    """Let every seat ask twice, each in its own time."""

    async def bill(candidate: Candidate, call: ModelCall) -> Reply:
        seat = seats[int(call.key.partition("[")[2].partition("]")[0])]
        for _ in range(seat.turns):
            await asyncio.sleep(0)
        if seat.fails[candidate.model == "cheap"]:
            raise ModelFailure(Failure.AUTH, "no key")
        sent = sum(len(message["content"].encode()) for message in call.plain)
        usage = Usage(round(seat.read * sent), None, seat.said + above)
        return Reply("Sound.", f"scripted/{candidate.model}", usage=usage)

    chains = {f"a[{place}]": CHAIN for place in range(5)}
    run = scripted_context(PANEL, bill, limits=limits, models=chains)
    run.policy = Policy(breakers=Breakers())

    async def sit(place: int, seat: Seat) -> None:
        for _ in range(seat.after):
            await asyncio.sleep(0)
        for number in range(2):
            key = f"a[{place}]/panel_member#0/model#{number}"
            try:
                await run.ask(f"a[{place}]", key, (HumanMessage(seat.sends),), Wanted())
            except OverLimit:
                return
            except EnsembleError:
                continue

    await asyncio.gather(*(sit(place, seat) for place, seat in enumerate(seats)))
    return run


def billed(run: RunContext) -> dict[str, float]:
    """Return what the journal's rows come to."""
    asked = {(e.key, e.attempt): e for e in run.journal.events if e.event == "model_asked"}
    ended = [e for e in run.journal.events if e.event in ANSWERED["model"]]
    sums = {"tokens": 0.0, "usd": 0.0, "model_calls": float(len(asked))}
    for event in ended:
        usage: dict[str, int | None] = event.body.get("usage") or {}
        sent, said = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
        price = PRICES[asked[event.key, event.attempt].body["request"]["model"]]
        sums["tokens"] += sent + said
        sums["usd"] += cost_usd(price, sent, said) or 0.0
    return sums


@given(SEATS, LIMITS)
def test_no_interleaving_crosses_a_limit(seats: list[Seat], limits: Limits) -> None:
    run = asyncio.run(play(seats, limits))

    used = billed(run)
    for name in ("usd", "tokens", "model_calls"):
        most = getattr(limits, name)
        assert most is None or used[name] <= most + 1e-9


@given(SEATS, LIMITS, st.integers(0, 4000))
def test_what_is_billed_above_a_reservation_is_all_that_crosses_a_limit(
    seats: list[Seat], limits: Limits, above: int
) -> None:
    run = asyncio.run(play(seats, limits, above=above))

    used, spending = billed(run), Spending(PRICES)
    spending.read(run.journal.events)
    for name in ("usd", "tokens"):
        most = getattr(limits, name)
        assert most is None or used[name] - spending.overrun[name] <= most + 1e-9


@given(SEATS)
def test_the_book_is_the_sum_of_its_rows(seats: list[Seat]) -> None:
    run = asyncio.run(play(seats, Limits(model_calls=None)))

    none = {"tokens": 0, "usd": 0}
    used = Spending(PRICES).with_one_more(run.journal.events, none)

    rows = billed(run)
    assert used["model_calls"] == rows["model_calls"] + 1
    assert abs(used["tokens"] - rows["tokens"]) < 1e-6
    assert abs(used["usd"] - rows["usd"]) < 1e-6
