"""The ways through a graph: who is asked after whom, who waits for whom, and what ends it."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from ensemble.errors import OverLimit
from ensemble.graph.routing import Condition, found, split
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
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
ALWAYS: Final = Condition("always", lambda _: True)
NEVER: Final = Condition("never", lambda _: False)
UNEQUAL: Final = Topology(
    "unequal",
    (
        Edge(START, ("a", "b"), Role.PANEL_MEMBER),
        Edge("a", "c", Role.DECISION_MAKER),
        Edge("b", "d", Role.AUDITOR),
        Edge("d", "c", Role.DECISION_MAKER),
        Edge("c", END),
    ),
)


@pytest.mark.parametrize(
    ("name", "begun"),
    [
        ("solo", ["expert/solo#0"]),
        ("panel", ["panel[0]/panel_member#0", "panel[1]/panel_member#0", "chair/decision_maker#0"]),
        (
            "review",
            [
                "panel[0]/panel_member#0",
                "panel[1]/panel_member#0",
                "auditor/auditor#0",
                "chair/decision_maker#0",
            ],
        ),
    ],
)
async def test_a_graph_that_comes_with_the_project_is_walked_in_its_order(
    name: str, begun: list[str]
) -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / f"{name}.py"), {"panel": 2})
    run = scripted_context(ensemble, scripted({"*": an_answer("promote")}))

    state = await play(ensemble, run)

    assert turns_begun(run) == begun
    assert state["decision"]["decision"]["position"] == "promote"


async def test_members_of_a_panel_are_asked_side_by_side() -> None:
    all_have_been_asked = asyncio.Barrier(4)

    async def waits_for_the_others(candidate: Candidate, call: ModelCall) -> Reply:
        if call.key.startswith("panel"):
            async with asyncio.timeout(5):
                await all_have_been_asked.wait()
        return await scripted({"*": an_answer("promote")})(candidate, call)

    ensemble = an_ensemble(load_topology(GRAPHS / "panel.py"), {"panel": 4})
    run = scripted_context(ensemble, waits_for_the_others)

    state = await play(ensemble, run)

    assert state["decision"]["witnesses"] == {
        "seated": 4,
        "answered": 4,
        "effective": 4.0,
        "clones": {},
    }


@pytest.mark.parametrize(
    "at_the_lab",
    [seats for n in range(5) for seats in itertools.combinations("abcd", n)],
    ids=lambda seats: "+".join(seats) or "none",
)
async def test_a_seat_with_two_entrances_waits_for_the_longer_branch(
    at_the_lab: Sequence[str],
) -> None:
    ensemble = an_ensemble(UNEQUAL, tools=["check_data"])
    lines = {seat: [a_request(), an_answer("promote")] for seat in at_the_lab}
    run = scripted_context(
        ensemble, scripted({"*": an_answer("promote"), **lines}), lab=ScriptedLab()
    )

    await play(ensemble, run)

    begun = turns_begun(run)
    assert sorted(begun[:2]) == ["a/panel_member#0", "b/panel_member#0"]
    assert begun[2:] == ["d/auditor#0", "c/decision_maker#0"]


async def test_a_seat_entered_from_the_start_too_waits_and_takes_one_turn() -> None:
    topology = Topology(
        "early",
        (
            Edge(START, ("chair", "a"), Role.PANEL_MEMBER),
            Edge("a", "b", Role.PANEL_MEMBER),
            Edge("b", "chair", Role.PANEL_MEMBER),
            Edge("chair", END),
        ),
    )
    run = scripted_context(an_ensemble(topology), scripted({"*": an_answer("promote")}))

    await play(an_ensemble(topology), run)

    assert turns_begun(run) == [f"{seat}/panel_member#0" for seat in ("a", "b", "chair")]


@pytest.mark.parametrize("at_the_lab", [0, 1, 2])
async def test_members_who_are_done_at_different_times_take_their_edge_once(
    at_the_lab: int,
) -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / "panel.py"), {"panel": 3}, tools=["check_data"])
    requests = [a_request(seed=n) for n in range(at_the_lab)]
    lines = {"*": an_answer("promote"), "panel[1]": [*requests, an_answer("promote")]}
    run = scripted_context(ensemble, scripted(lines), lab=ScriptedLab())

    await play(ensemble, run)

    (decided,) = [event.value for event in run.journal.events if event.event == "decided"]
    assert decided["taken"] == {"START/0": 1, "panel/0": 1, "chair/0": 1}


async def test_two_branches_that_never_meet_both_end_before_the_decision() -> None:
    topology = Topology(
        "apart",
        (
            Edge(START, ("a", "b"), Role.PANEL_MEMBER),
            Edge("a", "c", Role.PANEL_MEMBER),
            Edge("b", END),
            Edge("c", END),
        ),
    )
    ensemble = an_ensemble(topology, tools=["check_data"])
    script = scripted(
        {"*": an_answer("promote"), "b": [a_request(), a_request(seed=1), an_answer("promote")]}
    )
    run = scripted_context(ensemble, script, lab=ScriptedLab())

    state = await play(ensemble, run)

    assert state["decision"]["witnesses"]["answered"] == 3
    assert [e.event for e in run.journal.events].count("decided") == 1


async def test_branches_of_a_loop_go_side_by_side_and_its_end_waits_for_both() -> None:
    both_have_been_asked = asyncio.Barrier(2)
    topology = Topology(
        "ring",
        (
            *UNEQUAL.edges[:-1],
            Edge("c", ("a", "b"), Role.ADVISEE, when=ALWAYS, at_most=1),
            Edge("c", END),
        ),
    )

    async def waits_for_the_other(candidate: Candidate, call: ModelCall) -> Reply:
        if call.key.partition("/")[0] in ("a", "b"):
            async with asyncio.timeout(5):
                await both_have_been_asked.wait()
        return await scripted({"*": an_answer("promote")})(candidate, call)

    run = scripted_context(an_ensemble(topology), waits_for_the_other)

    await play(an_ensemble(topology), run)

    begun = turns_begun(run)
    assert begun[2:4] == ["d/auditor#0", "c/decision_maker#0"]
    assert sorted(begun[4:6]) == ["a/advisee#0", "b/advisee#0"]
    assert begun[6:] == ["d/auditor#1", "c/decision_maker#1"]


@pytest.mark.parametrize("rounds", [1, 2, 3])
async def test_a_loop_ends_after_as_many_rounds_as_its_edge_allows(rounds: int) -> None:
    topology = Topology(
        "loop",
        (
            Edge(START, "writer", Role.SOLO),
            Edge("writer", "critic", Role.AUDITOR),
            Edge("critic", "writer", Role.ADVISEE, when=found(), at_most=rounds),
            Edge("critic", "chair", Role.DECISION_MAKER),
            Edge("chair", END),
        ),
    )
    ensemble = an_ensemble(topology)
    never_content = an_answer(findings=[a_finding()])
    run = scripted_context(ensemble, scripted({"*": an_answer("promote"), "critic": never_content}))

    await play(ensemble, run)

    again = [
        key for n in range(rounds) for key in (f"writer/advisee#{n}", f"critic/auditor#{n + 1}")
    ]
    assert turns_begun(run) == [
        "writer/solo#0",
        "critic/auditor#0",
        *again,
        "chair/decision_maker#0",
    ]


async def test_a_bounded_loop_back_into_the_same_role_is_taken() -> None:
    topology = Topology(
        "again",
        (
            Edge(START, "panel", Role.PANEL_MEMBER),
            Edge("panel", "panel", Role.PANEL_MEMBER, when=split(), at_most=1),
            Edge("panel", END),
        ),
    )
    ensemble = an_ensemble(topology, {"panel": 2})
    script = scripted(
        {
            "panel[0]": [an_answer("promote"), an_answer("reject")],
            "panel[1]": [an_answer("reject"), an_answer("promote")],
        }
    )
    run = scripted_context(ensemble, script)

    await play(ensemble, run)

    assert turns_begun(run) == [
        f"panel[{place}]/panel_member#{occurrence}" for occurrence in (0, 1) for place in (0, 1)
    ]


async def test_a_way_that_leads_to_the_seat_itself_and_to_another_is_gone_whole() -> None:
    topology = Topology(
        "both",
        (
            Edge(START, "a", Role.SOLO),
            Edge("a", ("a", "b"), Role.ADVISEE, at_most=1),
            Edge("a", END),
            Edge("b", END),
        ),
    )
    run = scripted_context(an_ensemble(topology), scripted({"*": an_answer("promote")}))

    await play(an_ensemble(topology), run)

    assert turns_begun(run) == ["a/solo#0", "a/advisee#0", "b/advisee#0"]


@pytest.mark.parametrize(
    ("whens", "taken"),
    [
        ((ALWAYS, ALWAYS, None), "one"),
        ((NEVER, ALWAYS, None), "two"),
        ((~ALWAYS, NEVER | ~NEVER, None), "two"),
        ((ALWAYS & NEVER, NEVER, None), "three"),
        ((NEVER, NEVER, ALWAYS), "three"),
        ((NEVER, NEVER, NEVER), None),
    ],
)
@pytest.mark.parametrize("members", [1, 3])
async def test_the_first_edge_whose_condition_holds_is_taken_once(
    whens: Sequence[Condition | None], taken: str | None, members: int
) -> None:
    ways = zip(("one", "two", "three"), whens, strict=True)
    topology = Topology(
        "fork",
        (
            Edge(START, "panel", Role.PANEL_MEMBER),
            *(Edge("panel", seat, Role.AUDITOR, when=when) for seat, when in ways),
            *(Edge(seat, END) for seat in ("one", "two", "three")),
        ),
    )
    ensemble = an_ensemble(topology, {"panel": members} if members > 1 else {})
    run = scripted_context(ensemble, scripted({"*": an_answer("promote")}))

    state = await play(ensemble, run)

    assert turns_begun(run)[members:] == ([f"{taken}/auditor#0"] if taken else [])
    assert state["decision"]["decision"]["position"] == "promote"


@pytest.mark.parametrize("at_the_lab", [0, 1, 2])
async def test_a_panel_in_mid_graph_chooses_its_way_when_its_last_member_is_done(
    at_the_lab: int,
) -> None:
    topology = Topology(
        "mid",
        (
            Edge(START, "scout", Role.INPUT_PROVIDER),
            Edge("scout", "panel", Role.PANEL_MEMBER),
            Edge("panel", "breaker", Role.TIEBREAKER, when=split()),
            Edge("panel", "chair", Role.DECISION_MAKER),
            Edge("breaker", "chair", Role.DECISION_MAKER),
            Edge("chair", END),
        ),
    )
    ensemble = an_ensemble(topology, {"panel": 3}, tools=["check_data"])
    dissents = [*[a_request(seed=n) for n in range(at_the_lab)], an_answer("reject")]
    run = scripted_context(
        ensemble,
        scripted({"*": an_answer("promote"), "panel[1]": dissents}),
        lab=ScriptedLab(),
    )

    await play(ensemble, run)

    assert turns_begun(run) == [
        "scout/input_provider#0",
        *[f"panel[{n}]/panel_member#0" for n in range(3)],
        "breaker/tiebreaker#0",
        "chair/decision_maker#0",
    ]


@pytest.mark.parametrize("dissent_comes_late", [False, True])
async def test_a_panel_in_mid_graph_goes_one_way_though_a_member_comes_late(
    dissent_comes_late: bool,  # noqa: FBT001
) -> None:
    topology = Topology(
        "mid",
        (
            Edge(START, "scout", Role.INPUT_PROVIDER),
            Edge("scout", "panel", Role.PANEL_MEMBER),
            Edge("panel", "alarm", Role.GATE_REVIEWER, when=split()),
            Edge("panel", "calm", Role.GATE_REVIEWER),
            Edge("alarm", END),
            Edge("calm", END),
        ),
    )
    ensemble = an_ensemble(topology, {"panel": 2}, tools=["check_data"])
    late = [a_request(), an_answer("reject" if dissent_comes_late else "promote")]
    run = scripted_context(
        ensemble, scripted({"*": an_answer("promote"), "panel[1]": late}), lab=ScriptedLab()
    )

    await play(ensemble, run)

    goes_to = "alarm" if dissent_comes_late else "calm"
    assert turns_begun(run)[3:] == [f"{goes_to}/gate_reviewer#0"]


async def test_a_seat_whose_model_fails_is_a_turn_that_says_so_and_the_others_stay() -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / "panel.py"), {"panel": 3})
    gone = ModelFailure(Failure.AUTH, "no key")
    run = scripted_context(ensemble, scripted({"*": an_answer("promote"), "panel[1]": gone}))

    state = await play(ensemble, run)

    turns = {key: turn["status"] for key, turn in state["turns"].items()}
    lost = state["turns"]["panel[1]/panel_member#0"]
    assert turns == {
        "panel[0]/panel_member#0": "answered",
        "panel[1]/panel_member#0": "failed",
        "panel[2]/panel_member#0": "answered",
        "chair/decision_maker#0": "answered",
    }
    assert "no key" in lost["problem"]
    assert lost["fallbacks"][0]["class"] == "auth"
    assert state["decision"]["authority_reasons"] == ["panel[1] is lost: failed"]


async def test_a_limit_that_would_be_crossed_ends_the_run_before_the_call() -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / "review.py"), {"panel": 2})
    script = scripted({"*": an_answer("promote")})
    run = scripted_context(ensemble, script, limits=Limits(model_calls=3))

    with pytest.raises(OverLimit, match="model_calls to 4, the limit is 3"):
        await play(ensemble, run)

    assert [call.key.partition("/")[0] for call in script.asked] == [
        "panel[0]",
        "panel[1]",
        "auditor",
    ]
    assert not decided(run)


async def test_a_step_that_would_cross_a_limit_asks_none_of_its_seats() -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / "panel.py"), {"panel": 5})
    script = scripted({"*": an_answer("promote")}, delay_s=0.01)
    run = scripted_context(ensemble, script, limits=Limits(model_calls=3))

    with pytest.raises(OverLimit, match=r"panel\[3\].*model_calls to 4"):
        await play(ensemble, run)

    assert script.asked == []


def decided(run: RunContext) -> bool:
    return any(event.event == "decided" for event in run.journal.events)
