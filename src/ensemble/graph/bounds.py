"""What a run will take before it starts: the clean case and the worst case.

Clean: the first candidate answers each time, nothing is repaired, nobody asks the lab. Worst:
every turn repairs once, measures as often as it may, and every candidate fails as often as it
is tried. Only the clean case can refuse a run; the worst case is held by the limits while the
run goes on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ensemble.agents.prompt import PREAMBLE, Briefing, own_part, shared_part
from ensemble.errors import OverLimit
from ensemble.graph.dialogue import LAB_ROUNDS
from ensemble.graph.run_context import Limits
from ensemble.graph.seating import Ensemble, Member
from ensemble.graph.topology import END, START
from ensemble.models.chain import BRIEF_TOKENS, Policy
from ensemble.models.cost import cost_usd, text_tokens
from ensemble.models.provider import Candidate, Params
from ensemble.roles import Sees

_EVIDENCE_TOKENS: Final = 120
"""About what one line of evidence takes."""
_USUAL_ANSWER_TOKENS: Final = 400
"""About what an answer takes where nothing cuts it short."""
_STEPS_AT_MOST: Final = 1000
"""A loop without a bound is not counted further."""


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
    shared = text_tokens(PREAMBLE + shared_part(briefing)) + measured * _EVIDENCE_TOKENS
    clean, worst = _clean_entries(ensemble), _worst_entries(ensemble)
    turns: list[TurnBound] = []
    for member, role in ensemble.nodes():
        chain = chains.get(member.path, ())
        first = next((candidate for candidate in chain if candidate.available), None)
        most = min(params.max_tokens, BRIEF_TOKENS) if first and first.brief else params.max_tokens
        usual = min(most, _USUAL_ANSWER_TOKENS)
        before = _read_before(ensemble, member, role)
        sent = shared + _own_tokens(ensemble, member, role, briefing)
        times = clean[member.path, role]
        rounds = 2 + (LAB_ROUNDS if ensemble.tools else 0)
        calls = worst[member.path, role] * rounds * _tries(chain)
        turns.append(
            TurnBound(
                path=member.path,
                role=role,
                agent=member.agent.name,
                asked=f"{first.provider}/{first.model}" if first else None,
                clean_calls=times,
                worst_calls=calls,
                clean_tokens=times * (sent + before * usual + usual),
                worst_tokens=calls * (sent + (before + rounds) * params.max_tokens),
                clean_usd=_usd(first, times * (sent + before * usual), times * usual),
            )
        )
    return Bounds(tuple(turns))


def _clean_entries(ensemble: Ensemble) -> Counter[tuple[str, str]]:
    """Count how often each node is entered along the ways that hang on no condition."""
    entered: Counter[tuple[str, str]] = Counter()
    taken: Counter[tuple[str, int]] = Counter()
    waiting, steps = {START: ""}, 0
    while waiting and steps < _STEPS_AT_MOST:
        steps += 1
        seat = min(waiting, key=lambda name: -1 if name == START else ensemble.rank(name))
        role = waiting.pop(seat)
        for member in ensemble.at(seat):
            entered[member.path, role] += 1
        for place, edge in enumerate(ensemble.topology.out_of(seat)):
            if edge.when or taken[seat, place] >= (edge.at_most or _STEPS_AT_MOST):
                continue
            taken[seat, place] += 1
            waiting |= {name: str(edge.role) for name in edge.targets if name != END}
            break
    return entered


def _worst_entries(ensemble: Ensemble) -> Counter[tuple[str, str]]:
    """Count how often each node is entered at most: every bounded edge as often as it may."""
    rounds = 1 + sum(edge.at_most or 0 for edge in ensemble.topology.edges)
    return Counter({(member.path, role): rounds for member, role in ensemble.nodes()})


def _read_before(ensemble: Ensemble, member: Member, role: str) -> int:
    """Return how many answers of earlier seats a turn reads."""
    if ensemble.castings[member.path, role].defaults.sees is Sees.NOTHING:
        return 0
    rank = ensemble.rank(member.seat)
    return sum(ensemble.rank(other.seat) < rank for other in ensemble.members)


def _own_tokens(ensemble: Ensemble, member: Member, role: str, briefing: Briefing) -> int:
    casting = ensemble.castings[member.path, role]
    wanted = ensemble.wanted(casting, ())
    return text_tokens(own_part(casting, briefing, ensemble.standing(member), wanted, ()))


def _tries(chain: Sequence[Candidate]) -> int:
    most = max(Policy().tries.values())
    return max(1, most * sum(candidate.available for candidate in chain))


def _usd(candidate: Candidate | None, sent: int, said: int) -> float | None:
    return cost_usd(candidate.usd_per_mtok, sent, said) if candidate else None
