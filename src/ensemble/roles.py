"""The closed and open words: roles, modes, severities, authority, and what a role defaults to.

Roles are an open set: a file may declare more than the eight below. What each of the
eight means for a turn (which mode, which tools, what it sees) is `ROLE_DEFAULTS`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HUMAN: Final = "human"
"""Who is no agent but a person: in a cast, and where an agent hands over."""


class Role(StrEnum):
    """The ensemble roles that every agent can take."""

    SOLO = "solo"
    PANEL_MEMBER = "panel_member"
    AUDITOR = "auditor"
    INPUT_PROVIDER = "input_provider"
    DECISION_MAKER = "decision_maker"
    TIEBREAKER = "tiebreaker"
    ADVISEE = "advisee"
    GATE_REVIEWER = "gate_reviewer"


class CognitiveMode(StrEnum):
    """How an agent thinks in a turn."""

    GENERATIVE = "generative"
    CRITICAL = "critical"
    EVALUATIVE = "evaluative"
    INFORMATIVE = "informative"
    CONVERGENT = "convergent"


class ToolMode(StrEnum):
    """Which of its tools an agent may use in a turn."""

    AUDIT = "audit"
    SOLUTION = "solution"
    RESEARCH = "research"
    FULL = "full"


KNOWN_TOOLS = (
    "Read", "Write", "Edit", "Grep", "Glob", "Bash", "WebSearch", "WebFetch", "Task",
)  # fmt: skip
"""Tools that agent files name."""


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    WARNING = "WARNING"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFO = "INFO"

    @property
    def rank(self) -> int:
        """0 for the worst; a smaller rank is at least as severe."""
        return list(Severity).index(self)


class Authority(StrEnum):
    """How far a decision can be trusted, best first; the lowest that applies wins."""

    DECIDED = "decided"
    ADVISORY = "advisory"
    DEGRADED = "degraded"
    SPLIT = "split"
    VOID = "void"


class TurnStatus(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_NEEDED = "not_needed"


class RunStatus(StrEnum):
    """How a run ended, or stands."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    OVER_LIMIT = "over_limit"


class Sees(StrEnum):
    """What of the others' work a role is shown."""

    NOTHING = "nothing"
    ANSWERS_BLIND = "answers, anonymous and shuffled"
    OWN_AND_FINDINGS = "its own answer and the findings about it"
    EVERYTHING = "everything, with who is who"
    DISAGREEMENT = "the positions that disagree"


@dataclass(frozen=True)
class RoleDefault:
    """What a role means for a turn where neither agent nor scenario says otherwise.

    An empty tuple of modes stands for the agent's own default, None for no tools at all.
    """

    modes: tuple[CognitiveMode, ...]
    tool_modes: tuple[ToolMode, ...] | None
    sees: Sees
    behaviour: str
    takes_position: bool = True


_DECIDES = (CognitiveMode.CONVERGENT, CognitiveMode.EVALUATIVE)

ROLE_DEFAULTS: dict[str, RoleDefault] = {
    Role.SOLO: RoleDefault(
        (), (), Sees.NOTHING, "You carry this alone: be thorough, flag every doubt, recommend."
    ),
    Role.PANEL_MEMBER: RoleDefault(
        (CognitiveMode.EVALUATIVE,),
        (ToolMode.AUDIT,),
        Sees.NOTHING,
        "Stake a position from your own field and do not hedge; balance is made elsewhere.",
    ),
    Role.AUDITOR: RoleDefault(
        (CognitiveMode.CRITICAL,),
        (ToolMode.AUDIT,),
        Sees.ANSWERS_BLIND,
        "Attack the answers: verify each claim, look for what was missed.",
        takes_position=False,
    ),
    Role.INPUT_PROVIDER: RoleDefault(
        (CognitiveMode.INFORMATIVE,),
        (ToolMode.RESEARCH, ToolMode.AUDIT),
        Sees.NOTHING,
        "Give options and trade-offs; do not decide.",
        takes_position=False,
    ),
    Role.DECISION_MAKER: RoleDefault(
        _DECIDES,
        (ToolMode.AUDIT,),
        Sees.EVERYTHING,
        "Weigh what the others said, decide, answer every finding, own the outcome.",
    ),
    Role.TIEBREAKER: RoleDefault(
        _DECIDES, None, Sees.DISAGREEMENT, "Look only at the disagreement, decide it, justify it."
    ),
    Role.ADVISEE: RoleDefault(
        (),
        (),
        Sees.OWN_AND_FINDINGS,
        "Take the findings in; explain where you disagree.",
    ),
    Role.GATE_REVIEWER: RoleDefault(
        (CognitiveMode.CRITICAL,),
        (ToolMode.AUDIT,),
        Sees.ANSWERS_BLIND,
        "Block on critical findings, advise on the rest.",
    ),
}
