"""What a run will take before it starts: the clean case and the worst case.

Clean: the first candidate answers each time, nothing is repaired, nobody asks the lab. Worst:
every turn repairs once, measures as often as it may, and every candidate fails as often as it
is tried. Only the clean case can refuse a run; the worst case is held by the limits while the
run goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ensemble.agents.prompt import PREAMBLE, Briefing, own_part, shared_part
from ensemble.errors import OverLimit
from ensemble.graph.run_context import Limits
from ensemble.graph.seating import Ensemble, Member
from ensemble.graph.topology import END, START
from ensemble.graph.turn import LAB_ROUNDS
from ensemble.models.chain import BRIEF_TOKENS, Policy
from ensemble.models.provider import Candidate, Params
from ensemble.roles import Sees

_CHARS_PER_TOKEN: Final = 4
_EVIDENCE_TOKENS: Final = 120
"""About what one line of evidence takes."""
_LOOPS_AT_MOST: Final = 3


@dataclass(frozen=True)
class TurnBound:
    """One node's turns, counted beforehand."""

    path: str
    role: str
    agent: str
    asked: str | None
    """The first candidate that can be asked, as `provider/model`."""
    clean_calls: int
    worst_calls: int
    clean_tokens: int
    worst_tokens: int
    clean_usd: float | None
    """None where the price is not known."""


@dataclass(frozen=True)
class Bounds:
    """A whole run, counted beforehand."""

    turns: tuple[TurnBound, ...]

    @property
    def clean_calls(self) -> int:
        """Model calls where nothing goes wrong."""
        return sum(turn.clean_calls for turn in self.turns)

    @property
    def worst_calls(self) -> int:
        """Model calls where everything goes wrong that may."""
        return sum(turn.worst_calls for turn in self.turns)

    @property
    def clean_tokens(self) -> int:
        """Tokens sent and received where nothing goes wrong."""
        return sum(turn.clean_tokens for turn in self.turns)

    @property
    def worst_tokens(self) -> int:
        """Tokens where everything goes wrong that may."""
        return sum(turn.worst_tokens for turn in self.turns)

    @property
    def clean_usd(self) -> float | None:
        """Money where nothing goes wrong; None where a price is not known."""
        priced = [turn.clean_usd for turn in self.turns]
        known = [price for price in priced if price is not None]
        return sum(known) if len(known) == len(priced) else None

    def refuse_over(self, limits: Limits, *, where: str) -> None:
        """Refuse a run whose clean case is over its limits.

        Raises:
            OverLimit: naming the limit.
        """
        counted = [
            ("model_calls", self.clean_calls, limits.model_calls),
            ("tokens", self.clean_tokens, limits.tokens),
            ("usd", self.clean_usd, limits.usd),
        ]
        for name, needed, most in counted:
            if needed is not None and most is not None and needed > most:
                raise OverLimit(
                    f"even if nothing goes wrong it takes {name} {round(needed, 4)}, "
                    f"the limit is {most}",
                    where=where,
                    fix=f"raise `limits.{name}`, or seat fewer members",
                )


def bounds_of(
    ensemble: Ensemble,
    briefing: Briefing,
    chains: Mapping[str, Sequence[Candidate]],
    *,
    params: Params,
    measured: int = 0,
) -> Bounds:
    """Count a run beforehand.

    Args:
        ensemble: topology, cast and rules.
        briefing: what all seats share.
        chains: each path's chain.
        params: sampling parameters.
        measured: how many pieces of evidence the lab brings first.
    """
    shared = _tokens(PREAMBLE + shared_part(briefing)) + measured * _EVIDENCE_TOKENS
    clean, worst = _entries(ensemble)
    turns: list[TurnBound] = []
    answers = len(ensemble.members) * params.max_tokens
    for member, role in ensemble.nodes():
        sent = shared + _own_tokens(ensemble, member, role, briefing)
        chain = chains.get(member.path, ())
        first = next((candidate for candidate in chain if candidate.available), None)
        said = min(params.max_tokens, BRIEF_TOKENS) if first and first.brief else params.max_tokens
        sees = ensemble.castings[member.path, role].defaults.sees
        earlier = sum(clean.get(node, 0) for node in clean) if sees is not Sees.NOTHING else 0
        clean_sent = sent + min(earlier, len(ensemble.members)) * min(said, 400)
        rounds = 2 + (LAB_ROUNDS if ensemble.tools else 0)
        calls = worst[member.path, role] * rounds * _tries(chain)
        times = clean.get((member.path, role), 0)
        turns.append(
            TurnBound(
                path=member.path,
                role=role,
                agent=member.agent.name,
                asked=f"{first.provider}/{first.model}" if first else None,
                clean_calls=times,
                worst_calls=calls,
                clean_tokens=times * (clean_sent + said),
                worst_tokens=calls * (sent + answers + rounds * params.max_tokens),
                clean_usd=_usd(first, times * clean_sent, times * said),
            )
        )
    return Bounds(tuple(turns))


def _entries(
    ensemble: Ensemble,
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Return how often each node is entered: along the unconditional way, and at most."""
    clean: dict[tuple[str, str], int] = {}
    todo, seen = [START], set[str]()
    while todo:
        seat = todo.pop(0)
        if seat in seen:
            continue
        seen.add(seat)
        ways = ensemble.topology.out_of(seat)
        edge = next((way for way in ways if way.when is None), None)
        for target in edge.targets if edge else ():
            if edge is None or target == END or edge.role is None:
                continue
            for member in ensemble.at(target):
                clean[member.path, edge.role] = 1
            todo.append(target)
    loops = max((e.at_most or 0 for e in ensemble.topology.edges), default=0)
    most = max(1, min(loops + 1, _LOOPS_AT_MOST + loops))
    return clean, {(m.path, role): most for m, role in ensemble.nodes()}


def _own_tokens(ensemble: Ensemble, member: Member, role: str, briefing: Briefing) -> int:
    casting = ensemble.castings[member.path, role]
    wanted = ensemble.wanted(casting, ())
    return _tokens(own_part(casting, briefing, ensemble.standing(member), wanted, ()))


def _tries(chain: Sequence[Candidate]) -> int:
    most = max(Policy().tries.values())
    return max(1, most * sum(candidate.available for candidate in chain))


def _usd(candidate: Candidate | None, sent: int, said: int) -> float | None:
    if candidate is None or candidate.usd_per_mtok is None:
        return None
    per_sent, per_said = candidate.usd_per_mtok
    return (sent * per_sent + said * per_said) / 1e6


def _tokens(text: str) -> int:
    return len(text) // _CHARS_PER_TOKEN + 1
