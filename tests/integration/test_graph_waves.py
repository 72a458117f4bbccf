"""A panel asked in waves: who need not be asked any more is not, and the outcome is the same."""

from typing import Any

import pytest

from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role
from ensemble.testing import scripted
from ensemble.testing.panels import an_answer, an_ensemble, play, scripted_context, turns_begun

VOTE = Topology(
    "vote",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "panel", Role.ADVISEE, at_most=1),
        Edge("auditor", END),
    ),
)
ONCE = Topology("once", (Edge(START, "panel", Role.PANEL_MEMBER), Edge("panel", END)))


def five(topology: Topology = ONCE, *, ask_in: tuple[int, ...] = (3, 2)) -> Ensemble:
    rules = Rules(rule="majority", quorum=2, ask_in=ask_in)
    return an_ensemble(topology, {"panel": 5}, rules=rules)


def voting(votes: str) -> dict[str, Any]:
    names = {"p": "promote", "r": "reject"}
    lines = {f"panel[{n}]": an_answer(names[vote]) for n, vote in enumerate(votes)}
    return {**lines, "auditor": an_answer()}


@pytest.mark.parametrize(
    ("votes", "ask_in", "asked"),
    [
        ("pppxx", (3, 2), 3),
        ("pprrp", (3, 2), 5),
        ("pprpx", (3, 1, 1), 4),
        ("ppprr", (5,), 5),
        ("ppppp", (1, 4), 5),  # the quorum of two has not answered after the first
    ],
)
async def test_a_later_wave_is_asked_only_while_it_can_change_the_outcome(
    votes: str, ask_in: tuple[int, ...], asked: int
) -> None:
    ensemble = five(ask_in=ask_in)
    run = scripted_context(ensemble, scripted(voting(votes.replace("x", "r"))))

    state = await play(ensemble, run)

    assert len(turns_begun(run)) == asked
    spared = [t["path"] for t in state["turns"].values() if t["status"] == "not_needed"]
    assert spared == [f"panel[{n}]" for n in range(asked, 5)]
    decision = state["decision"]
    assert decision["decision"]["position"] == "promote"
    assert decision["authority"] == "decided"
    assert decision["witnesses"]["seated"] == 5


async def test_who_was_not_asked_takes_no_part_in_a_later_round() -> None:
    ensemble = five(VOTE)
    run = scripted_context(ensemble, scripted(voting("ppprr")))

    await play(ensemble, run)

    again = [key for key in turns_begun(run) if "/advisee#" in key]
    assert sorted(again) == [f"panel[{n}]/advisee#0" for n in range(3)]
