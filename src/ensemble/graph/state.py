"""What flows through the graph: JSON documents by key, so that order of arrival is nothing.

Every channel collects by key and is read in a fixed order. `Turn` is one finished turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from typing_extensions import TypedDict  # before Python 3.12 no schema is made of typing's own

from ensemble.journal.turn_key import place_of
from ensemble.roles import ROLE_DEFAULTS, TurnStatus

Document = dict[str, Any]
BEFORE: Final = "lab.before"
"""Who asks for what a scenario has measured first."""


def by_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two channels' documents; a key set to None is taken out."""
    merged = {**before, **after}
    return {key: merged[key] for key in sorted(merged) if merged[key] is not None}


class Asked(TypedDict, total=False):
    """What a graph is invoked with."""

    task: str
    """What to decide."""
    evidence: Annotated[dict[str, Document], by_key]
    """What was measured before, by evidence id."""


class EnsembleState(Asked, total=False):
    """LangGraph's state: only JSON, so that any checkpointer can hold it."""

    turns: Annotated[dict[str, Document], by_key]
    """Finished turns by key."""
    asking: Annotated[dict[str, Document], by_key]
    """Nodes whose turn waits for the lab, and how far it had come."""
    entered: Annotated[dict[str, Document], by_key]
    """Nodes that were entered and have not finished, each with who entered it."""
    taken: Annotated[dict[str, int], by_key]
    """How often each edge was taken, by its mark, and in how many waves a panel was asked."""
    batches: int
    """How many batches the lab has run."""
    decision: Document
    """What it all amounts to."""


StateUpdate = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One finished turn, as it stands in state, journal and result."""

    key: str
    """Seat path, role and occurrence: `panel[0]/panel_member#0`."""
    seat: str
    path: str
    """The seat and the place in it: `panel[0]`, or `chair`."""
    rank: int
    """The seat's place in the topology."""
    occurrence: int
    """How often the path had been entered in this role before."""
    agent: str
    version: str
    sha256: str
    role: str
    mode: str
    tool_mode: str | None
    status: str
    """answered, unparsed, refused, failed or not_needed."""
    asked: str | None = None
    """The model wished for first."""
    served: str | None = None
    """`provider/model` that answered."""
    weak: bool = False
    """Whether the embedded model answered."""
    stand_in: bool = False
    """Whether a fallback answered."""
    truncated: bool = False
    """Whether the answer was cut at its token limit."""
    fallbacks: Sequence[Document] = ()
    """Attempts that failed before."""
    answer: Document | None = None
    """The parsed answer; None unless answered."""
    problem: str | None = None
    """Why there is no answer."""
    model_calls: int = 0
    round: int = 0
    """How many turns the path had taken before, in whatever role."""
    step: int = 0
    """One more than the latest step of the turns that had ended when it began."""
    knew: Sequence[str] = ()
    """Ids of the evidence, and of others' findings, that there were when the turn began."""
    checked: Sequence[str | None] = ()
    """Per check of the answer, the evidence that the lab measured for it; None where it did not."""
    unmeasured: Sequence[str] = ()
    """Figures that the answer states and nothing measured."""
    escalation: Document | None = None
    """To whom the turn hands over, and why; None where it stands by itself."""

    @property
    def answered(self) -> bool:
        """Whether the seat gave an answer that counts."""
        return self.status == TurnStatus.ANSWERED

    @property
    def position(self) -> str | None:
        """The position taken, if any."""
        return self.answer.get("position") if self.answer else None

    def document(self) -> Document:
        """Return the turn as JSON."""
        return dict(vars(self))

    @classmethod
    def read(cls, document: Document) -> "Turn":
        """Return the turn that a document describes; what it does not name has its default.

        Turns are read wherever the state is looked at, and an `__init__` of so many fields is slow.
        """
        turn = cls.__new__(cls)
        vars(turn).update(document)
        return turn


def turns_of(state: Mapping[str, Any]) -> list[Turn]:
    """Return the finished turns in order: as they began, then by seat and place in it."""
    found = [Turn.read(document) for document in state.get("turns", {}).values()]
    return sorted(found, key=lambda turn: in_order(vars(turn)))


def in_order(turn: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a turn's document is sorted by, wherever turns are listed."""
    return (turn.get("step", turn["occurrence"]), turn["rank"], place_of(turn["path"]))


def latest(turns: Sequence[Turn]) -> list[Turn]:
    """Return each path's last turn, in order.

    A turn that takes a position supersedes the path's earlier ones; one that takes none, such
    as an audit by a seat that has answered, leaves its answer standing.
    """
    last = {(turn.path, takes_position(turn.role)): turn for turn in turns}
    return [turn for turn in turns if last[turn.path, takes_position(turn.role)] is turn]


def takes_position(role: str) -> bool:
    """Return whether a turn in this role stakes a position; a role only agents know does."""
    default = ROLE_DEFAULTS.get(role)
    return default is None or default.takes_position


def evidence_of(state: Mapping[str, Any]) -> list[Document]:
    """Return the evidence in order of its ids."""
    known: Mapping[str, Document] = state.get("evidence", {})
    return sorted(known.values(), key=lambda item: int(item["id"][1:]))


def is_measured_before(evidence: Document) -> bool:
    """Return whether the scenario had it measured, before anyone spoke.

    Only then were its gates' thresholds not a model's to choose.
    """
    return evidence["asked_by"][0] == BEFORE
