"""A run counted beforehand: loops, chains, prices and deadlines."""

from typing import Final

import pytest

from ensemble.agents.prompt import Briefing
from ensemble.errors import OverLimit
from ensemble.graph.bounds import Bounds, bounds_of
from ensemble.graph.rounds import entries_at_most, usual_entries
from ensemble.graph.routing import found
from ensemble.graph.run_context import Limits
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.ways import forward
from ensemble.models.provider import Candidate, Params
from ensemble.testing.panels import TASK, a_candidate, an_ensemble

REVISE: Final = Topology(
    "revise",
    (
        Edge(START, "author", "solo"),
        Edge("author", "auditor", "auditor"),
        Edge("auditor", "author", "advisee", when=found(), at_most=2),
        Edge("auditor", "chair", "decision_maker"),
        Edge("chair", END),
    ),
)
DIAMONDS: Final = Topology(
    "diamonds",
    (
        Edge(START, ("a", "b"), "panel_member"),
        *(Edge(seat, ("c", "d"), "panel_member") for seat in "ab"),
        *(Edge(seat, ("e", "f"), "panel_member") for seat in "cd"),
        *(Edge(seat, END) for seat in "ef"),
    ),
)


def counted(
    topology: Topology,
    chain: tuple[Candidate, ...] = (a_candidate("m", usd_per_mtok=(1.0, 10.0)),),
    *,
    tools: tuple[str, ...] = (),
    turn_s: float | None = None,
) -> Bounds:
    ensemble = an_ensemble(topology, tools=tools)
    chains = {member.path: chain for member in ensemble.members}
    return bounds_of(
        ensemble, Briefing(TASK), chains, params=Params(max_tokens=100), lab_s=0.0, turn_s=turn_s
    )


def test_a_loop_is_counted_where_it_leads_and_nowhere_else() -> None:
    entries = entries_at_most(REVISE, forward(REVISE))

    assert entries == {
        ("author", "solo"): 1,
        ("author", "advisee"): 2,
        ("auditor", "auditor"): 3,
        ("chair", "decision_maker"): 1,
    }


def test_ways_that_join_again_are_counted_once() -> None:
    entries = entries_at_most(DIAMONDS, forward(DIAMONDS))

    assert set(entries.values()) == {1}


def test_the_usual_way_takes_no_condition_and_counts_the_turns_that_wait() -> None:
    usual = usual_entries(DIAMONDS, forward(DIAMONDS))

    assert {(entry.seat, entry.level) for entry in usual} == {
        *(("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 3), ("f", 3))
    }
    assert [entry.seat for entry in usual_entries(REVISE, forward(REVISE))] == [
        "author",
        "auditor",
        "chair",
    ]


def test_calls_are_turns_times_asks_times_candidates_times_tries() -> None:
    one, two = counted(REVISE), counted(REVISE, (a_candidate("m"), a_candidate("n")))
    measuring = counted(REVISE, tools=("train",))

    assert one.clean_calls == 3
    assert one.worst_calls == (1 + 2 + 3 + 1) * 2 * 3
    assert two.worst_calls == (1 + 2 + 3 + 1) * (2 + 3) * 3
    assert measuring.worst_calls == (1 + 2 + 3 + 1) * 5 * 3


def test_money_at_worst_is_what_would_be_reserved_for_every_try() -> None:
    bounds = counted(REVISE)

    sent = bounds.worst_tokens - 100 * bounds.worst_calls
    assert bounds.worst_usd == pytest.approx((sent + 1000 * bounds.worst_calls) / 1e6)
    assert counted(REVISE, (a_candidate("m"),)).worst_usd is None


def test_time_is_counted_along_the_longest_way() -> None:
    bounds = counted(DIAMONDS, turn_s=10)
    looping = counted(REVISE, turn_s=10)

    assert (bounds.clean_wall_s, bounds.worst_wall_s) == (3, 30)
    assert (looping.clean_wall_s, looping.worst_wall_s) == (3, 90)


def test_calls_that_queue_for_one_provider_take_longer() -> None:
    queued = counted(DIAMONDS, (a_candidate("m", provider="embedded"),), turn_s=10)

    assert (queued.worst_wall_s or 0) > (counted(DIAMONDS, turn_s=10).worst_wall_s or 0)


def test_a_person_takes_as_long_as_a_person_takes() -> None:
    assert counted(REVISE, (a_candidate("m", provider="manual"),)).worst_wall_s is None


def test_a_run_is_refused_only_where_its_clean_case_is_over_a_limit() -> None:
    bounds = counted(REVISE)

    bounds.refuse_over(Limits(model_calls=3, wall_s=3), where="s.yaml")
    with pytest.raises(OverLimit, match="it takes wall_s 3"):
        bounds.refuse_over(Limits(wall_s=2), where="s.yaml")
