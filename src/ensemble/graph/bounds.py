"""What a run will take before it starts: the clean case and the worst case.

Clean: every edge without a condition is taken, the first candidate answers at once, nothing is
repaired, nobody asks the lab, and a turn takes a second. Worst: every loop goes as often as it
may, every turn repairs once and measures as often as it may, every candidate fails as often as
it is tried, each at its deadline. Only the clean case can refuse a run; the worst case is held
by the limits while the run goes on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ensemble.agents.casting import Casting
from ensemble.agents.prompt import PREAMBLE, Briefing, own_part, shared_part
from ensemble.answers.schema import answer_schema
from ensemble.errors import OverLimit
from ensemble.graph.dialogue import LAB_ROUNDS
from ensemble.graph.rounds import Entry, entries_at_most, usual_entries
from ensemble.graph.run_context import Limits
from ensemble.graph.seating import Ensemble, Member
from ensemble.graph.wall import Work, jobs_s, wall_at_most
from ensemble.graph.ways import forward
from ensemble.models.chain import BRIEF_TOKENS
from ensemble.models.cost import cost_usd, dearest_price_of
from ensemble.models.fit import most_tokens, text_tokens
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Form, Params
from ensemble.roles import Sees

_EVIDENCE_TOKENS: Final = 120
"""About what one line of evidence takes."""
_USUAL_ANSWER_TOKENS: Final = 400
"""About what an answer takes where nothing cuts it short."""
_USUAL_TURN_S: Final = 1.0
"""What a turn takes where nothing is slow."""
_FRAME_TOKENS: Final = 80
"""About what stands around an answer where another seat reads it, and around a repair."""
_SHOWN_AT_MOST: Final = 3
"""An answer is shown whole, its findings beside it, and each wants an answer of its own."""


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
    worst_usd: float | None


@dataclass(frozen=True)
class Bounds:
    """A whole run, counted beforehand."""

    turns: tuple[TurnBound, ...]
    clean_wall_s: float = 0.0
    """A second for every turn that waits for another."""
    worst_wall_s: float | None = None
    """Every deadline reached on the longest way; None where a person is waited for."""

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
        return _sum([turn.clean_usd for turn in self.turns])

    @property
    def worst_usd(self) -> float | None:
        """Money where everything goes wrong that may; None where a price is not known."""
        return _sum([turn.worst_usd for turn in self.turns])

    def refuse_over(self, limits: Limits, *, where: str) -> None:
        """Refuse a run whose clean case is over its limits.

        Raises:
            OverLimit: naming the limit.
        """
        counted = [
            ("model_calls", self.clean_calls, limits.model_calls),
            ("tokens", self.clean_tokens, limits.tokens),
            ("usd", self.clean_usd, limits.usd),
            ("wall_s", self.clean_wall_s, limits.wall_s),
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
    before: Sequence[Mapping[str, Any]] = (),
    lab_s: float | None = None,
    turn_s: float | None = None,
) -> Bounds:
    """Count a run beforehand.

    Args:
        ensemble: a sound topology, its cast and rules.
        briefing: what all seats share.
        chains: each path's chain.
        params: sampling parameters.
        before: what the lab measures first.
        lab_s: seconds that all lab jobs together may take.
        turn_s: seconds that one turn may take.
    """
    leads_to = forward(ensemble.topology)
    several = [seat for seat in ensemble.topology.seats if len(ensemble.at(seat)) > 1]
    usual = usual_entries(ensemble.topology, leads_to, several)
    at_most = entries_at_most(ensemble.topology, leads_to)
    everyone = sum(n * len(ensemble.at(seat)) for (seat, _), n in at_most.items())
    shared = (PREAMBLE, shared_part(briefing))
    measured = len(before) * _EVIDENCE_TOKENS
    turns: list[TurnBound] = []
    works: list[Work] = []
    for member, role in ensemble.nodes():
        times = at_most[member.seat, role]
        if member.agent.is_person:  # asks no model, and nobody counts what a person takes
            works.append(Work(member.seat, times, 0, ()))
            continue
        chain = tuple(c for c in chains.get(member.path, ()) if c.available)
        turn = _Turn(ensemble, member, role, chain, params)
        prompt = (*shared, turn.own_part(briefing))
        sent = measured + sum(map(text_tokens, prompt))
        most = measured + most_tokens({"content": part} for part in prompt)
        turns.append(turn.bound(sent, most, usual, times, everyone))
        works.append(Work(member.seat, times, turn.trips, tuple(c.provider for c in chain)))
    levels = max((entry.level for entry in usual), default=0)
    wall_s = wall_at_most(ensemble.topology, leads_to, works, lab_s=lab_s, turn_s=turn_s)
    if any(member.agent.is_person for member in ensemble.members):
        wall_s = None
    elif wall_s is not None and lab_s is None:
        wall_s += jobs_s(before)
    return Bounds(tuple(turns), levels * _USUAL_TURN_S, wall_s)


@dataclass(frozen=True)
class _Turn:
    """The turns of one node, while they are counted."""

    ensemble: Ensemble
    member: Member
    role: str
    chain: tuple[Candidate, ...]
    """Those that can be asked."""
    params: Params

    @property
    def casting(self) -> Casting:
        """The agent in its role."""
        return self.ensemble.castings[self.member.path, self.role]

    @property
    def trips(self) -> int:
        """How often one turn goes to the lab at most."""
        return LAB_ROUNDS if self.ensemble.wanted(self.casting, ()).tools else 0

    @property
    def asks(self) -> int:
        """How often one turn asks its chain at most: to answer, to repair, to measure."""
        return 2 + self.trips

    def own_part(self, briefing: Briefing) -> str:
        """Return the prompt's own part, without others' answers."""
        wanted = self.ensemble.wanted(self.casting, ())
        standing = self.ensemble.standing(self.member)
        return own_part(self.casting, briefing, standing, wanted, ())

    def bound(
        self, sent: int, most: int, usual: Sequence[Entry], times: int, everyone: int
    ) -> TurnBound:
        """Return the turns counted.

        Args:
            sent: about how many tokens the prompt has, without others' answers.
            most: how many it has at most.
            usual: who is entered where nothing goes wrong.
            times: how often this node is entered at most.
            everyone: how many turns there are at most.
        """
        first = self.chain[0] if self.chain else None
        said = min(self._most(first), _USUAL_ANSWER_TOKENS)
        here = [e for e in usual if (e.seat, e.role) == (self.member.seat, self.role)]
        clean_sent = sum(sent + said * self._answers_before(entry, usual) for entry in here)
        worst_sent = most + self._schema_tokens() + self._shown_at_most(everyone)
        worst_sent += (self.asks - 1) * (self._answer_at_most + _EVIDENCE_TOKENS)
        tries = times * max(Policy().tries.values())
        # Whoever stands behind models that nobody can read is asked once more for each.
        asks = [self.asks + before for before in range(max(1, len(self.chain)))]
        calls = tries * sum(asks)
        paid = [
            cost_usd(dearest_price_of(c), often * worst_sent, often * self._most(c))
            for often, c in zip(asks, self.chain, strict=False)
        ]
        usd = _sum(paid)
        return TurnBound(
            path=self.member.path,
            role=self.role,
            agent=self.member.agent.name,
            asked=f"{first.provider}/{first.model}" if first else None,
            clean_calls=len(here),
            worst_calls=calls,
            clean_tokens=clean_sent + len(here) * said,
            worst_tokens=calls * (worst_sent + self.params.max_tokens),
            clean_usd=cost_usd(first.usd_per_mtok, clean_sent, len(here) * said) if first else None,
            worst_usd=None if usd is None or not paid else tries * usd,
        )

    @property
    def _answer_at_most(self) -> int:
        return self.params.max_tokens + _FRAME_TOKENS

    def _most(self, candidate: Candidate | None) -> int:
        brief = candidate is not None and candidate.brief
        return min(self.params.max_tokens, BRIEF_TOKENS) if brief else self.params.max_tokens

    def _answers_before(self, entry: Entry, usual: Sequence[Entry]) -> int:
        """Return how many answers a turn reads where nothing goes wrong."""
        if self.casting.defaults.sees is Sees.NOTHING:
            return 0
        seats = {other.seat for other in usual if other.level < entry.level} - {entry.seat}
        return sum(len(self.ensemble.at(seat)) for seat in seats)

    def _shown_at_most(self, everyone: int) -> int:
        """Return what others' answers and measurements take in the prompt at most."""
        answers = 0 if self.casting.defaults.sees is Sees.NOTHING else everyone
        measured = everyone * LAB_ROUNDS if self.ensemble.tools else 0
        return answers * _SHOWN_AT_MOST * self._answer_at_most + measured * _EVIDENCE_TOKENS

    def _schema_tokens(self) -> int:
        if not any(candidate.form is not Form.TEXT for candidate in self.chain):
            return 0
        wanted = self.ensemble.wanted(self.casting, ())
        return len(json.dumps(answer_schema(wanted, brief=False)).encode())


def _sum(prices: Sequence[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None
