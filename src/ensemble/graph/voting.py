"""Votes counted by rule: who votes, what wins, and whether that can still change.

Abstentions, lost seats and seats that were not asked stay in the denominator; a tie wins nothing,
whoever sits first.
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import Turn, latest, takes_position, turns_of
from ensemble.roles import Role


def voters_of(ensemble: Ensemble, turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns that vote: where there was a panel its members, else all with a position.

    A member that took its findings in since, as advisee, votes by its later answer. A
    tiebreaker does not vote: it decides where the vote does not.
    """
    panel = {turn.path for turn in turns if turn.role == Role.PANEL_MEMBER}
    voices = [turn for turn in latest(turns) if turn.role != Role.TIEBREAKER]
    taking = [turn for turn in voices if takes_position(turn.role)]
    if voting := [turn for turn in taking if turn.path in panel]:
        return voting
    decider = ensemble.topology.decider()
    return [turn for turn in taking if turn.seat != decider] or taking


def tally(rules: Rules, voters: Sequence[Turn]) -> dict[str, Fraction]:
    """Return the votes of each position."""
    votes: dict[str, Fraction] = {}
    for turn in voters:
        if turn.position is not None:
            votes[turn.position] = votes.get(turn.position, Fraction()) + weight(rules, turn)
    return votes


def winner(rules: Rules, voters: Sequence[Turn]) -> str | None:
    """Return the position that has the votes; None where none has."""
    votes = tally(rules, voters)
    whole = sum(weight(rules, turn) for turn in voters)
    best, most = max(votes.items(), key=lambda item: item[1], default=(None, Fraction()))
    won = most == whole if rules.rule == "unanimous" else most > whole / 2
    return best if won else None


def weight(rules: Rules, turn: Turn) -> Fraction:
    """Return the vote's weight as it is written: in floats 0.1 + 0.2 would outvote 0.3."""
    weights: Mapping[str, float] = rules.weights if rules.rule == "weighted" else {}
    return Fraction(str(weights.get(turn.path, weights.get(turn.agent, 1.0))))


def is_settled(ensemble: Ensemble, state: Mapping[str, Any]) -> bool:
    """Return whether the answers of panel members who were not asked yet can change nothing.

    Never where the quorum has not answered, or where a chair decides by its own lights.
    """
    rules = ensemble.rules
    voters = voters_of(ensemble, turns_of(state))
    if rules.rule == "chair" or sum(turn.answered for turn in voters) < rules.quorum:
        return False
    votes = tally(rules, voters)
    left = _left(ensemble, rules, {turn.path for turn in voters})
    whole = sum((weight(rules, turn) for turn in voters), left)
    most = max(votes.values(), default=Fraction())
    won, lost = most > whole / 2, most + left <= whole / 2
    if rules.rule == "unanimous":
        won, lost = False, len(votes) > 1 or any(turn.position is None for turn in voters)
    # A tiebreaker reads all views, so that those not heard yet can still change its mind.
    broken_later = any(role == Role.TIEBREAKER for _, role in ensemble.topology.entries())
    return won or (lost and not broken_later)


def _left(ensemble: Ensemble, rules: Rules, asked: Collection[str]) -> Fraction:
    """Return the weight of the panel's votes that are still to come."""
    panel = {m.path: m for m, role in ensemble.nodes() if role == Role.PANEL_MEMBER}
    weights: Mapping[str, float] = rules.weights if rules.rule == "weighted" else {}
    left = (
        weights.get(p, weights.get(m.agent.name, 1.0)) for p, m in panel.items() if p not in asked
    )
    return sum((Fraction(str(each)) for each in left), Fraction())
