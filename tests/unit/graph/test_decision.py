"""What a run amounts to: the rules of decisions, case by case and in general."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.graph.decision import LEVELS, decide
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role
from ensemble.testing.panels import (
    a_finding,
    a_state,
    a_turn,
    an_answer,
    an_ensemble,
    an_evidence,
)

REVIEW: Final = Topology(
    "review",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)
VOTE: Final = Topology("vote", (Edge(START, "panel", Role.PANEL_MEMBER), Edge("panel", END)))
P, R = "promote", "reject"


def panel(*positions: str | None, **changes: Any) -> list[Turn]:
    """Return a panel's turns; None is a seat that was lost."""
    return [
        a_turn(f"panel[{n}]", answer=an_answer(taken) if taken else None, **changes)
        for n, taken in enumerate(positions)
    ]


def auditor(*findings: Mapping[str, Any], **changes: Any) -> Turn:
    return a_turn("auditor", "auditor", an_answer(findings=list(findings)), rank=1, **changes)


def chair(position: str | None = P, result: str = "sound", **parts: Any) -> Turn:
    answer = an_answer(position, result, **parts) if position else None
    return a_turn("chair", "decision_maker", answer, rank=2)


def made(
    turns: Sequence[Turn],
    evidence: Sequence[Mapping[str, Any]] = (),
    *,
    topology: Topology = REVIEW,
    **rules: Any,
) -> dict[str, Any]:
    members = sum(turn.seat == "panel" for turn in turns)
    return decide(
        an_ensemble(topology, {"panel": max(members, 1)}, rules=Rules(**rules)),
        a_state(*turns, evidence=evidence),
    )


@pytest.mark.parametrize(
    ("rules", "votes", "position", "authority", "reasons"),
    [
        ({"rule": "majority"}, [P, P, R], P, "decided", []),
        ({"rule": "majority"}, [P, R], None, "split",
         ["no position has the votes: promote 1, reject 1 of 2"]),
        ({"rule": "majority"}, [P, P, R, R], None, "split",
         ["no position has the votes: promote 2, reject 2 of 4"]),
        ({"rule": "majority"}, [P, P, None, None], None, "split",
         ["no position has the votes: promote 2 of 4",
          "panel[2] is lost: failed", "panel[3] is lost: failed"]),
        ({"rule": "majority"}, [P, P, None], P, "degraded", ["panel[2] is lost: failed"]),
        ({"rule": "unanimous"}, [P, P, P], P, "decided", []),
        ({"rule": "unanimous"}, [P, P, R], None, "split",
         ["no position has the votes: promote 2, reject 1 of 3"]),
        ({"rule": "unanimous"}, [P, P, None], None, "split",
         ["no position has the votes: promote 2 of 3", "panel[2] is lost: failed"]),
        ({"rule": "weighted", "weights": {"panel[2]": 3}}, [P, P, R], R, "decided", []),
        ({"rule": "weighted", "weights": {"agent-of-panel[2]": 3}}, [P, P, R], R, "decided", []),
        ({"rule": "weighted", "weights": {"panel[2]": 2}}, [P, P, R], None, "split",
         ["no position has the votes: promote 2, reject 2 of 4"]),
        ({"rule": "weighted",
          "weights": {"panel[0]": 0.1, "panel[1]": 0.2, "panel[2]": 0.3}}, [P, P, R], None, "split",
         ["no position has the votes: promote 0.3, reject 0.3 of 0.6"]),
        ({"rule": "majority", "weights": {"panel[2]": 9}}, [P, P, R], P, "decided", []),
        ({"rule": "majority", "quorum": 3}, [P, P, None], P, "void",
         ["2 of 3 answered, the quorum is 3", "panel[2] is lost: failed"]),
        ({"rule": "majority"}, [None, None], None, "void",
         ["no position was reached", "0 of 2 answered, the quorum is 1",
          "panel[0] is lost: failed", "panel[1] is lost: failed"]),
        ({"rule": "chair"}, [P, P, R], P, "decided", []),
    ],
)  # fmt: skip
def test_a_vote_is_counted_by_its_rule(
    rules: dict[str, Any],
    votes: list[str | None],
    position: str | None,
    authority: str,
    reasons: list[str],
) -> None:
    decision = made(panel(*votes), topology=VOTE, **rules)

    assert decision["decision"]["position"] == position
    assert decision["authority"] == authority
    assert decision["authority_reasons"] == reasons


def test_the_chair_decides_also_against_the_panel() -> None:
    disposes = [{"finding": "V1", "state": "rejected", "reason": "the data leaks"}]

    decision = made(
        [*panel(P, P, P), auditor(), chair(R, "too early", confidence="low", dispositions=disposes)]
    )

    assert decision["authority"] == "decided"
    assert decision["decision"]["overrides"] == [
        {"what": "3 of 3 voters", "by": "chair", "reason": ""}
    ]
    assert decision["decision"]["seat"] == "chair"
    assert decision["decision"]["position"] == R
    assert decision["decision"]["result"] == "too early"
    assert decision["decision"]["confidence"]["level"] == "low"
    assert [dissent["seat"] for dissent in decision["decision"]["minority"]] == [
        f"panel[{n}]" for n in range(3)
    ]


def test_a_lost_chair_is_replaced_by_the_vote_and_that_is_said() -> None:
    decision = made([*panel(P, R, R), auditor(), chair(None)])

    assert decision["decision"]["position"] == R
    assert decision["decision"]["seat"] == "panel[1]"
    assert decision["authority"] == "degraded"
    assert decision["authority_reasons"] == [
        "chair gave no answer; the vote stands in for it",
        "chair is lost: failed",
    ]


def test_a_lost_chair_over_a_tied_panel_is_split() -> None:
    decision = made([*panel(P, R), auditor(), chair(None)])

    assert decision["decision"]["position"] is None
    assert decision["decision"]["seat"] is None
    assert decision["authority"] == "split"


@pytest.mark.parametrize("status", ["failed", "unparsed", "refused"])
def test_whichever_way_a_seat_is_lost_it_abstains_and_degrades(status: str) -> None:
    lost = a_turn("panel[2]", status=status, served="scripted/m")

    decision = made([*panel(P, P), lost, auditor(), chair()])

    assert decision["authority"] == "degraded"
    assert decision["authority_reasons"] == [f"panel[2] is lost: {status}"]
    assert decision["witnesses"] == {
        "seated": 3,
        "answered": 2,
        "effective": 2.0,
        "clones": {},
    }


def test_a_failed_gate_fixes_the_position_whatever_the_chair_says() -> None:
    decision = made([*panel(P), chair(P)], [an_evidence(leak=False)], on_gate_failed=R)

    assert decision["decision"]["position"] == R
    assert decision["decision"]["fixed_by_rule"] == "on_gate_failed: leak (L1)"
    assert [item["seat"] for item in decision["decision"]["minority"]] == ["panel[0]", "chair"]


@pytest.mark.parametrize("passed", [True, None])
def test_a_gate_that_did_not_fail_fixes_nothing(passed: bool | None) -> None:  # noqa: FBT001
    decision = made([*panel(P), chair(P)], [an_evidence(leak=passed)], on_gate_failed=R)

    assert decision["decision"]["position"] == P
    assert decision["decision"]["fixed_by_rule"] is None


@pytest.mark.parametrize(
    ("evidence", "holds", "state", "authority", "reasons"),
    [
        ("L1/leak", True, "verified", "decided", []),
        ("L1", False, "unchecked", "advisory", ["1 claims it rests on are unchecked"]),
        ("L2", False, "verified", "decided", []),
        ("L1/leak", False, "refuted", "void", ["it rests on a claim that L1/leak refutes"]),
        ("L2/skew", True, "refuted", "void", ["it rests on a claim that L2/skew refutes"]),
        ("L3/open", True, "unchecked", "advisory", ["1 claims it rests on are unchecked"]),
        ("L9/leak", True, "unchecked", "advisory", ["1 claims it rests on are unchecked"]),
        (None, True, "unchecked", "advisory", ["1 claims it rests on are unchecked"]),
    ],
)
def test_a_claim_is_held_against_the_gate_that_it_names(
    evidence: str | None,
    holds: bool,  # noqa: FBT001
    state: str,
    authority: str,
    reasons: list[str],
) -> None:
    measured = [
        an_evidence("L1", leak=True, other=True),
        an_evidence("L2", skew=False),
        an_evidence("L3", open=None),
    ]
    settled = [{"finding": name, "state": "accepted"} for name in ("G1", "G2")]
    claim = {"text": "it is clean", "evidence": evidence, "holds": holds}

    decision = made([*panel(P), chair(claims=[claim], dispositions=settled)], measured)

    assert [claim["state"] for claim in decision["decision"]["claims"]] == [state]
    assert decision["authority"] == authority
    assert decision["authority_reasons"] == reasons


@pytest.mark.parametrize(
    ("given", "reason", "authority"),
    [
        ("accepted", "", "decided"),
        ("fixed", "", "decided"),
        ("rejected", "it was measured", "decided"),
        ("rejected", "", "advisory"),
        ("deferred", "", "advisory"),
        (None, "", "advisory"),
    ],
)
def test_a_critical_finding_stays_open_until_the_decider_settles_it(
    given: str | None, reason: str, authority: str
) -> None:
    settled = [{"finding": "F1", "state": given, "reason": reason}] if given else []

    decision = made([*panel(P), auditor(a_finding()), chair(dispositions=settled)])

    assert decision["authority"] == authority
    assert [item["state"] for item in decision["decision"]["dispositions"]] == [given or "open"]


def test_a_decider_answers_every_finding_however_small() -> None:
    decision = made([*panel(P), auditor(a_finding("HIGH"), a_finding("INFO")), chair()])

    assert decision["authority"] == "advisory"
    assert decision["authority_reasons"] == ["left without an answer: F1, F2"]
    assert [item["state"] for item in decision["decision"]["dispositions"]] == ["open", "open"]


def test_a_member_cannot_settle_findings_in_the_place_of_a_lost_chair() -> None:
    settles = an_answer(P, dispositions=[{"finding": "F1", "state": "rejected"}])

    decision = made([a_turn("panel[0]", answer=settles), auditor(a_finding()), chair(None)])

    assert decision["decision"]["dispositions"][0]["state"] == "open"
    assert "CRITICAL findings are open: F1" in decision["authority_reasons"]


@pytest.mark.parametrize(
    ("changes", "authority", "reason"),
    [
        ({"weak": True, "stand_in": True}, "advisory", "the embedded model served panel[0]"),
        ({"stand_in": True}, "advisory", "a fallback model served panel[0]"),
        ({"truncated": True}, "degraded", "the answer of panel[0] was cut at its token limit"),
    ],
)
def test_what_served_a_seat_limits_how_far_it_is_trusted(
    changes: dict[str, Any], authority: str, reason: str
) -> None:
    decision = made([*panel(P, **changes), auditor(), chair()])

    assert decision["authority"] == authority
    assert decision["authority_reasons"] == [reason]


def test_two_seats_that_one_model_served_are_one_witness() -> None:
    decision = made([*panel(P, P, served="scripted/one"), chair()], quorum=2)

    assert decision["witnesses"] == {
        "seated": 2,
        "answered": 2,
        "effective": 1.0,
        "clones": {"scripted/one": ["panel[0]", "panel[1]"]},
    }
    assert decision["authority"] == "advisory"
    assert decision["authority_reasons"] == ["2 answers come from 1 model, the quorum is 2"]


def test_clones_alone_never_decide_even_where_a_quorum_of_one_is_met() -> None:
    seats = panel(P, P, P, served="scripted/one")
    other = replace(seats[2], served="scripted/two")

    clones = made([*seats, chair()])
    two_models = made([*seats[:2], other, chair()])

    assert clones["authority"] == "advisory"
    assert clones["authority_reasons"] == ["3 answers come from 1 model"]
    assert two_models["authority"] == "decided"


def test_one_model_over_three_routes_is_one_witness() -> None:
    routes = (
        "anthropic/claude-opus-5-5",
        "openrouter/anthropic/claude-opus-5.5",
        "litellm/anthropic/claude-opus-5-5",
    )
    seats = [
        replace(turn, served=route) for turn, route in zip(panel(P, P, P), routes, strict=True)
    ]

    decision = made([*seats, chair()])

    assert decision["witnesses"]["effective"] == 1.0
    assert decision["witnesses"]["clones"] == {"opus": [turn.path for turn in seats]}
    assert decision["authority_reasons"] == ["3 answers come from 1 model"]


@pytest.mark.parametrize(
    ("rules", "votes", "needed"),
    [
        ({"rule": "majority"}, [P, P, R], True),
        ({"rule": "majority"}, [P, P, P], False),
        ({"rule": "weighted", "weights": {"panel[2]": 0.5}}, [P, P, R], False),
        ({"rule": "weighted", "weights": {"panel[2]": 1.5}}, [P, P, R], True),
        ({"rule": "unanimous"}, [P, P, P], False),
    ],
)
def test_a_vote_that_only_clones_win_is_advice(
    rules: dict[str, Any],
    votes: list[str],
    needed: bool,  # noqa: FBT001
) -> None:
    seats = panel(*votes)
    clones = [replace(turn, served="scripted/one") for turn in seats[:2]]

    decision = made([*clones, seats[2]], topology=VOTE, **rules)

    assert decision["decision"]["position"] == P
    assert decision["authority_reasons"] == (
        [f"{P} wins only by clones: panel[0], panel[1]"] if needed else []
    )


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ([R, R, R], "3 tiebreakers are one model"),
        ([R, R, P], f"{R} wins only by clones: breaker[0], breaker[1]"),
    ],
)
def test_tiebreakers_that_one_model_serves_give_advice(votes: list[str], reason: str) -> None:
    breakers = [
        a_turn(f"breaker[{n}]", "tiebreaker", an_answer(taken), rank=1, served="scripted/one")
        for n, taken in enumerate(votes)
    ]

    decision = made([*panel(P, R), *breakers], topology=VOTE, rule="majority")

    assert decision["decision"]["position"] == R
    assert decision["authority"] == "advisory"
    assert reason in decision["authority_reasons"]


def test_the_last_one_left_of_a_panel_is_told_from_a_panel_that_is_one() -> None:
    lost = made([*panel(P, None, None), chair()])
    alone = made([*panel(P), chair()])

    assert lost["authority"] == "degraded"
    assert "1 of 3 answered" in lost["authority_reasons"]
    assert alone["authority"] == "decided"


def test_who_was_not_needed_is_not_missed() -> None:
    spared = [replace(turn, status="not_needed") for turn in panel(None, None, None)[1:]]

    decision = made([*panel(P), *spared], topology=VOTE, rule="weighted", weights={"panel[0]": 5})

    assert decision["authority"] == "decided"


def test_two_persons_are_two_witnesses() -> None:
    decision = made([*panel(P, P, served="manual/person"), chair()], quorum=2)

    assert decision["witnesses"]["effective"] == 2.0
    assert decision["authority"] == "decided"


def test_a_member_who_took_findings_in_votes_by_the_later_answer() -> None:
    later = a_turn("panel[0]", "advisee", an_answer(R), rank=0)

    decision = made([*panel(P, P, R), later], topology=VOTE, rule="majority")

    assert decision["decision"]["position"] == R
    assert decision["witnesses"]["seated"] == 3


def test_a_member_who_audits_the_others_keeps_the_own_vote() -> None:
    audits = [a_turn(f"panel[{n}]", "auditor", an_answer()) for n in range(3)]

    decision = made([*panel(P, P, R), *audits], topology=VOTE, rule="majority")

    assert decision["decision"]["position"] == P
    assert decision["witnesses"] == {
        "seated": 3,
        "answered": 3,
        "effective": 3.0,
        "clones": {},
    }


def test_a_tiebreaker_votes_with_the_panel() -> None:
    breaks = a_turn("breaker", "tiebreaker", an_answer(R))

    decision = made([*panel(P, R), breaks], topology=VOTE, rule="majority")

    assert decision["decision"]["position"] == R


def test_an_answer_without_a_position_is_an_abstention() -> None:
    turns = [a_turn(f"panel[{n}]", answer=an_answer(taken)) for n, taken in enumerate([P, None])]

    decision = made(turns, topology=VOTE, rule="majority")

    assert decision["decision"]["position"] is None
    assert decision["decision"]["seat"] is None
    assert decision["authority"] == "split"
    assert decision["witnesses"]["answered"] == 2


def test_every_cause_is_listed_the_gravest_first() -> None:
    turns = [
        *panel(P, None),
        a_turn("panel[2]", answer=an_answer(P), weak=True),
        a_turn("panel[3]", answer=an_answer(P), truncated=True, stand_in=True),
        auditor(a_finding()),
        chair(claims=[{"text": "one", "evidence": "L1/leak"}, {"text": "two"}]),
    ]

    decision = made(turns, [an_evidence(leak=False)], quorum=4)

    assert decision["authority"] == "void"
    assert decision["authority_reasons"] == [
        "3 of 4 answered, the quorum is 4",
        "it rests on a claim that L1/leak refutes",
        "panel[1] is lost: failed",
        "the answer of panel[3] was cut at its token limit",
        "the embedded model served panel[2]",
        "a fallback model served panel[3]",
        "CRITICAL findings are open: G1, F1",
        "left without an answer: G1, F1",
        "1 claims it rests on are unchecked",
    ]


def a_claim(evidence: str | None, holds: bool) -> dict[str, Any]:  # noqa: FBT001
    return {"text": "so", "evidence": evidence, "holds": holds}


positions = st.sampled_from([P, R, "hold", None])
traits: Final[st.SearchStrategy[dict[str, Any]]] = st.fixed_dictionaries(
    cast("dict[str, st.SearchStrategy[Any]]", {}),
    optional={
        "weak": st.booleans(),
        "stand_in": st.booleans(),
        "truncated": st.booleans(),
        "served": st.sampled_from(["a/1", "b/2", "manual/person"]),
    },
)
claims = st.lists(
    st.builds(a_claim, st.sampled_from(["L1/leak", "L2/skew", None]), st.booleans()),
    max_size=2,
)
findings = st.lists(st.sampled_from([a_finding(), a_finding("LOW", "a typo")]), max_size=2)


@st.composite
def turns_of_a_review(draw: st.DrawFn) -> list[Turn]:
    found: list[Turn] = []
    for n in range(draw(st.integers(1, 5))):
        answer = an_answer(draw(positions), findings=draw(findings), claims=draw(claims))
        lost = draw(st.integers(0, 4)) == 0
        found.append(a_turn(f"panel[{n}]", answer=None if lost else answer, **draw(traits)))
    found.append(auditor(*draw(findings), **draw(traits)))
    word = st.sampled_from(["accepted", "rejected", "deferred"])
    settled = [{"finding": f"F{n}", "state": draw(word)} for n in draw(st.sets(st.integers(1, 4)))]
    found.append(chair(draw(st.sampled_from([P, R])), dispositions=settled, claims=draw(claims)))
    return found


rules_of = st.builds(
    Rules,
    rule=st.sampled_from(["chair", "majority", "weighted", "unanimous"]),
    quorum=st.integers(1, 4),
    on_gate_failed=st.sampled_from([R, None]),
    weights=st.dictionaries(
        st.sampled_from(["panel[0]", "panel[1]"]), st.sampled_from([0.1, 0.2, 0.3, 2.0])
    ),
)
EVIDENCE: Final = [an_evidence("L1", leak=True), an_evidence("L2", skew=False)]


def seated(turns: Sequence[Turn], rules: Rules) -> Ensemble:
    return an_ensemble(REVIEW, {"panel": sum(t.seat == "panel" for t in turns)}, rules=rules)


@settings(max_examples=300, deadline=None)
@given(turns=turns_of_a_review(), rules=rules_of, which=st.integers(0, 99))
def test_losing_a_seat_never_raises_authority(turns: list[Turn], rules: Rules, which: int) -> None:
    lost = turns[which % len(turns)]
    gone = a_turn(lost.path, lost.role, None, rank=lost.rank)
    ensemble = seated(turns, rules)

    before = decide(ensemble, a_state(*turns, evidence=EVIDENCE))
    after = decide(ensemble, a_state(*(gone if t is lost else t for t in turns), evidence=EVIDENCE))

    if any(reason.startswith("it rests on a claim") for reason in before["authority_reasons"]):
        return  # whoever made the refuted claim may be who is gone, and the claim with them
    assert LEVELS.index(after["authority"]) >= LEVELS.index(before["authority"])


@settings(max_examples=200, deadline=None)
@given(turns=turns_of_a_review(), rules=rules_of, seed=st.integers(0, 2**16))
def test_the_order_in_which_turns_ended_never_changes_the_decision(
    turns: list[Turn], rules: Rules, seed: int
) -> None:
    shuffled = random.Random(seed).sample(turns, len(turns))  # noqa: S311 - an order, not a secret
    ensemble = seated(turns, rules)

    one = decide(ensemble, a_state(*turns, evidence=EVIDENCE))
    other = decide(ensemble, a_state(*shuffled, evidence=EVIDENCE[::-1]))

    assert other == one


@settings(max_examples=200, deadline=None)
@given(turns=turns_of_a_review(), rules=rules_of, seed=st.integers(0, 2**16))
def test_the_order_of_the_seats_never_changes_authority_or_position(
    turns: list[Turn], rules: Rules, seed: int
) -> None:
    rules = Rules(rules.rule, rules.quorum, rules.on_gate_failed)
    members = [turn for turn in turns if turn.seat == "panel"]
    moved = random.Random(seed).sample(members, len(members))  # noqa: S311 - as above
    places = [
        a_turn(f"panel[{n}]", answer=t.answer, weak=t.weak, truncated=t.truncated,
               stand_in=t.stand_in, served=t.served)
        for n, t in enumerate(moved)
    ]  # fmt: skip
    rest = [turn for turn in turns if turn.seat != "panel"]
    unsettled = [a_turn(t.path, t.role, {**(t.answer or {}), "dispositions": []}, rank=t.rank)
                 for t in rest]  # fmt: skip
    ensemble = seated(turns, rules)

    one = decide(ensemble, a_state(*members, *unsettled, evidence=EVIDENCE))
    other = decide(ensemble, a_state(*places, *unsettled, evidence=EVIDENCE))

    assert other["authority"] == one["authority"]
    assert other["decision"]["position"] == one["decision"]["position"]


@settings(max_examples=200, deadline=None)
@given(turns=turns_of_a_review(), rules=rules_of)
def test_a_decision_below_decided_says_why_and_one_that_is_decided_has_no_why(
    turns: list[Turn], rules: Rules
) -> None:
    decision = decide(seated(turns, rules), a_state(*turns, evidence=EVIDENCE))

    reasons = "\n".join(decision["authority_reasons"])
    lost = [turn.path for turn in turns if turn.status == "failed"]
    cut = [turn.path for turn in turns if turn.truncated]
    assert (decision["authority"] == "decided") == (reasons == "")
    assert all(f"{path} is lost" in reasons for path in lost)
    assert all(f"the answer of {path} was cut" in reasons for path in cut)


def test_whoever_sits_first_the_checks_of_all_who_carry_the_position_count() -> None:
    check: dict[str, Any] = {
        "claim": "few",
        "tool": "check_data",
        "spec": {},
        "metric": "n",
        "at_least": 9,
    }
    refuted = a_turn("panel[0]", answer=an_answer(P, checks=[check]), checked=["L1"])
    plain = a_turn("panel[1]", answer=an_answer(P))
    measured = {**an_evidence("L1", asked_by="panel[0]/panel_member#0"), "value": {"n": 3}}
    other_way = [replace(plain, path="panel[0]"), replace(refuted, path="panel[1]")]

    one = made([refuted, plain], [measured], topology=VOTE, rule="majority")
    two = made(other_way, [measured], topology=VOTE, rule="majority")

    assert one["authority"] == two["authority"] == "void"
    assert one["decision"]["claims"] == two["decision"]["claims"]
    assert sorted(one["decision"]["carried_by"]) == ["panel[0]", "panel[1]"]


def test_a_tiebreaker_decides_where_the_vote_does_not_and_only_there() -> None:
    breaks = a_turn("breaker", "tiebreaker", an_answer("wait"), rank=1)

    split = made([*panel(P, R, "wait"), breaks], topology=VOTE, rule="majority")
    won = made([*panel(P, P, R), breaks], topology=VOTE, rule="majority")

    assert (split["decision"]["position"], split["decision"]["seat"]) == ("wait", "breaker")
    assert split["authority"] == "decided"
    assert split["witnesses"]["seated"] == 3
    assert won["decision"]["position"] == P


@pytest.mark.parametrize(("second", "decided"), [(R, R), (P, None)])
def test_tiebreakers_of_different_minds_decide_nothing_whoever_sits_first(
    second: str, decided: str | None
) -> None:
    breaks = [
        a_turn(f"breaker[{n}]", "tiebreaker", an_answer(taken), rank=1)
        for n, taken in enumerate([R, second])
    ]

    one, other = (
        made([*panel(P, R), *order], topology=VOTE, rule="majority")
        for order in (breaks, breaks[::-1])
    )

    assert one["decision"]["position"] == other["decision"]["position"] == decided
    assert one["authority"] == ("decided" if decided else "split")


@pytest.mark.parametrize(
    ("severity", "listed"), [("CRITICAL", True), ("HIGH", True), ("WARNING", False)]
)
def test_a_grave_finding_that_is_rejected_is_listed_as_set_aside(
    severity: str,
    listed: bool,  # noqa: FBT001
) -> None:
    says = [{"finding": "F1", "state": "rejected", "reason": "measured"}]

    decision = made([*panel(P), auditor(a_finding(severity)), chair(dispositions=says)])

    told = [item["what"] for item in decision["decision"]["overrides"]]
    assert told == ([f"F1 [{severity}]"] if listed else [])


def test_half_of_the_voters_are_not_most_of_them() -> None:
    decision = made([*panel(P, R), chair(P)])

    assert decision["decision"]["overrides"] == []


@pytest.mark.parametrize(
    ("before", "after", "flips"),
    [((), (), 1), (("L1",), ("L1",), 1), ((), ("L1",), 0), (("L1",), ("L1", "F1"), 0)],
)
def test_a_change_of_position_without_anything_new_is_a_flip(
    before: tuple[str, ...], after: tuple[str, ...], flips: int
) -> None:
    first = a_turn("panel[0]", answer=an_answer(P), knew=before)
    second = a_turn("panel[0]", "advisee", an_answer(R), knew=after)

    decision = made([first, second], topology=VOTE, rule="majority")

    assert len(decision["flips"]) == flips


def test_who_judges_answers_flips_by_none() -> None:
    looks = [
        a_turn("gate", "gate_reviewer", an_answer(taken), occurrence=n)
        for n, taken in enumerate([R, P])
    ]

    assert made([*panel(P), *looks, chair()])["flips"] == []


def test_a_turn_lost_in_an_earlier_round_is_still_told() -> None:
    lost = a_turn("panel[0]", "advisee", None, status="unparsed")
    later = a_turn("panel[0]", "advisee", an_answer(P), occurrence=1)

    decision = made([*panel(P), lost, later, chair()])

    assert decision["authority"] == "degraded"
    assert decision["authority_reasons"] == ["panel[0] is lost: unparsed"]


def test_nobody_stands_in_for_a_person_who_decides() -> None:
    person = replace(chair(None), agent="human")

    decision = made([*panel(P, P), person])

    assert decision["authority"] == "void"
    assert decision["decision"]["position"] is None


def test_a_check_that_nobody_could_settle_is_unchecked_and_refutes_nothing() -> None:
    check: dict[str, Any] = {
        "claim": "few",
        "tool": "check_data",
        "spec": {},
        "metric": "n",
        "at_least": 9,
    }

    decision = made([*panel(P), chair(checks=[check])])

    assert [claim["state"] for claim in decision["decision"]["claims"]] == ["unchecked"]
    assert decision["findings"] == []
