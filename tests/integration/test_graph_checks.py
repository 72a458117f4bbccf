"""An answer says how it is verified: the lab does it, and the decision rests on that."""

from typing import Any, Final

import pytest

from ensemble.graph.findings import findings_of
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role
from ensemble.testing import scripted
from ensemble.testing.panels import (
    ScriptedLab,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
)

PANEL: Final = Topology(
    "panel",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)


def check(**given: Any) -> dict[str, Any]:
    return {
        "claim": "few rows are shared",
        "tool": "check_data",
        "spec": {"dataset": "digits"},
        "metric": "shared_rows",
        **given,
    }


async def decided(lines: dict[str, Any], lab: ScriptedLab) -> dict[str, Any]:
    ensemble = an_ensemble(PANEL, {"panel": 2}, tools=["check_data"])
    run = scripted_context(ensemble, scripted(lines), lab=lab)
    return await play(ensemble, run)


@pytest.mark.parametrize(
    ("bounds", "state", "authority"),
    [
        ({"at_most": 10.0}, "verified", "decided"),
        ({"at_least": 1.0, "at_most": 10.0}, "verified", "decided"),
        ({"at_least": 10.0}, "refuted", "void"),
        ({}, "unchecked", "advisory"),
    ],
)
async def test_a_decision_stands_or_falls_with_its_own_check(
    bounds: dict[str, float], state: str, authority: str
) -> None:
    chair = an_answer("promote", checks=[check(**bounds)])
    lab = ScriptedLab(lambda _: {"shared_rows": 7})

    made = (await decided({"panel": an_answer("promote"), "chair": chair}, lab))["decision"]

    assert made["decision"]["claims"] == [
        {"text": "few rows are shared", "state": state, "evidence": "L1/shared_rows"}
    ]
    assert made["authority"] == authority
    assert len(lab.asked) == 1


async def test_a_members_refuted_check_is_a_finding_that_the_chair_is_asked_about() -> None:
    member = an_answer("promote", checks=[check(at_least=10.0)])
    settles = [{"finding": "R1", "state": "accepted"}]
    lines = {
        "panel[0]": member,
        "panel[1]": an_answer("promote"),
        "chair": an_answer("reject", dispositions=settles),
    }

    state = await decided(lines, ScriptedLab(lambda _: {"shared_rows": 7}))

    refuted = findings_of(state)[0]
    assert (refuted.id, refuted.kind, refuted.by) == ("R1", "refuted", "panel[0]")
    assert refuted.evidence == "L1"
    assert state["decision"]["decision"]["dispositions"][0]["state"] == "accepted"


async def test_a_check_by_a_tool_that_the_turn_does_not_have_is_not_run() -> None:
    chair = an_answer("promote", checks=[check(tool="train", at_most=1.0)])
    lab = ScriptedLab()

    made = (await decided({"panel": an_answer("promote"), "chair": chair}, lab))["decision"]

    assert lab.asked == []
    assert made["decision"]["claims"][0]["state"] == "unchecked"


async def test_members_with_the_same_check_have_it_measured_once() -> None:
    member = an_answer("promote", checks=[check(at_most=10.0)])
    lab = ScriptedLab(lambda _: {"shared_rows": 7})

    state = await decided({"panel": member, "chair": an_answer("promote")}, lab)

    assert len(lab.asked) == 1
    assert [e["asked_by"] for e in state["evidence"].values()] == [
        ["panel[0]/panel_member#0", "panel[1]/panel_member#0"]
    ]
