"""A person has to answer: the others of the step finish, nothing after them begins."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.errors import Paused
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.models.provider import Candidate, ModelCall, Provider, Reply
from ensemble.roles import Role
from ensemble.scenarios.graphs import load_topology
from ensemble.testing import scripted
from ensemble.testing.panels import (
    ScriptedLab,
    a_request,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
    turns_begun,
)

REVIEW: Final = load_topology(Path(__file__).parents[2] / "graphs" / "review.py")


def somebody_else(seats: set[str], lines: dict[str, Any], *, wait_s: float = 0) -> Provider:
    """Return a script in which the named seats' calls wait for a person."""
    script = scripted({"*": an_answer("promote"), **lines})

    async def ask(candidate: Candidate, call: ModelCall) -> Reply:
        if call.key in seats or call.key.partition("/")[0] in seats:
            if wait_s:
                await asyncio.sleep(wait_s)
            raise Paused("a person has to answer", where=call.key, fix="answer")
        return await script(candidate, call)

    return ask


def review() -> Ensemble:
    return an_ensemble(REVIEW, {"panel": 3}, tools=["check_data"])


@pytest.mark.parametrize("seat", [0, 1, 2])
@pytest.mark.parametrize("wait_s", [0, 0.02])
async def test_members_asked_beside_one_who_waits_finish_their_turns(
    seat: int, wait_s: float
) -> None:
    run = scripted_context(review(), somebody_else({f"panel[{seat}]"}, {}, wait_s=wait_s))

    state = await play(review(), run)

    assert sorted(state["turns"]) == [f"panel[{n}]/panel_member#0" for n in range(3) if n != seat]
    assert len(turns_begun(run)) == 3
    assert "decision" not in state


async def test_every_person_of_one_step_is_asked_at_once() -> None:
    run = scripted_context(review(), somebody_else({"panel"} | {f"panel[{n}]" for n in (0, 2)}, {}))

    await play(review(), run)

    assert sorted(pause.where for pause in run.paused) == [
        f"panel[{n}]/panel_member#0/model#0" for n in (0, 2)
    ]


async def test_a_member_who_is_at_the_lab_comes_back_and_finishes() -> None:
    lab = ScriptedLab()
    trips = [a_request(seed=1), a_request(seed=2), an_answer("reject")]
    run = scripted_context(review(), somebody_else({"panel[0]"}, {"panel[2]": trips}), lab=lab)

    state = await play(review(), run)

    assert len(lab.asked) == 2
    assert state["turns"]["panel[2]/panel_member#0"]["answer"]["position"] == "reject"
    assert len(turns_begun(run)) == 3


async def test_a_person_asked_after_a_trip_to_the_lab_is_asked_once() -> None:
    lab = ScriptedLab()
    lines = {
        "panel[0]": [a_request(seed=1)],
        "panel[1]": [a_request(seed=1), a_request(seed=2), an_answer("promote")],
    }
    waits = somebody_else({"panel[0]/panel_member#0/model#1"}, lines)
    run = scripted_context(review(), waits, lab=lab)

    state = await play(review(), run)

    assert [pause.where for pause in run.paused] == ["panel[0]/panel_member#0/model#1"]
    assert "panel[1]/panel_member#0" in state["turns"]
    assert "auditor/auditor#0" not in turns_begun(run)


async def test_a_branch_of_its_own_begins_nothing_more_either() -> None:
    topology = Topology(
        "apart",
        (
            Edge(START, ("a", "b"), Role.PANEL_MEMBER),
            Edge("a", "c", Role.PANEL_MEMBER),
            Edge("b", "d", Role.PANEL_MEMBER),
            Edge("c", END),
            Edge("d", END),
        ),
    )
    ensemble = an_ensemble(topology)
    run = scripted_context(ensemble, somebody_else({"a"}, {}))

    await play(ensemble, run)

    assert turns_begun(run) == ["a/panel_member#0", "b/panel_member#0"]
