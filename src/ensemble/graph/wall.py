"""How long a run can take: every deadline reached, along the longest way through the graph.

Turns go in steps: who can act does, and the next step begins when the slowest is done. So a run
has no more steps than its longest way and, for each time that an edge leads back, the longest
way from there; a trip to the lab cuts a turn in two. Has never heard of tokens or money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ensemble.graph.rounds import LeadsTo, ways_back
from ensemble.graph.soundness import networkx
from ensemble.graph.topology import START, Topology
from ensemble.models.policy import Policy

_JOB_S: Final = 120.0
"""What one lab job may take where its spec does not say."""
_ASKS: Final = 2
"""A reply that cannot be read is asked for once more."""


@dataclass(frozen=True)
class Work:
    """One node's turns, as far as time goes."""

    seat: str
    turns: int
    """How many it takes at most."""
    trips: int
    """How often each goes to the lab at most."""
    providers: tuple[str, ...]
    """Of the candidates that can be asked, in order."""


def wall_at_most(
    topology: Topology,
    leads_to: LeadsTo,
    works: Sequence[Work],
    *,
    lab_s: float | None,
    turn_s: float | None = None,
) -> float | None:
    """Return the seconds that all deadlines come to; None where a person is waited for.

    Args:
        topology: seats and edges.
        leads_to: each seat's later seats.
        works: every node's turns.
        lab_s: seconds that all lab jobs together may take; None is each job's own deadline.
        turn_s: seconds that one turn may take.
    """
    policy = Policy()
    if any(provider in policy.unhurried for work in works for provider in work.providers):
        return None
    slowest_s = max((_asks(work) * _chain_s(work, policy) for work in works), default=0.0)
    trips = sum(work.turns * work.trips for work in works)
    return (
        _steps_at_most(topology, leads_to, works) * min(slowest_s, turn_s or slowest_s)
        + _queueing_s(works, policy)
        + (trips * _JOB_S if lab_s is None else lab_s)
    )


def jobs_s(before: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds that what is measured first may take."""
    own: list[Mapping[str, Any]] = [raw.get("limits") or {} for raw in before]
    return float(sum(limits.get("wall_s", _JOB_S) for limits in own))


def _steps_at_most(topology: Topology, leads_to: LeadsTo, works: Sequence[Work]) -> int:
    """Return how many steps there are at most in which somebody acts."""
    steps: dict[str, int] = {START: 0}
    for work in works:
        steps[work.seat] = max(steps.get(work.seat, 0), 1 + work.trips)
    # Who waits for nobody may go to the lab while all others wait for it.
    held_up = max((work.trips for work in works), default=0)
    begun = [(1, START), *ways_back(topology, leads_to)]
    return sum(times * (_longest_way(leads_to, steps, seat) + held_up) for times, seat in begun)


def _longest_way(leads_to: LeadsTo, steps: Mapping[str, int], seat: str) -> int:
    """Return the steps of the longest way from a seat, its own among them."""
    nx = networkx()
    ways = nx.DiGraph()
    for source in (seat, *leads_to[seat]):
        ways.add_weighted_edges_from((source, after, steps[after]) for after in leads_to[source])
    return steps[seat] + int(nx.dag_longest_path_length(ways))


def _asks(work: Work) -> int:
    """Return how often one step asks at most: after a repair, the candidates that are left."""
    return _ASKS + max(0, len(work.providers) - 1)


def _chain_s(work: Work, policy: Policy) -> float:
    """Return what a chain takes whose candidates fail as often, and as late, as they may."""
    tries = max(policy.tries.values())
    wait_s = max(policy.backoff_at_most_s, policy.retry_after_at_most_s)
    return len(work.providers) * (tries * policy.call_s + (tries - 1) * wait_s)


def _queueing_s(works: Sequence[Work], policy: Policy) -> float:
    """Return how long calls wait for others: a provider's work, shared by its slots."""
    waits = 0.0
    for provider in {provider for work in works for provider in work.providers}:
        users = [work for work in works if provider in work.providers]
        slots = policy.at_once.get(provider, policy.at_once_elsewhere)
        slots = 1 if provider in policy.swapping else slots  # each may wait for another's model
        if len(users) > slots:
            asks = (work.turns * (work.trips + _asks(work)) for work in users)
            longest_s = max(_chain_s(work, policy) for work in users)
            waits += sum(asks) * longest_s / slots
    return waits
