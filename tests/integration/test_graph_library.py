"""The topologies that come with the project, walked with scripts: who is asked, who decides."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.agents.library import load_agents
from ensemble.graph.topology import Topology
from ensemble.models.messages import plain
from ensemble.roles import Role
from ensemble.scenarios.graphs import load_topology
from ensemble.testing import scripted
from ensemble.testing.panels import (
    ScriptedLab,
    a_finding,
    a_request,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
    turns_begun,
)

GRAPHS: Final = Path(__file__).parents[2] / "graphs"
NAMES: Final = sorted(path.stem for path in GRAPHS.glob("*.py"))
P, R = an_answer("promote"), an_answer("reject")
LOW = an_answer("promote", confidence="low")


def raises(*titles: str) -> dict[str, Any]:
    return an_answer(findings=[a_finding(title=title) for title in titles])


def the(name: str) -> Topology:
    return load_topology(GRAPHS / f"{name}.py")


@pytest.mark.parametrize(
    ("votes", "breaks", "position", "authority"),
    [
        ([P, P, R], None, "promote", "decided"),
        ([P, R], R, "reject", "decided"),
        ([P, R, P, R], P, "promote", "decided"),
    ],
)
async def test_a_tiebreaker_is_asked_only_where_nobody_has_won(
    votes: list[Any], breaks: Any, position: str, authority: str
) -> None:
    ensemble = an_ensemble(the("vote"), {"panel": len(votes)})
    lines = {f"panel[{n}]": vote for n, vote in enumerate(votes)}
    run = scripted_context(ensemble, scripted({**lines, "tiebreaker": breaks or P}))

    state = await play(ensemble, run)

    asked = turns_begun(run)[len(votes) :]
    assert asked == (["tiebreaker/tiebreaker#0"] if breaks else [])
    assert state["decision"]["decision"]["position"] == position
    assert state["decision"]["authority"] == authority


@pytest.mark.parametrize(
    ("audits", "answers", "position"),
    [
        ([an_answer()], [P], "promote"),
        ([raises("a leak"), an_answer()], [P, R], "reject"),
        ([raises("a leak"), raises("a leak"), raises("a leak")], [P, P, R], "reject"),
    ],
)
async def test_an_author_revises_while_something_is_found_but_twice_at_most(
    audits: list[Any], answers: list[Any], position: str
) -> None:
    ensemble = an_ensemble(the("revise"))
    run = scripted_context(ensemble, scripted({"author": answers, "auditor": audits}))

    state = await play(ensemble, run)

    again = [
        key
        for n in range(len(audits) - 1)
        for key in (f"author/advisee#{n}", f"auditor/auditor#{n + 1}")
    ]
    assert turns_begun(run) == ["author/solo#0", "auditor/auditor#0", *again]
    assert state["decision"]["decision"]["position"] == position


@pytest.mark.parametrize(
    ("audits", "rounds"),
    [
        ([an_answer()], 1),
        ([raises("a leak"), an_answer()], 2),
        ([raises("a leak"), raises("a leak")], 2),
        ([raises("a leak"), raises("a typo"), raises("a gap")], 3),
        ([a_request(), an_answer(), an_answer()], 2),
        ([a_request(), an_answer(), a_request(seed=1), an_answer(), an_answer()], 3),
    ],
)
async def test_a_debate_goes_on_only_while_something_new_is_learned(
    audits: list[Any], rounds: int
) -> None:
    ensemble = an_ensemble(the("debate"), {"panel": 2}, tools=["check_data"])
    run = scripted_context(
        ensemble, scripted({"*": P, "auditor": audits}), lab=ScriptedLab(lambda _: {})
    )

    state = await play(ensemble, run)

    begun = turns_begun(run)
    assert [key for key in begun if key.startswith("auditor")] == [
        f"auditor/auditor#{n}" for n in range(rounds)
    ]
    assert begun.count("panel[0]/advisee#0") == min(rounds - 1, 1)
    assert begun[-1] == "chair/decision_maker#0"
    assert state["decision"]["decision"]["seat"] == "chair"


async def test_an_expert_who_is_sure_is_not_escalated() -> None:
    ensemble = an_ensemble(the("escalate"), {"panel": 2})
    run = scripted_context(ensemble, scripted({"expert": P}))

    state = await play(ensemble, run)

    assert turns_begun(run) == ["expert/solo#0"]
    assert state["decision"]["decision"]["seat"] == "expert"
    assert (state["decision"]["authority"], state["decision"]["authority_reasons"]) == (
        "decided",
        [],
    )


async def test_an_expert_in_doubt_brings_in_a_panel_and_a_chair() -> None:
    ensemble = an_ensemble(the("escalate"), {"panel": 2})
    run = scripted_context(ensemble, scripted({"*": R, "expert": LOW}))

    state = await play(ensemble, run)

    assert turns_begun(run) == [
        "expert/solo#0",
        "panel[0]/panel_member#0",
        "panel[1]/panel_member#0",
        "chair/decision_maker#0",
    ]
    assert state["decision"]["decision"]["position"] == "reject"
    assert state["decision"]["witnesses"]["seated"] == 2


async def test_inputs_take_no_position_and_the_decider_decides() -> None:
    ensemble = an_ensemble(the("inputs"), {"inputs": 3})
    run = scripted_context(ensemble, scripted({"*": an_answer(), "decider": R}))

    state = await play(ensemble, run)

    assert turns_begun(run) == [f"inputs[{n}]/input_provider#0" for n in range(3)] + [
        "decider/decision_maker#0"
    ]
    assert state["decision"]["decision"]["position"] == "reject"
    assert state["decision"]["authority"] == "decided"


async def test_each_phase_of_a_pipeline_reads_what_stands_before_it() -> None:
    ensemble = an_ensemble(the("pipeline"))
    line = ensemble.topology.seats
    run = scripted_context(
        ensemble, scripted({seat: an_answer("promote", f"{seat} has spoken") for seat in line})
    )

    await play(ensemble, run)

    prompts = {
        event.key.partition("/")[0]: json.dumps(event.body["request"])
        for event in run.journal.events
        if event.event == "model_asked"
    }
    heard = {
        seat: [other for other in line if f"{other} has spoken" in prompts[seat]] for seat in line
    }
    assert heard == {seat: list(line[:n]) for n, seat in enumerate(line)}


@pytest.mark.parametrize("name", NAMES)
def test_the_cast_of_a_graph_is_there_and_knows_its_roles(name: str) -> None:
    topology, library = the(name), load_agents(GRAPHS.parent / "agents")

    cast = {
        seat: [held] if isinstance(held, str) else list(held)
        for seat, held in topology.cast.items()
    }

    assert topology.name == name
    assert tuple(cast) == topology.seats
    declared = {
        (seat, role, who): role in library[who].spec.ensemble_roles.roles
        for seat, role in topology.entries()
        for who in cast[seat]
        if who != "human"
    }
    assert [entry for entry, known in declared.items() if not known] == []


def test_a_person_has_the_last_word_at_a_gate() -> None:
    gate = the("gate")

    assert gate.decider() == "person"
    assert gate.cast["person"] == "human"
    assert [role for _, role in gate.entries()] == [
        Role.SOLO,
        Role.GATE_REVIEWER,
        Role.DECISION_MAKER,
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_every_seat_of_a_run_reads_the_same_bytes_first(name: str) -> None:
    topology = the(name)
    seats = {"panel": 3} if "panel" in topology.seats else {}
    ensemble = an_ensemble(topology, seats, tools=["check_data"])
    doubt = an_answer("promote", confidence="low", findings=[a_finding(title="a leak")])
    script = scripted({"*": json.dumps(doubt)})
    run = scripted_context(ensemble, script, lab=ScriptedLab(lambda _: {}))

    await play(ensemble, run)

    preamble, task = plain(script.asked[0].messages[:2])
    own = {plain(call.messages)[2]["content"] for call in script.asked}
    assert preamble["role"] == "system"
    assert "May this be promoted?" in task["content"]
    assert all(plain(call.messages[: call.shared]) == [preamble, task] for call in script.asked)
    assert len(own) >= len({call.key.partition("/")[0] for call in script.asked})
    assert len(script.asked) == len(turns_begun(run))
