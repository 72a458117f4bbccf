"""One parsed reply, and what a turn's reply may and must hold."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ensemble.roles import Severity

Confidence = Literal["high", "medium", "low"]
DispositionState = Literal["accepted", "fixed", "rejected", "deferred"]
DISPOSITION_STATES: Final[tuple[DispositionState, ...]] = get_args(DispositionState)
SURENESS: Final[dict[str, float]] = {"high": 0.9, "medium": 0.65, "low": 0.25}
"""Middle of what each word stands for: see `level_of`."""


def level_of(probability: float) -> Confidence:
    """Return the word for a stated probability in [0, 1]: high over 0.8, medium from 0.5."""
    high, medium = 0.8, 0.5
    return "high" if probability > high else "medium" if probability >= medium else "low"


class Unparsed(ValueError):
    """A reply that holds no readable envelope; the text says what is missing."""


class RaisedFinding(BaseModel):
    """One audit item, as an agent raised it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    severity: Severity
    """How bad it is."""
    title: str
    """What is wrong, in one line."""
    location: str = ""
    """File and line, or the component."""
    issue: str = ""
    """What is the matter."""
    impact: str = ""
    """What follows from it."""
    recommendation: str = ""
    """What to do about it."""

    @field_validator("severity", mode="before")
    @classmethod
    def _known_severity(cls, given: Any) -> Any:
        word = str(given).strip().upper()
        return SEVERITY_WORDS.get(word, word)

    @field_validator("title", "location")
    @classmethod
    def _one_line(cls, given: str) -> str:
        return " ".join(given.split())  # so that it cannot look like a line of a report


class Disposition(BaseModel):
    """What the decider does about one finding, or one view that is not its own."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    finding: str
    """The finding's id, or the view's."""
    state: DispositionState
    """Accepted; fixed already; rejected, for a reason; or deferred to a person."""
    reason: str = ""
    """Why."""


class RaisedClaim(BaseModel):
    """A statement that the answer rests on, and the measurement that bears it out."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    text: str
    """The statement."""
    evidence: str | None = None
    """`L2` or `L2/gate`: the evidence, and the gate of it, that the statement is about.

    Anything else is taken for none: nobody can check it.
    """
    holds: bool = True
    """Whether the statement says that the gate passed."""

    @field_validator("evidence")
    @classmethod
    def _names_evidence(cls, given: str | None) -> str | None:
        return given if given and _EVIDENCE.fullmatch(given) else None


class Check(BaseModel):
    """A statement with the measurement that settles it; the lab makes it once it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    claim: str
    """The statement."""
    tool: str
    """The lab tool that measures."""
    spec: Mapping[str, Any]
    """What it measures."""
    metric: str
    """The figure of the result that counts."""
    at_least: float | None = None
    """The statement holds where the figure is this or more."""
    at_most: float | None = None
    """The statement holds where the figure is this or less."""

    def holds(self, value: object) -> bool | None:
        """Return whether a measured value bears the statement out; None where nobody can say."""
        if not isinstance(value, (int, float)) or (self.at_least is None and self.at_most is None):
            return None
        low = -math.inf if self.at_least is None else self.at_least
        return low <= value <= (math.inf if self.at_most is None else self.at_most)


class Answer(BaseModel):
    """One parsed reply."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    result: str
    """What was found, built or decided."""
    confidence: Confidence
    """How sure the agent says it is."""
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    """The same as a number in [0, 1], where the agent gave one."""
    uncertainty: tuple[str, ...] = ()
    """What could make it wrong."""
    verification: str = ""
    """How to check it."""
    position: str | None = None
    """One of the scenario's choices; where there are none, one line of at most 200 characters."""
    body: str = ""
    """The rest of the reply, in Markdown."""
    findings: tuple[RaisedFinding, ...] = ()
    """Audit items."""
    dispositions: tuple[Disposition, ...] = ()
    """The decider's word on each finding."""
    claims: tuple[RaisedClaim, ...] = ()
    """What the decision rests on."""
    checks: tuple[Check, ...] = ()
    """Measurements by which the answer says it can be verified."""
    escalates: tuple[str, ...] = ()
    """Ids of the agent's own triggers (T1 …) and reserved decisions (H1 …) that hold."""
    action: Mapping[str, Any] | None = None
    """A measurement or tool the agent asks for before it answers."""


@dataclass(frozen=True)
class Wanted:
    """What a turn's reply may and must hold."""

    choices: tuple[str, ...] = ()
    """Positions to choose from; empty for free text."""
    findings: bool = False
    """Whether audit items may be raised."""
    dispositions: tuple[str, ...] = ()
    """Ids of the findings that must be answered."""
    claims: bool = False
    """Whether the reply names what it rests on."""
    escalates: tuple[tuple[str, str], ...] = ()
    """Marks of what the reply may say holds, and what each stands for."""
    tools: tuple[str, ...] = ()
    """Names of the tools that may be asked for."""
    forms: tuple[str, ...] = ()
    """What each tool's spec holds, one line each."""

    def spared(self) -> "Wanted":
        """Return what of it a very small model is asked for; its schema has no more."""
        return Wanted(choices=self.choices, dispositions=self.dispositions)


_EVIDENCE: Final = re.compile(r"[A-Za-z]\w*(/[\w.-]+)?")
SEVERITY_WORDS: Final = {
    "BLOCKING": "CRITICAL",
    "BLOCKER": "CRITICAL",
    "MAJOR": "HIGH",
    "ERROR": "HIGH",
    "WARN": "WARNING",
    "MODERATE": "MEDIUM",
    "MINOR": "LOW",
    "NOTE": "INFO",
    "SUGGESTION": "INFO",
}
