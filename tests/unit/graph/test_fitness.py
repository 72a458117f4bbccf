"""Whether a cast fits its graph: who decides, votes, audits, hands over, and holds which tools."""

from collections.abc import Mapping
from typing import Final

import pytest

from ensemble.graph.fitness import misfits
from ensemble.graph.seating import Ensemble, Member, Rules, seat
from ensemble.graph.soundness import MEANINGS
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.testing.panels import Held, an_agent, an_ensemble

REVIEW: Final = Topology(
    "review",
    (
        Edge(START, "panel", "panel_member"),
        Edge("panel", "auditor", "auditor"),
        Edge("auditor", "chair", "decision_maker"),
        Edge("chair", END),
    ),
)
PEERS: Final = Topology(
    "peers",
    (
        Edge(START, "panel", "panel_member"),
        Edge("panel", "panel", "auditor", at_most=1),
        Edge("panel", END),
    ),
)
WRITER: Final = an_agent("writer", tools={"audit": "Read, Write", "solution": "Read, Edit"})
HOLDS: Final = "{} audits as {} and holds {} by tool mode audit"


def up_to(*names: str, escalate_to: str = "human") -> Held:
    return [an_agent(name, escalation={"escalate_to": escalate_to}) for name in names]


@pytest.mark.parametrize(
    ("code", "cast", "quorum", "problem"),
    [
        ("G013", {"chair": 2}, 1, "2 agents hold 'chair', the seat that decides"),
        ("G014", {"panel": 3}, 4, "the quorum is 4, but 3 vote"),
        (
            "G015",
            {"panel": [an_agent("one")], "auditor": an_agent("one")},
            1,
            "auditor would audit one, which is itself",
        ),
        (
            "G016",
            {"panel": up_to("b", "c", escalate_to="a or human"), "auditor": an_agent(
                "a", escalation={"escalate_to": "nobody, b"}
            )},
            1,
            "escalation goes in a circle: a → b → a",
        ),
        ("G017", {"auditor": WRITER}, 1, HOLDS.format("auditor", "auditor", "Write")),
        ("G017", {"panel": WRITER}, 1, HOLDS.format("panel", "panel_member", "Write")),
    ],
)  # fmt: skip
def test_each_misfit_of_a_cast_has_its_code_and_stands_alone(
    code: str, cast: Mapping[str, Held], quorum: int, problem: str
) -> None:
    faults = misfits(an_ensemble(REVIEW, cast, rules=Rules(quorum=quorum)))

    assert [(fault.code, fault.problem) for fault in faults] == [(code, problem)]
    assert code in MEANINGS


def test_a_cast_that_fits_has_no_misfits() -> None:
    ensemble = an_ensemble(REVIEW, {"panel": up_to("b", "c", escalate_to="chair")})

    assert misfits(ensemble) == []


def test_peers_audit_each_other_but_one_cannot_audit_itself() -> None:
    several, alone = an_ensemble(PEERS, {"panel": 2}), an_ensemble(PEERS)

    assert misfits(several) == []
    assert [fault.code for fault in misfits(alone)] == ["G015"]


def test_escalation_that_names_a_person_first_is_no_circle() -> None:
    ensemble = an_ensemble(
        REVIEW,
        {
            "panel": up_to("a", escalate_to="human or b"),
            "auditor": an_agent("b", escalation={"escalate_to": "a"}),
        },
    )

    assert misfits(ensemble) == []


def test_an_auditor_that_a_scenario_gives_another_tool_mode_cannot_write_either() -> None:
    ensemble = seated(tool_mode="solution")

    faults = misfits(ensemble)

    assert ensemble.castings["auditor", "auditor"].tools == ("Read", "Edit")
    assert [fault.code for fault in faults] == ["G017"]
    assert faults[0].where == "s.yaml:7:3"
    assert "leave the seat's tool mode at audit" in faults[0].fix


@pytest.mark.parametrize(
    ("tools", "held"),
    [
        ("Read, Grep, Bash, WebFetch", None),
        ("Read, Bash(git log:*)", None),
        ("Read, Task", "Task"),
        ("Read, mcp__tracker__close", "mcp__tracker__close"),
    ],
)
def test_an_audit_holds_nothing_but_what_is_known_to_look(tools: str, held: str | None) -> None:
    ensemble = an_ensemble(REVIEW, {"auditor": an_agent("auditor", tools={"audit": tools})})

    told = [fault.problem for fault in misfits(ensemble)]

    assert told == ([HOLDS.format("auditor", "auditor", held)] if held else [])


def test_one_who_mends_may_write() -> None:
    back = Edge("auditor", "panel", "advisee", at_most=1)
    revise = Topology("revise", (*REVIEW.edges[:2], back, Edge("auditor", END)))
    author = an_agent("author", tools={"audit": "Read", "solution": "Write"}, role="executor")
    ensemble = an_ensemble(revise, {"panel": author})

    assert ensemble.castings["panel", "advisee"].tools == ("Write",)
    assert misfits(ensemble) == []


def seated(*, tool_mode: str) -> Ensemble:
    members = [Member(name, name, an_agent(name)) for name in ("panel", "chair")]
    return seat(
        REVIEW, [*members, Member("auditor", "auditor", WRITER, None, tool_mode, "s.yaml:7:3")]
    )
