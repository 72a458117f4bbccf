"""Which tools every turn of an ensemble may hold, and the proof that no audit can change a thing.

It looks at every (path, role) that an edge can enter, so what holds here holds on every way
through the graph. A tool that is not known to only look counts as one that changes something.
"""

from typing import Final

from ensemble.agents.casting import Casting
from ensemble.agents.spec import READING, SEARCHING
from ensemble.graph.seating import Ensemble, Member
from ensemble.graph.soundness import GraphFault
from ensemble.roles import Role

LOOKING: Final = READING | SEARCHING | {"Bash"}
"""What an audit may hold; Bash because the workspace that it runs in cannot be written to."""
AUDITING: Final = (Role.AUDITOR, Role.GATE_REVIEWER)
"""Roles that audit whatever their tool mode."""


def is_audit(casting: Casting) -> bool:
    """Return whether a turn audits: by its role, or by the tool mode that raises findings."""
    return casting.audits or casting.role in AUDITING


def beyond_looking(casting: Casting) -> tuple[str, ...]:
    """Return the tools of a turn that an audit must not hold."""
    return tuple(tool for tool in casting.tools if tool.partition("(")[0] not in LOOKING)


def violations(ensemble: Ensemble) -> list[GraphFault]:
    """Return a fault for every auditing turn that holds a tool which can change something."""
    return [
        _fault(member, casting, tools)
        for member, role in ensemble.nodes()
        if is_audit(casting := ensemble.castings[member.path, role])
        and (tools := beyond_looking(casting))
    ]


def _fault(member: Member, casting: Casting, tools: tuple[str, ...]) -> GraphFault:
    listed, mode = ", ".join(tools), casting.tool_mode
    problem = f"{member.path} audits as {casting.role} and holds {listed} by tool mode {mode}"
    fix = f"take {listed} out of {mode} in {casting.agent.path}"
    if mode != "audit":
        fix = f"leave the seat's tool mode at audit, or {fix}"
    return GraphFault("G017", problem, where=member.where, fix=fix)
