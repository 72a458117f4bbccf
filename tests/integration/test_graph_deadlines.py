"""A turn that takes too long is lost, its siblings are not, and a replay has no clock."""

import asyncio
from typing import Final

from ensemble.agents.prompt import Briefing
from ensemble.graph.run_context import Limits
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.run_journal import Journal
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
)
from ensemble.roles import Role
from ensemble.scenarios.performance import Outcome, Plan, Stage, perform
from ensemble.scenarios.result import result_of
from ensemble.testing import scripted
from ensemble.testing.panels import TASK, a_candidate, an_answer, an_ensemble

PANEL: Final = Topology(
    "panel",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)


def three() -> Ensemble:
    return an_ensemble(PANEL, {"panel": 3})


def one_hangs() -> Provider:
    """Return a script whose second member fails once and then never answers."""
    script = scripted({"*": an_answer("promote")})

    async def ask(candidate: Candidate, call: ModelCall) -> Reply:
        if call.key.startswith("panel[1]"):
            if candidate.model == "dead":
                raise ModelFailure(Failure.AUTH, "no key")
            await asyncio.Event().wait()
        return await script(candidate, call)

    return ask


async def ran(
    provider: Provider, recorded: Journal | None = None, *, replaying: bool = False
) -> tuple[Journal, Outcome]:
    ensemble = three()
    chains: dict[str, tuple[Candidate, ...]] = {
        m.path: (a_candidate(m.path),) for m in ensemble.members
    }
    chains["panel[1]"] = (a_candidate("dead"), a_candidate("hangs"))
    events = recorded.events if recorded else ()
    journal = Journal("r-late", recorded=events, replaying=replaying)
    limits = Limits(turn_s=0.3)
    plan = Plan("panel", None, ensemble, Briefing(TASK, ensemble.choices), limits=limits)
    outcome = await perform(plan, journal, Stage(providers={"scripted": provider}, chains=chains))
    return journal, outcome


async def test_a_seat_that_takes_too_long_is_lost_and_its_siblings_decide() -> None:
    journal, outcome = await ran(one_hangs())

    result = result_of("r", journal.events, journal="")
    late = next(turn for turn in result["turns"] if turn["key"].startswith("panel[1]"))
    assert outcome.status == "completed"
    assert (late["status"], late["position"]) == ("failed", None)
    assert late["problem"] == "the turn took longer than its 0.3 s"
    assert result["witnesses"]["answered"] == 2
    assert "panel[1] is lost: failed" in result["authority_reasons"]
    assert result["decision"]["position"] == "promote"


async def test_a_replay_loses_the_same_seat_at_the_same_call_without_a_clock() -> None:
    live, was = await ran(one_hangs())

    replayed, now = await ran(scripted({}), live, replaying=True)

    replayed.check_complete()
    assert now.digest == was.digest


async def test_a_run_resumed_after_the_ruling_does_not_ask_again() -> None:
    live, was = await ran(one_hangs())
    cut = next(n for n, e in enumerate(live.events) if e.event == "ruled")
    until = Journal("r-late", recorded=live.events[: cut + 1])

    _, now = await ran(scripted({"*": an_answer("promote")}), until)

    assert now.digest == was.digest
