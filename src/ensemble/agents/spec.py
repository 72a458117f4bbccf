"""The frontmatter of an agent file, as one model.

The shapes that agent files use for the same thing (roles as a map of maps, of texts, or a
list; tools as comma strings or lists) become one shape here. Keys that nobody knows are
kept, not refused: a file may serve other programs too.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]

_FROZEN = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


def _split_tools(given: Any) -> Any:
    if isinstance(given, str):
        return tuple(name.strip() for name in given.split(",") if name.strip())
    return () if given is None else given


def _beside_default(given: Any, inside: str, default: str = "default") -> Any:
    """Move a map's named entries below one key, beside the entry that names the default."""
    if given is None:
        return {}
    if not isinstance(given, dict) or inside in given:
        return cast("Any", given)
    raw = dict(cast("dict[str, Any]", given))
    return {default: raw.pop(default, None), inside: raw}


Tools = Annotated[tuple[str, ...], BeforeValidator(_split_tools)]


class ModelSelection(BaseModel):
    """How to choose among models."""

    model_config = _FROZEN

    priorities: tuple[str, ...] = ()
    """What matters most, in order."""
    minimum_tier: Literal["tiny", "small", "medium", "large"] | None = None
    """The smallest size class of model that will do."""
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
    """What this mode tends to get wrong."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_risk(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        raw = dict(cast("dict[str, Any]", given))
        for name in ("risk_profile", "risks"):
            if name in raw:
                raw.setdefault("risk", raw.pop(name))
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
    escalate_to: str = "human"
    """Who takes over: an agent's name, several, or `human`."""
    triggers: tuple[str, ...] = ()
    """Situations, in words, that escalate whatever the confidence."""
    context_to_include: tuple[str, ...] = ()
    """What to hand over."""


class ToolModes(BaseModel):
    """Which tools each mode lists."""

    model_config = _FROZEN

    modes: dict[str, Tools] = {}
    """Tool mode to tool names."""
    default_mode: str | None = None
    """The mode where nothing else says."""

    @model_validator(mode="before")
    @classmethod
    def _modes_beside_default(cls, given: Any) -> Any:
        if isinstance(given, (str, list)):
            return {"modes": {"full": cast("Any", given)}, "default_mode": "full"}
        return _beside_default(given, "modes", "default_mode")


class CognitiveModes(BaseModel):
    """How the agent can think, and how it does unless told otherwise."""

    model_config = _FROZEN

    modes: dict[str, Mode] = {}
    """Cognitive mode to what it means for this agent."""
    default: str | None = None
    """The mode where nothing else says."""

    @model_validator(mode="before")
    @classmethod
    def _modes_beside_default(cls, given: Any) -> Any:
        return _beside_default(given, "modes")


class EnsembleRoles(BaseModel):
    """The roles the agent declares, an open set."""

    model_config = _FROZEN

    roles: dict[str, RoleWord] = {}
    """Role to the file's own word on it."""
    default: str | None = None
    """The role the agent is born for."""

    @model_validator(mode="before")
    @classmethod
    def _three_shapes(cls, given: Any) -> Any:
        if isinstance(given, list):
            names = cast("list[Any]", given)
            if not all(isinstance(name, str) for name in names):
                raise ValueError("a list of roles holds their names alone")
            return {"roles": dict.fromkeys(names, "")}
        return _beside_default(given, "roles")


class AgentSpec(BaseModel):
    """An agent file's frontmatter."""

    model_config = _FROZEN

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
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
    role: str | None = None
    """executor, auditor, advisor …: the tool mode where `default_mode` is absent."""
    load_bearing: bool = False
    """Whether many others rely on it."""
    proactive_triggers: tuple[str, ...] = ()
    """Patterns that call for this agent."""
    mcp_servers: dict[str, Any] = {}
    """Servers it would use, described but never launched from here."""
    version: str = "0.0.0"
    """Of the file."""
    audit: dict[str, Any] | None = None
    """The file's own grade: shown as claimed, never used."""
