"""People in a run: they are asked side by side, answer in any order, and replays ask nobody."""

from collections.abc import Mapping
from typing import Any, Final

from ensemble.agents.library import a_person
from ensemble.agents.prompt import Briefing
from ensemble.graph.person import brought, questions_open
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.run_journal import Journal
from ensemble.roles import Role
from ensemble.scenarios.performance import Outcome, Plan, Stage, perform
from ensemble.scenarios.result import result_of
from ensemble.testing import Script, scripted
from ensemble.testing.panels import TASK, a_candidate, a_finding, an_agent, an_answer, an_ensemble

GATE: Final = Topology(
    "gate",
    (
        Edge(START, "author", Role.PANEL_MEMBER),
        Edge("author", "reviewer", Role.GATE_REVIEWER),
        Edge("reviewer", "person", Role.DECISION_MAKER),
        Edge("person", END),
    ),
)
LINES: Final[dict[str, Any]] = {
    "author[0]": an_answer("promote"),
    "reviewer": an_answer("reject", findings=[a_finding()]),
}
ASKED_FIRST: Final = "author[1]/panel_member#0/human#0"
ASKED_LAST: Final = "person/decision_maker#0/human#0"


def gate() -> Ensemble:
    cast = {"author": (an_agent("maker"), a_person()), "person": a_person()}
    return an_ensemble(GATE, cast)


async def played(
    answers: Mapping[str, str], script: Script, recorded: Journal | None = None, **how: Any
) -> tuple[Journal, Outcome]:
    ensemble = gate()
    models = [m for m in ensemble.members if not m.agent.is_person]
    chains = {m.path: (a_candidate(m.path),) for m in models}
    chains |= {m.path: () for m in ensemble.members if m.agent.is_person}
    events = recorded.events if recorded else ()
    journal = Journal("r-people", recorded=events, **how)
    plan = Plan("gate", None, ensemble, Briefing(TASK, ensemble.choices))
    stage = Stage(providers={"scripted": script}, chains=chains, person=brought(answers))
    return journal, await perform(plan, journal, stage)


async def test_a_run_waits_for_each_person_in_turn_and_pays_for_nothing_twice() -> None:
    with scripted({place: [line] for place, line in LINES.items()}) as script:
        first, at_author = await played({}, script)
        second, at_person = await played({ASKED_FIRST: "promote: fine"}, script, first)
        last, ended = await played({ASKED_LAST: "reject: F1 rejected, known; wait"}, script, second)

    assert list(questions_open(first.events)) == [ASKED_FIRST]
    assert list(questions_open(second.events)) == [ASKED_LAST]
    assert [at_author.status, at_person.status, ended.status] == ["paused", "paused", "completed"]
    decision = result_of("r", last.events, journal="")["decision"]
    assert (decision["seat"], decision["position"]) == ("person", "reject")
    assert decision["result"] == "wait"
    assert decision["dispositions"][0]["state"] == "rejected"


async def test_a_person_who_answers_is_told_what_was_found() -> None:
    first, _ = await played({ASKED_FIRST: "promote"}, scripted(LINES))

    asked = next(e for e in first.events if e.event == "paused" and e.key == ASKED_LAST)

    question = asked.body["request"]["question"]
    assert TASK in question
    assert "F1 [CRITICAL] a leak: train.py:17" in question
    assert "author[0] maker as panel_member:\nPosition: promote" in question


async def test_a_replay_asks_no_person() -> None:
    answers = {ASKED_FIRST: "promote: fine", ASKED_LAST: "promote: signed"}
    live, was = await played(answers, scripted(LINES))

    replayed, now = await played({}, scripted({}), live, replaying=True)

    replayed.check_complete()
    assert now.status == "completed"
    assert now.digest == was.digest


async def test_an_answer_that_a_person_changes_later_changes_the_digest() -> None:
    one = {ASKED_FIRST: "promote", ASKED_LAST: "promote: signed"}

    _, first = await played(one, scripted(LINES))
    _, second = await played({**one, ASKED_LAST: "promote: signee"}, scripted(LINES))

    assert first.digest != second.digest
