"""An agent cast in a role: which mode it thinks in, which tools it holds, how it behaves.

The agent's own file speaks first, the role's defaults fill in, a scenario may override the
modes. A file may only ask: tools are what the mode lists and the caller allows.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble.agents.library import Agent
from ensemble.errors import InvalidFile, closest
from ensemble.roles import ROLE_DEFAULTS, CognitiveMode, RoleDefault, Sees, ToolMode

if TYPE_CHECKING:
    from collections.abc import Collection

_DECLARED = RoleDefault((), (), Sees.ANSWERS_BLIND, "Act as your file describes this role.")


@dataclass(frozen=True)
class Casting:
    """One agent in one role."""

    agent: Agent
    role: str
    mode: str
    """The cognitive mode."""
    tool_mode: str | None
    """The tool mode; None holds no tools."""
    tools: tuple[str, ...]
    """Tools that the tool mode lists."""
    behaviour: str
    """The file's word on the role, else the role's own."""

    @property
    def defaults(self) -> RoleDefault:
        """What the role means by itself."""
        return role_default(self.role)

    @property
    def audits(self) -> bool:
        """Whether this turn's output is an audit: findings may be raised."""
        return self.tool_mode == ToolMode.AUDIT


def role_default(role: str) -> RoleDefault:
    """Return what a role means; a role only its agents know sees answers, but no names."""
    return ROLE_DEFAULTS.get(role, _DECLARED)


def cast(
    agent: Agent, role: str, *, mode: str | None = None, tool_mode: str | None = None, where: str
) -> Casting:
    """Cast `agent` in `role`.

    Args:
        agent: the agent.
        role: an ensemble role.
        mode: overrides the cognitive mode.
        tool_mode: overrides the tool mode; a role without tools stays without.
        where: file and line, for errors.

    Raises:
        InvalidFile: neither the format nor the agent knows the role, or the mode.
    """
    declared = agent.spec.ensemble_roles.roles
    if role not in declared and role not in ROLE_DEFAULTS:
        raise InvalidFile(
            f"agent {agent.name!r} declares no role {role!r}",
            where=where,
            fix=closest(role, {*declared, *ROLE_DEFAULTS}),
        )
    default = role_default(role)
    chosen_tools = _tool_mode(agent, default, tool_mode, where)
    own = declared.get(role)
    return Casting(
        agent,
        role,
        _mode(agent, default, mode, where),
        chosen_tools,
        agent.spec.tools.listed(chosen_tools),
        (own.behavior or own.description if own else "") or default.behaviour,
    )


def _mode(agent: Agent, default: RoleDefault, wished: str | None, where: str) -> str:
    declared = agent.spec.cognitive_modes.modes
    known: Collection[str] = {*declared, *CognitiveMode}
    if wished is not None:
        if wished not in known:
            raise InvalidFile(
                f"agent {agent.name!r} has no cognitive mode {wished!r}",
                where=where,
                fix=closest(wished, known),
            )
        return wished
    for mode in default.modes:
        if mode in declared:
            return mode
    if default.modes:
        return default.modes[-1]
    return agent.spec.cognitive_modes.usual


def _tool_mode(agent: Agent, default: RoleDefault, wished: str | None, where: str) -> str | None:
    declared = agent.spec.tools.known
    if default.tool_modes is None:
        return None
    if wished is not None:
        if wished not in declared:
            raise InvalidFile(
                f"agent {agent.name!r} lists no tools for mode {wished!r}",
                where=where,
                fix=closest(wished, declared, kind="tool mode"),
            )
        return wished
    for mode in default.tool_modes:
        if mode in declared:
            return mode
    if default.tool_modes:
        return default.tool_modes[-1]
    born = ToolMode.SOLUTION if agent.spec.role == "executor" else ToolMode.AUDIT
    return agent.spec.tools.default_mode or born
