"""The frontmatter of an agent file, as one model.

The shapes that agent files use for the same thing (roles as a map of maps, of texts, or a
list; tools as comma strings or lists) become one shape here. Keys that nobody knows are
kept, not refused: a file may serve other programs too.
"""

import re
from functools import cached_property
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ensemble.agents.shapes import (
    TEXT_OR_NUMBER,
    FoundModes,
    FoundRoles,
    FoundTools,
    beside_default,
    one_or_more,
    role_list,
    split_tools,
)
from ensemble.roles import HUMAN, CognitiveMode, ToolMode

Probability = Annotated[float, Field(ge=0, le=1)]
Tools = Annotated[tuple[str, ...], BeforeValidator(split_tools)]
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(one_or_more),
    WithJsonSchema({"anyOf": [{"type": "array", "items": TEXT_OR_NUMBER}, TEXT_OR_NUMBER]}),
]
Written = Annotated[str, WithJsonSchema(TEXT_OR_NUMBER)]
"""A text that looks like a number: `1.10`, `5`; it is kept as it is written."""

_FROZEN = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]*$"
READING: Final = frozenset({"Read", "Grep", "Glob", "LS", "NotebookRead", "TodoWrite"})
"""Tools that change nothing and reach nobody."""
SEARCHING: Final = frozenset({"WebSearch", "WebFetch"})
"""Tools that read what lies elsewhere."""


class ModelSelection(BaseModel):
    """How to choose among models."""

    model_config = _FROZEN

    priorities: tuple[str, ...] = ()
    """What matters most, in order."""
    minimum_tier: Literal["tiny", "small", "medium", "large"] | None = None
    """The smallest size class of model that will do; not the agent's own tier."""
    profiles: dict[str, str] = {}
    """Situation to profile: `default`, `interactive`, `batch`, `review`."""


class Mode(BaseModel):
    """One cognitive mode: how the agent thinks, what comes out."""

    model_config = _FROZEN

    mindset: str = ""
    """How the agent thinks in this mode."""
    output: str = ""
    """What it produces."""
    risk: str = ""
    """What this mode tends to get wrong; `risk_profile` and `risks` are the same."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_risk(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return {} if given is None else given
        raw = dict(cast("dict[str, Any]", given))
        for name in ("risk_profile", "risks"):
            if name in raw:
                risk = raw.pop(name)
                several = cast("list[Any]", risk) if isinstance(risk, list) else [risk]
                raw.setdefault("risk", "; ".join(map(str, several)))
        return raw


class RoleWord(BaseModel):
    """What the agent's own file says about one ensemble role."""

    model_config = _FROZEN

    description: str = ""
    """What the role is."""
    behavior: str = ""
    """How the agent behaves in it."""

    @model_validator(mode="before")
    @classmethod
    def _text_is_behaviour(cls, given: Any) -> Any:
        return {"behavior": given} if isinstance(given, str) else given or {}


class Escalation(BaseModel):
    """When an agent hands its turn to a more senior one."""

    model_config = _FROZEN

    confidence_threshold: Probability = 0.6
    """An answer less sure than this escalates. 0 never escalates."""
    escalate_to: str = HUMAN
    """Who takes over: an agent's name, several (`a or b (lead)`), or `human`."""
    triggers: Texts = ()
    """Situations, in words, that escalate whatever the confidence."""
    context_to_include: Texts = ()
    """What to hand over."""
    escalation_context: str = ""
    """What to hand over, as one text."""

    @model_validator(mode="before")
    @classmethod
    def _several_are_alternatives(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return {} if given is None else given
        raw = {key: item for key, item in cast("dict[str, Any]", given).items() if item is not None}
        if isinstance(raw.get("escalate_to"), list):
            raw["escalate_to"] = " or ".join(map(str, raw["escalate_to"]))
        return raw

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Who takes over, one by one, the first choice first; what stands in brackets is left."""
        names: list[list[str]] = [[]]
        for word in re.sub(r"[,;/|]", " or ", _outside_brackets(self.escalate_to)).split():
            if word in ("or", "and", "then"):
                names.append([])
            else:
                names[-1].append(word)
        return tuple(dict.fromkeys(" ".join(name) for name in names if name))


def _outside_brackets(text: str) -> str:
    parts: list[str] = []
    place = 0
    while (start := text.find("(", place)) >= 0 and (end := text.find(")", start)) >= 0:
        parts.append(text[place:start])
        place = end + 1
    return " ".join([*parts, text[place:]])


class ToolModes(FoundTools, BaseModel):
    """Which tools each mode lists."""

    model_config = _FROZEN

    modes: dict[str, Tools] = {}
    """Tool mode to tool names."""
    default_mode: str | None = None
    """The mode where nothing else says."""

    @model_validator(mode="before")
    @classmethod
    def _modes_beside_default(cls, given: Any) -> Any:
        if isinstance(given, dict):
            raw = cast("dict[str, Any]", given)
            switches = {name: item for name, item in raw.items() if isinstance(item, bool)}
            if raw and len(switches) == len(raw):  # name to on or off
                given = [name for name, on in switches.items() if on]
        if isinstance(given, (str, list)):
            return {"modes": {"full": cast("Any", given)}, "default_mode": "full"}
        return beside_default(given, "modes", "default_mode")

    @property
    def flat(self) -> bool:
        """Whether the file gives one list for every mode."""
        return set(self.modes) == {ToolMode.FULL}

    @property
    def known(self) -> tuple[str, ...]:
        """Tool modes that can be taken: those declared, or all where one list is for all."""
        return tuple(dict.fromkeys([*self.modes, *ToolMode])) if self.flat else tuple(self.modes)

    def listed(self, mode: str | None) -> tuple[str, ...]:
        """Return the tools of a mode; from one flat list, those that the mode is for."""
        if mode is None:
            return ()
        if mode in self.modes or not self.flat:
            return tuple(dict.fromkeys(self.modes.get(mode, ())))
        allowed = {ToolMode.AUDIT: READING, ToolMode.RESEARCH: READING | SEARCHING}.get(
            ToolMode(mode) if mode in tuple(ToolMode) else ToolMode.AUDIT
        )
        every = dict.fromkeys(self.modes[ToolMode.FULL])
        return tuple(tool for tool in every if allowed is None or tool.split("(")[0] in allowed)


class CognitiveModes(FoundModes, BaseModel):
    """How the agent can think, and how it does unless told otherwise."""

    model_config = _FROZEN

    modes: dict[str, Mode] = {}
    """Cognitive mode to what it means for this agent."""
    default: str | None = None
    """The mode where nothing else says."""

    @model_validator(mode="before")
    @classmethod
    def _modes_beside_default(cls, given: Any) -> Any:
        if isinstance(given, dict) and "default_cognitive_mode" in given:
            raw = dict(cast("dict[str, Any]", given))
            given = {"default": raw.pop("default_cognitive_mode"), **raw}
        return beside_default(given, "modes")

    @property
    def usual(self) -> str:
        """The mode where nothing else says, if it is one; else the first that is declared."""
        if self.default is not None and self.default in {*self.modes, *CognitiveMode}:
            return self.default
        return next(iter(self.modes), CognitiveMode.EVALUATIVE)


class EnsembleRoles(FoundRoles, BaseModel):
    """The roles the agent declares, an open set."""

    model_config = _FROZEN

    roles: dict[str, RoleWord] = {}
    """Role to the file's own word on it."""
    default: str | None = None
    """The role the agent is born for."""

    @model_validator(mode="before")
    @classmethod
    def _three_shapes(cls, given: Any) -> Any:
        return beside_default(role_list(given), "roles")


class AgentSpec(BaseModel):
    """An agent file's frontmatter."""

    model_config = _FROZEN

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    """Identity: kebab-case, unique in a library."""
    description: str = ""
    """One line: what the agent does."""
    model: str | None = None
    """First wish: an alias such as `opus`, a model's name, or `inherit`."""
    model_fallbacks: tuple[str, ...] = ()
    """Next wishes, in order."""
    model_selection: ModelSelection = ModelSelection()
    """How to choose where none of the wishes is there."""
    tier: str = "expert"
    """How deep the file goes: focused, expert, phd."""
    tools: ToolModes = ToolModes()
    """Which tools each mode lists."""
    cognitive_modes: CognitiveModes = CognitiveModes()
    """How the agent can think."""
    ensemble_roles: EnsembleRoles = EnsembleRoles()
    """Which seats it can hold and how it behaves there."""
    escalation: Escalation = Escalation()
    """When it hands over."""
    human_decisions_required: dict[str, Texts] = {}
    """Decisions that always wait for a person, by kind: `always`, `safety_critical` …"""
    role: str | None = None
    """executor, auditor, advisor …: the tool mode where `default_mode` is absent."""
    load_bearing: bool = False
    """Whether many others rely on it: a changed file runs only once a person accepts it."""
    proactive_triggers: tuple[str, ...] = ()
    """Patterns that call for this agent: globs of paths or words, file names, sentences."""
    mcp_servers: dict[str, Any] = {}
    """Servers it would use, described but never launched from here."""
    phase: Written | None = None
    """Where it stands in a pipeline: `5`, `6-9`."""
    phase_name: str | None = None
    """What that phase is called."""
    gate_type: str | None = None
    """What its gate means: required, conditional, optional, go-no-go."""
    gate_trigger: str | None = None
    """An expression that opens its gate; shown, never evaluated."""
    previous_phase: str | None = None
    """The agent before it in the pipeline."""
    next_phase: str | None = None
    """The agent after it, or `complete`."""
    pipeline: str | None = None
    """The pipeline it takes part in."""
    primary_phases: Texts = ()
    """Phases it takes part in."""
    phase_affinity: Texts = ()
    """Phases it suits."""
    gate_integration: bool = False
    """Whether it speaks at gates."""
    created_for: str | None = None
    """What it was made for."""
    version: Written = "0.0.0"
    """Of the file."""
    audit: dict[str, Any] | None = None
    """The file's own grade: shown as claimed, never used."""

    @model_validator(mode="before")
    @classmethod
    def _as_if_not_given(cls, given: Any) -> Any:
        """Leave out keys without a value; take `default_cognitive_mode` in."""
        if not isinstance(given, dict):
            return given
        raw = {key: item for key, item in cast("dict[str, Any]", given).items() if item is not None}
        default = raw.pop("default_cognitive_mode", None)
        if default is not None:
            modes: Any = raw.get("cognitive_modes") or {}
            if isinstance(modes, dict):
                raw["cognitive_modes"] = {"default": default, **cast("dict[str, Any]", modes)}
        return raw
