"""Turns that go to the lab and come back: batches, equal specs, and where members meet."""

from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.graph.dialogue import LAB_ROUNDS
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.topology import Topology
from ensemble.scenarios.graphs import load_topology
from ensemble.testing import Script, scripted
from ensemble.testing.panels import (
    ScriptedLab,
    a_request,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
    turns_begun,
)

REVIEW: Final = Path(__file__).parents[2] / "graphs" / "review.py"
FIRST: Final = a_request("check_data", seed=1)
SECOND: Final = a_request("check_data", seed=2)
UNEQUAL_TRIPS: Final[dict[str, Any]] = {
    "*": an_answer("promote"),
    "panel[0]": [FIRST, SECOND, an_answer("promote")],
    "panel[1]": [FIRST, an_answer("promote")],
}


@pytest.fixture
def review() -> Topology:
    return load_topology(REVIEW)


def asks(review: Topology, **rules: Any) -> Ensemble:
    return an_ensemble(review, {"panel": 3}, tools=["check_data"], rules=Rules(**rules))


def batches(run: RunContext) -> dict[str, list[str]]:
    """Return each batch's name and who asked for what in it."""
    submitted = [event for event in run.journal.events if event.event == "lab_submitted"]
    return {event.key.partition("/")[0]: event.body["asked_by"] for event in submitted}


def told(script: Script, key: str) -> list[str]:
    call = next(call for call in script.asked if call.key == key)
    return [str(message.content) for message in call.messages]


async def test_members_who_measure_twice_once_and_never_meet_before_the_auditor(
    review: Topology,
) -> None:
    ensemble = asks(review)
    run = scripted_context(ensemble, scripted(UNEQUAL_TRIPS), lab=ScriptedLab())

    state = await play(ensemble, run)

    ended = [event.key for event in run.journal.events if event.event == "turn_ended"]
    begun = [event.key for event in run.journal.events if event.event.startswith("turn_")]
    assert sorted(ended[:3]) == [f"panel[{n}]/panel_member#0" for n in range(3)]
    assert begun.index("auditor/auditor#0") == 6
    assert turns_begun(run)[3:] == ["auditor/auditor#0", "chair/decision_maker#0"]
    assert state["decision"]["witnesses"]["answered"] == 3


async def test_what_is_asked_in_one_step_is_one_batch_and_equal_specs_run_once(
    review: Topology,
) -> None:
    lab = ScriptedLab()
    run = scripted_context(asks(review), scripted(UNEQUAL_TRIPS), lab=lab)

    state = await play(asks(review), run)

    assert batches(run) == {
        "lab#1": ["panel[0]/panel_member#0", "panel[1]/panel_member#0"],
        "lab#2": ["panel[0]/panel_member#0"],
    }
    assert [spec.seed for spec in lab.asked] == [1, 2]
    assert [item["id"] for item in state["evidence"].values()] == ["L1", "L2"]


async def test_what_was_measured_before_is_not_measured_again(review: Topology) -> None:
    lab = ScriptedLab()
    script = scripted({**UNEQUAL_TRIPS, "auditor": [FIRST, an_answer()]})
    run = scripted_context(asks(review), script, lab=lab)

    state = await play(asks(review), run)

    assert len(lab.asked) == 2
    assert state["evidence"]["L1"]["asked_by"][-1] == "auditor/auditor#0"
    assert "L1 check_data digits" in told(script, "auditor/auditor#0/model#1")[-1]


async def test_a_turn_that_comes_back_from_the_lab_goes_on_where_it_was(review: Topology) -> None:
    lab = ScriptedLab(lambda spec: {"missing_values": float(spec.seed)})
    script = scripted(UNEQUAL_TRIPS)
    run = scripted_context(asks(review), script, lab=lab)

    await play(asks(review), run)

    opening = told(script, "panel[0]/panel_member#0/model#0")
    last = told(script, "panel[0]/panel_member#0/model#2")
    assert last[: len(opening)] == opening
    assert [part.partition(":")[0] for part in last[len(opening) :]] == [
        '{"action"',
        "Measured",
        '{"action"',
        "Measured",
    ]
    assert last[-1] == "Measured: L2 check_data digits: missing_values 2"


async def test_later_evidence_is_shown_to_those_who_come_after(review: Topology) -> None:
    lab = ScriptedLab(lambda spec: {"leak": 0.25})
    script = scripted(UNEQUAL_TRIPS)
    run = scripted_context(asks(review), script, lab=lab)

    await play(asks(review), run)

    own = told(script, "auditor/auditor#0/model#0")[-1]
    assert "later evidence>\nL1 check_data digits: leak 0.25" in own


async def test_a_turn_may_measure_only_so_often(review: Topology) -> None:
    many = [a_request("check_data", seed=n) for n in range(LAB_ROUNDS + 1)]
    script = scripted({"*": an_answer("promote"), "panel[2]": [*many, an_answer("promote")]})
    lab = ScriptedLab()
    run = scripted_context(asks(review), script, lab=lab)

    await play(asks(review), run)

    refused = [event for event in run.journal.events if event.event == "tool_refused"]
    assert len(lab.asked) == LAB_ROUNDS
    assert [event.key for event in refused] == [f"panel[2]/panel_member#0/model#{LAB_ROUNDS}/tool"]
    assert script.left_over() == []


async def test_a_tool_that_was_not_offered_is_refused_and_the_turn_may_answer(
    review: Topology,
) -> None:
    script = scripted(
        {"*": an_answer("promote"), "panel[1]": [a_request("train"), an_answer("reject")]}
    )
    run = scripted_context(asks(review), script, lab=ScriptedLab())

    state = await play(asks(review), run)

    said = told(script, "panel[1]/panel_member#0/model#1")[-1]
    turn = state["turns"]["panel[1]/panel_member#0"]
    assert said == "'train' is no tool of this turn; there are: check_data. Answer now."
    assert (turn["status"], turn["answer"]["position"]) == ("answered", "reject")


async def test_a_spec_that_does_not_fit_comes_back_with_what_to_mend(review: Topology) -> None:
    wrong = a_request("check_data", dataset="/etc/passwd")
    script = scripted({"*": an_answer("promote"), "panel[0]": [wrong, FIRST, an_answer("promote")]})
    lab = ScriptedLab()
    run = scripted_context(asks(review), script, lab=lab)

    await play(asks(review), run)

    said = told(script, "panel[0]/panel_member#0/model#1")[-1]
    assert said.startswith("Measured: refused: dataset:")
    assert "name `digits`" in said
    assert len(lab.asked) == 1


async def test_a_gate_of_a_seats_own_choosing_decides_nothing_by_rule(
    review: Topology,
) -> None:
    gated = a_request("check_data", gate={"leak": 0})
    script = scripted({"*": an_answer("promote"), "panel[0]": [gated, an_answer("promote")]})
    lab = ScriptedLab(lambda spec: {"leak": 3.0})
    ensemble = asks(review, on_gate_failed="reject")
    run = scripted_context(ensemble, script, lab=lab)

    state = await play(ensemble, run)

    made = state["decision"]
    assert made["decision"]["position"] == "promote"
    assert made["decision"]["fixed_by_rule"] is None
    assert made["findings"] == []
