"""Who bears witness independently: seats that one model serves are clones, and one witness.

A model is the same over whatever route it is had; each person is a witness of their own. Has
never heard of authority: what clones cost is the decision's to say.
"""

from collections.abc import Sequence

from ensemble.graph.seating import Rules
from ensemble.graph.state import Document, Turn
from ensemble.graph.voting import weight, winner
from ensemble.models.provider import is_by_hand
from ensemble.models.registry import model_behind
from ensemble.roles import HUMAN


def witnesses_of(voters: Sequence[Turn]) -> Document:
    """Count who was seated, who answered, and how many different models that were."""
    heard = _by_witness(voters)
    return {
        "seated": len(voters),
        "answered": sum(map(len, heard.values())),
        "effective": float(len(heard)),
        "clones": {name: paths for name, paths in heard.items() if len(paths) > 1},
    }


def clones_needed(rules: Rules, voices: Sequence[Turn], position: str) -> list[str]:
    """Return the clones without whose votes a position would not win; empty where it would."""
    lightest_first = sorted(voices, key=lambda turn: weight(rules, turn))
    once = {(_witness(turn), turn.position): turn for turn in lightest_first}
    if winner(rules, [*once.values()]) == position:
        return []
    carriers = _by_witness([turn for turn in voices if turn.position == position])
    return sorted(path for paths in carriers.values() if len(paths) > 1 for path in paths)


def _by_witness(turns: Sequence[Turn]) -> dict[str, list[str]]:
    """Return the paths of those who answered, by the witness that speaks there."""
    heard: dict[str, list[str]] = {}
    for turn in turns:
        if turn.answered:
            heard.setdefault(_witness(turn), []).append(turn.path)
    return heard


def _witness(turn: Turn) -> str:
    served = turn.served or ""
    alone = not turn.answered or served == HUMAN or is_by_hand(served)
    return turn.path if alone else model_behind(served)
