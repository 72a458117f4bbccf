"""Votes: whether what is still to come can change them."""

from typing import Any

import pytest

from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.voting import is_settled
from ensemble.testing.panels import a_state, a_turn, an_answer, an_ensemble

VOTE = Topology("vote", (Edge(START, "panel", "panel_member"), Edge("panel", END)))


def five(**rules: Any) -> Ensemble:
    return an_ensemble(VOTE, {"panel": 5}, rules=Rules(**rules), choices=("p", "r", "h"))


def settled(votes: str, **rules: Any) -> bool:
    turns = [
        a_turn(f"panel[{n}]", answer=None if vote == "-" else an_answer(vote))
        for n, vote in enumerate(votes)
    ]
    return is_settled(five(**rules), a_state(*turns))


@pytest.mark.parametrize(
    ("votes", "rules", "expected"),
    [
        ("ppp", {"rule": "majority"}, True),
        ("ppr", {"rule": "majority"}, False),
        ("pp", {"rule": "majority"}, False),
        ("pprr", {"rule": "majority"}, False),
        ("prh-", {"rule": "majority"}, True),  # one vote is left, and nobody has two
        ("ppp", {"rule": "majority", "quorum": 4}, False),
        ("ppp", {"rule": "unanimous"}, False),
        ("ppr", {"rule": "unanimous"}, True),
        ("pp-", {"rule": "unanimous"}, True),
        ("ppppr", {"rule": "chair"}, False),
        ("pp", {"rule": "weighted", "weights": {"panel[0]": 9}}, True),
        ("pp", {"rule": "weighted", "weights": {"panel[4]": 9}}, False),
    ],
)
def test_a_vote_is_settled_when_nobody_left_can_change_it(
    votes: str,
    rules: dict[str, Any],
    expected: bool,  # noqa: FBT001
) -> None:
    assert settled(votes, **rules) is expected


def test_with_a_tiebreaker_to_come_only_a_won_vote_is_settled() -> None:
    edges = (*VOTE.edges[:1], Edge("panel", "breaker", "tiebreaker"), Edge("breaker", END))
    ensemble = an_ensemble(
        Topology("vote", edges), {"panel": 5}, rules=Rules("majority"), choices=("p", "r", "h")
    )

    def state(votes: str) -> Any:
        turns = [a_turn(f"panel[{n}]", answer=an_answer(v)) for n, v in enumerate(votes)]
        return a_state(*turns)

    assert not is_settled(ensemble, state("prhr"))
    assert is_settled(ensemble, state("ppp"))
