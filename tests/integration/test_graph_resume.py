"""A run cut anywhere ends as it would have; no order of arrival shows in what a run amounts to."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.agents.prompt import Briefing
from ensemble.errors import Diverged
from ensemble.graph.run_context import Limits
from ensemble.graph.seating import Ensemble
from ensemble.journal.digest import digest
from ensemble.journal.record import ANSWERED, Event
from ensemble.journal.run_journal import Journal
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
)
from ensemble.scenarios.graphs import load_topology
from ensemble.scenarios.performance import Outcome, Plan, Stage, perform
from ensemble.testing import Script, scripted
from ensemble.testing.panels import (
    TASK,
    ScriptedLab,
    a_candidate,
    a_finding,
    a_request,
    an_answer,
    an_ensemble,
)

REVIEW: Final = load_topology(Path(__file__).parents[2] / "graphs" / "review.py")
MEMBERS: Final = 4
FAILS_OVER: Final = "panel[2]/panel_member#0/model#0"
ATTEMPTS_THERE: Final = 2
SCHEDULES: Final = 100
LINES: Final[dict[str, Any]] = {
    "panel[0]/panel_member#0/model#0": a_request(seed=1),
    "panel[0]/panel_member#0/model#1": a_request(seed=2),
    "panel[0]/panel_member#0/model#2": an_answer("promote"),
    "panel[1]/panel_member#0/model#0": a_request(seed=1),
    "panel[1]/panel_member#0/model#1": an_answer("reject", findings=[a_finding("HIGH")]),
    FAILS_OVER: [ModelFailure(Failure.AUTH, "no key"), an_answer("reject")],
    "panel[3]/panel_member#0/model#0": "I would rather not say.",
    "panel[3]/panel_member#0/model#1": an_answer("promote"),
    "auditor/auditor#0/model#0": an_answer(findings=[a_finding(), a_finding("LOW", "a typo")]),
    "chair/decision_maker#0/model#0": an_answer(
        "reject",
        dispositions=[{"finding": f"F{n}", "state": "accepted"} for n in (1, 2, 3)],
        claims=[{"text": "it leaks", "evidence": "L1/leak", "holds": False}],
    ),
}
_OUTCOMES: Final = {name for names in ANSWERED.values() for name in names}


def review() -> Ensemble:
    return an_ensemble(REVIEW, {"panel": MEMBERS}, tools=["check_data"])


async def run_on(
    provider: Provider,
    *,
    recorded: Sequence[Event] = (),
    replaying: bool = False,
    lab: ScriptedLab | None = None,
    limits: Limits | None = None,
) -> tuple[Journal, Outcome]:
    ensemble = review()
    chains: dict[str, tuple[Candidate, ...]] = {
        member.path: (a_candidate(member.path),) for member in ensemble.members
    }
    chains["panel[2]"] = (a_candidate("dead"), a_candidate("stand-in", fallback=True))
    plan = Plan(
        "review", None, ensemble, Briefing(TASK, ensemble.choices), limits=limits or Limits()
    )
    journal = Journal("r-1", recorded=recorded, replaying=replaying)
    stage = Stage(providers={"scripted": provider}, lab=lab or a_lab(), chains=chains)
    return journal, await perform(plan, journal, stage)


def a_lab() -> ScriptedLab:
    return ScriptedLab(lambda spec: {"leak": float(spec.seed)})


def answered(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(e.key, e.attempt.partition(".")[0]) for e in events if e.event in _OUTCOMES]


def asked_times(script: Script, key: str) -> int:
    return sum(call.key == key for call in script.asked)


async def test_a_run_cut_after_any_event_ends_with_the_digest_of_the_whole_one() -> None:
    whole, _ = await run_on(scripted(LINES))
    events, wanted = whole.events, digest(whole.events)
    ends: list[tuple[int, str, int, int]] = []

    for cut in range(len(events) + 1):
        kept = events[:cut]
        held = sum(key == FAILS_OVER for key, _ in answered(kept))
        script, lab = scripted({**LINES, FAILS_OVER: LINES[FAILS_OVER][held:]}), a_lab()
        journal, outcome = await run_on(script, recorded=kept, lab=lab)
        again = len(answered(journal.events)) - len(set(answered(journal.events)))
        ends.append((cut, digest(journal.events), calls_twice(kept, script, lab), again))
        assert outcome.status == "completed"

    assert len(events) > 40
    lost = [end for end in ends if end[1:3] != (wanted, 0)]
    assert lost == []


def calls_twice(kept: Sequence[Event], script: Script, lab: ScriptedLab) -> int:
    """Count the calls that were performed although their outcome was recorded."""
    held = answered(kept)
    labs = [key for key, _ in held if key.startswith("lab#")]
    models = [key for key, _ in held if not key.startswith("lab#")]
    once = sum(
        asked_times(script, key) for key in set(models) if models.count(key) == calls_of(key)
    )
    return once + max(0, len(lab.asked) + len(labs) - 2)


def calls_of(key: str) -> int:
    """Return how many attempts the whole run makes at one call."""
    return ATTEMPTS_THERE if key == FAILS_OVER else 1


async def test_a_finished_run_replays_without_a_model_or_a_lab() -> None:
    whole, outcome = await run_on(scripted(LINES))
    nobody = scripted({})

    replay, again = await run_on(nobody, recorded=whole.events, replaying=True)

    replay.check_complete()
    assert again.digest == outcome.digest
    assert nobody.asked == []


async def test_a_replay_in_which_an_answer_was_changed_has_another_digest() -> None:
    whole, outcome = await run_on(scripted(LINES))
    last = next(e for e in reversed(whole.events) if e.event == "model_replied")
    text = last.value["text"].replace("sound", "sounD")
    changed = Event(
        last.event,
        last.key,
        last.seq,
        last.at,
        {**last.body, "value": {**last.value, "text": text}},
    )
    events = [changed if event is last else event for event in whole.events]

    replay, again = await run_on(scripted({}), recorded=events, replaying=True)

    assert again.digest != outcome.digest
    with pytest.raises(Diverged):
        replay.check_complete()


async def test_what_a_run_holds_already_does_not_count_against_its_limits_again() -> None:
    calls = sum(calls_of(key) for key in LINES)
    whole, _ = await run_on(scripted(LINES), limits=Limits(model_calls=calls))
    cut = next(n for n, e in enumerate(whole.events) if e.event == "decided")

    _, outcome = await run_on(
        scripted({}), recorded=whole.events[:cut], limits=Limits(model_calls=calls)
    )

    assert (outcome.status, outcome.digest) == ("completed", digest(whole.events))


async def test_a_call_lost_with_its_process_is_booked() -> None:
    calls = sum(calls_of(key) for key in LINES)
    whole, _ = await run_on(scripted(LINES))
    cut = next(n for n, e in enumerate(whole.events) if e.key.startswith("auditor/auditor#0/model"))

    _, outcome = await run_on(
        scripted(LINES), recorded=whole.events[: cut + 1], limits=Limits(model_calls=calls)
    )

    assert outcome.status == "over_limit"


async def test_no_order_of_arrival_shows_in_the_digest() -> None:
    digests: set[str] = set()
    orders: set[tuple[str, ...]] = set()

    for seed in range(SCHEDULES):
        chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        journal, _ = await run_on(slowly(scripted(LINES), chance))
        digests.add(digest(journal.events))
        orders.add(tuple(e.key for e in journal.events if e.event == "model_replied"))

    assert len(digests) == 1
    assert len(orders) > 10


def slowly(script: Script, chance: random.Random) -> Provider:
    async def ask(candidate: Candidate, call: ModelCall) -> Reply:
        await asyncio.sleep(chance.random() * 0.004)
        return await script(candidate, call)

    return ask
