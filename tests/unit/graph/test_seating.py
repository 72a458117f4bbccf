"""Who sits where: every fault of a cast at once, names that stay, what an answer must hold."""

import pytest

from ensemble.errors import Faults, InvalidFile
from ensemble.graph.seating import Member, node_name, seat
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.testing.panels import an_agent, an_ensemble

REVIEW = Topology(
    "review",
    (
        Edge(START, "panel", "panel_member"),
        Edge("panel", "auditor", "auditor"),
        Edge("auditor", "chair", "decision_maker"),
        Edge("chair", END),
    ),
)


def test_one_node_stands_for_each_member_in_each_role() -> None:
    ensemble = an_ensemble(REVIEW, {"panel": 2})

    names = [node_name(member.path, role) for member, role in ensemble.nodes()]

    assert names == [
        "panel[0]@panel_member",
        "panel[1]@panel_member",
        "auditor@auditor",
        "chair@decision_maker",
    ]


def test_every_fault_of_a_cast_is_told_at_once() -> None:
    members = [Member("pannel", "pannel", an_agent(), where="s.yaml:3:1")]

    with pytest.raises(Faults) as caught:
        seat(REVIEW, members, where="s.yaml:2:1")

    assert [fault.problem for fault in caught.value.faults] == [
        "graph 'review' has no seat 'pannel'",
        "nobody sits at 'panel' (as panel_member) of graph 'review'",
        "nobody sits at 'auditor' (as auditor) of graph 'review'",
        "nobody sits at 'chair' (as decision_maker) of graph 'review'",
    ]
    assert caught.value.faults[0].fix == "did you mean 'panel'?"


def test_a_role_of_its_own_needs_an_agent_that_declares_it() -> None:
    topology = Topology("own", (Edge(START, "a", "herald"), Edge("a", END)))
    herald = an_agent("crier", ensemble_roles={"herald": "Announce"})

    seated = an_ensemble(topology, {"a": herald})

    assert seated.castings["a", "herald"].behaviour == "Announce"
    with pytest.raises(InvalidFile, match="declares no role 'herald'"):
        an_ensemble(topology)


def test_an_answer_must_hold_what_its_role_is_for() -> None:
    ensemble = an_ensemble(REVIEW, tools=["train"])

    wanted = {
        path: ensemble.wanted(casting, ["F1"]) for (path, _), casting in ensemble.castings.items()
    }

    assert (wanted["panel"].choices, wanted["panel"].findings) == (("promote", "reject"), True)
    assert (wanted["auditor"].choices, wanted["auditor"].findings) == ((), True)
    assert (wanted["chair"].dispositions, wanted["chair"].claims) == (("F1",), True)
    assert wanted["panel"].dispositions == ()
    assert wanted["panel"].tools == ("train",)


def test_a_member_is_told_who_reads_it_next_but_not_how_many_sit_beside_it() -> None:
    ensemble = an_ensemble(REVIEW, {"panel": 3})

    standing = ensemble.standing(ensemble.at("panel")[0])

    assert standing.readers == ("the auditor (auditor)",)
    assert standing.alone is False
    assert ensemble.standing(ensemble.at("chair")[0]).readers == ()
