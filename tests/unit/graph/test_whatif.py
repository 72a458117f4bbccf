"""Decisions made again with something changed: answers keep what they speak of."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from ensemble.errors import UsageError
from ensemble.graph.decision import decide
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.whatif import SEATS_SHARED, Change, Taken
from ensemble.roles import Role
from ensemble.testing.panels import a_finding, a_state, a_turn, an_answer, an_evidence

REVIEW: Final = Topology(
    "review",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)
P, R = "promote", "reject"


def member(number: int, position: str = P, **parts: Any) -> Turn:
    return a_turn(f"panel[{number}]", answer=an_answer(position, **parts))


def auditor(**parts: Any) -> Turn:
    return a_turn("auditor", "auditor", an_answer(**parts), rank=1, step=1)


def chair(position: str = P, **parts: Any) -> Turn:
    return a_turn("chair", "decision_maker", an_answer(position, **parts), rank=2, step=2)


def taken(*turns: Turn, evidence: Sequence[Mapping[str, Any]] = (), **rules: Any) -> Taken:
    rules = {"rule": "majority", **rules}
    return Taken(Ensemble(REVIEW, (), rules=Rules(**rules)), a_state(*turns, evidence=evidence))


def came_to(run: Taken, **change: Any) -> tuple[str | None, str]:
    made = run.decide(Change(**change))
    return made["decision"]["position"], made["authority"]


def test_with_nothing_changed_it_is_the_decision_itself() -> None:
    answered = {"finding": "F1", "state": "accepted", "reason": "true"}
    run = taken(member(0, findings=[a_finding()]), member(1, R), chair(dispositions=[answered]),
                evidence=[an_evidence(leak=False)], rule="chair")  # fmt: skip

    assert run.decide() == decide(run.ensemble, run.state)


def test_findings_keep_the_ids_that_the_chair_answered_them_by() -> None:
    run = taken(
        member(0, findings=[a_finding(title="first")]),
        member(1, findings=[a_finding(title="second")]),
        chair(
            dispositions=[
                {"finding": "F1", "state": "rejected", "reason": ""},
                {"finding": "F2", "state": "accepted", "reason": "true"},
            ]
        ),
        rule="chair",
    )

    made = run.decide(Change(without=("panel[0]",)))

    assert [(f["id"], f["title"]) for f in made["findings"]] == [("F2", "second")]
    assert made["decision"]["dispositions"][0]["state"] == "accepted"
    assert (made["authority"], made["authority_reasons"]) == ("decided", [])


def test_a_view_keeps_its_id_when_another_is_gone() -> None:
    answered = {"finding": "V2", "state": "rejected", "reason": "it leaks"}
    run = taken(
        member(0, "alter"), member(1, P), member(2, R), chair(R, dispositions=[answered]),
        rule="chair",
    )  # fmt: skip

    others = run.decide(Change(without=("panel[0]",)))["decision"]["minority"]

    assert [(view["id"], view["state"]) for view in others] == [("V2", "rejected")]


@pytest.mark.parametrize(
    ("change", "position", "authority"),
    [
        ({}, P, "decided"),
        ({"without": ("panel[2]",)}, P, "decided"),
        ({"without": ("panel[0]",)}, None, "split"),
        ({"rule": "unanimous"}, None, "split"),
        ({"rule": "chair"}, R, "decided"),
        ({"rule": "chair", "without": ("chair",)}, P, "decided"),
        ({"quorum": 4}, P, "void"),
    ],
)
def test_a_vote_is_counted_by_what_is_changed(
    change: dict[str, Any], position: str | None, authority: str
) -> None:
    views = [{"finding": "V1", "state": "rejected", "reason": "it leaks"}]
    run = taken(member(0), member(1), member(2, R), chair(R, dispositions=views))

    assert came_to(run, **change) == (position, authority)


def test_what_a_dropped_seat_alone_had_measured_is_gone_with_it() -> None:
    claim = {"text": "no leak", "evidence": "L1/leak", "holds": True}
    asked_by = "panel[0]/panel_member#0"
    run = taken(
        member(0), member(1), chair(claims=[claim]), rule="chair",
        evidence=[an_evidence(asked_by=asked_by, leak=True)],
    )  # fmt: skip

    claims = [run.decide(Change(without=w))["decision"]["claims"] for w in ((), ("panel[0]",))]

    assert [told[0]["state"] for told in claims] == ["verified", "unchecked"]


@pytest.mark.parametrize(("to", "position"), [(0.5, R), (1, P), (2.5, P), (True, P), (False, R)])
def test_a_gate_is_judged_as_the_lab_judges_it(to: float | bool, position: str) -> None:  # noqa: FBT001
    failed = an_evidence(leak=False)  # measured 1, where at most 0 passes
    run = taken(member(0), member(1), evidence=[failed], on_gate_failed=R)

    assert run.decide()["decision"]["position"] == R
    assert came_to(run, gates={"L1/leak": to})[0] == position


@pytest.mark.parametrize(("claim", "position"), [(0.97, P), (0.98, R)])
def test_a_claim_is_judged_by_the_interval(claim: float, position: str) -> None:
    gate = {"name": "claim_holds", "value": 0.96, "threshold": 0.99, "passed": False}
    scored = {**an_evidence(), "tool": "evaluate", "gates": [{**gate, "interval": [0.93, 0.975]}]}
    run = taken(member(0), member(1), evidence=[scored], on_gate_failed=R)

    assert came_to(run, gates={"L1/claim_holds": claim})[0] == position


def test_a_gate_that_fails_only_now_is_a_finding_that_nobody_has_answered() -> None:
    run = taken(member(0), member(1), chair(), evidence=[an_evidence(leak=True)], rule="chair")

    made = run.decide(Change(gates={"L1/leak": False}))

    assert [(f["id"], f["kind"]) for f in made["findings"]] == [("G1", "gate")]
    assert "CRITICAL findings are open: G1" in made["authority_reasons"]


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        (Change(without=("panel[7]",)), "did you mean 'panel"),
        (Change(rule="majorty"), "did you mean 'majority'?"),
        (Change(gates={"L1/leek": 1.0}), "did you mean 'L1/leak'?"),
        (Change(gates={"L1/scaling_fitted_on_train": 1.0}), "`L1/scaling_fitted_on_train=pass`"),
    ],
)
def test_what_is_not_there_is_refused(change: Change, fix: str) -> None:
    evidence = [an_evidence(leak=True, scaling_fitted_on_train=True)]
    run = taken(member(0), member(1), evidence=evidence)

    with pytest.raises(UsageError, match="fix: ") as refused:
        run.decide(change)

    assert fix in refused.value.fix


def test_who_may_have_had_a_seats_words_in_sight_is_named() -> None:
    run = taken(member(0), member(1), auditor(), chair())

    assert run.readers("panel[0]") == ["auditor/auditor#0", "chair/decision_maker#0"]
    assert run.readers("auditor") == ["chair/decision_maker#0"]
    assert run.readers("chair") == run.readers() == []


def test_a_panel_member_has_in_sight_what_another_had_measured() -> None:
    measured = an_evidence(asked_by="panel[0]/panel_member#0", leak=True)
    later = a_turn("panel[0]", answer=an_answer(P), occurrence=1, step=1)
    other = a_turn("panel[1]", answer=an_answer(P), occurrence=1, step=1)

    alone = taken(member(0), member(1), later, other)
    with_lab = taken(member(0), member(1), later, other, evidence=[measured])

    assert alone.readers("panel[0]") == []
    assert with_lab.readers("panel[0]") == ["panel[1]/panel_member#1"]


def test_shares_add_up_and_alike_seats_have_alike_ones() -> None:
    run = taken(member(0), member(1), member(2), auditor())

    shares = run.shares()

    assert shares is not None
    assert shares["panel[0]"] == shares["panel[1]"] == shares["panel[2]"] == pytest.approx(1 / 3)
    assert shares["auditor"] == 0


def test_a_seat_whose_vote_stands_against_the_decision_has_a_share_below_nothing() -> None:
    run = taken(member(0), member(1), member(2, R))

    shares = run.shares()

    assert shares is not None
    assert shares["panel[2]"] < 0 < shares["panel[0]"]
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_are_not_counted_among_too_many() -> None:
    run = taken(*(member(number) for number in range(SEATS_SHARED + 1)))

    assert run.shares() is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change(), "nothing changed"),
        (Change(without=("a", "b"), rule="majority"), "without a, b; rule majority"),
        (Change(quorum=0, gates={"L1/x": 0.5, "L1/y": False}), "quorum 0; L1/x at 0.5; L1/y fails"),
    ],
)
def test_a_change_says_what_it_is(change: Change, told: str) -> None:
    assert str(change) == told
