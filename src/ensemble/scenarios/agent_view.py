"""An agent as a model would meet it, before any is called: text, tools, whom it hands over to.

What is left out is named with the reason, so that nothing about a turn is a surprise.
"""

from dataclasses import asdict
from typing import Any, Final

from ensemble.agents.casting import Casting, cast
from ensemble.agents.claims import claimed
from ensemble.agents.conversion import bare
from ensemble.agents.library import Agent, Library
from ensemble.agents.prompt import PREAMBLE, Briefing, Standing, own_part, specialities
from ensemble.agents.triggers import classify
from ensemble.checks.words import is_tool
from ensemble.graph.seating import wanted_of
from ensemble.models.fit import text_tokens
from ensemble.roles import HUMAN, Role

_PIPELINE: Final = (
    *("pipeline", "phase", "phase_name", "primary_phases", "phase_affinity"),
    *("previous_phase", "next_phase", "gate_type", "gate_trigger", "gate_integration"),
    "created_for",
)
"""Fields about an agent's place among others; shown, and left to whoever runs a pipeline."""


def shown(
    agent: Agent,
    library: Library,
    role: str | None = None,
    *,
    mode: str | None = None,
    tool_mode: str | None = None,
    task: str = "",
) -> dict[str, Any]:
    """Return the agent as a turn would use it.

    `prompt` is the whole text that a model would get but for the shared part, `tokens` about
    how long that is, `file_tokens` the same of the file.

    Args:
        agent: the agent.
        library: whom it can hand over to.
        role: the role it takes; left out, the one it is born for.
        mode: overrides the cognitive mode.
        tool_mode: overrides the tool mode.
        task: decides which specialisations are read; it is no part of the prompt itself.

    Raises:
        InvalidFile: the agent knows no such role or mode.
    """
    spec = agent.spec
    chosen = role or spec.ensemble_roles.default or "solo"
    cast(agent, chosen, where="--role")
    cast(agent, chosen, mode=mode, where="--mode")
    casting = cast(agent, chosen, mode=mode, tool_mode=tool_mode, where="--tool-mode")
    wanted = wanted_of(casting, findings=("F1",))
    briefing = Briefing(task)
    alone = chosen == Role.SOLO
    readers = () if alone or chosen == Role.DECISION_MAKER else ("the next seat",)
    own = own_part(casting, briefing, Standing(readers, alone=alone), wanted, ())
    prompt = f"{PREAMBLE}\n\n{own}"
    return {
        "schema": "ensemble/agent@1",
        "name": agent.name,
        "version": spec.version,
        "sha256": agent.sha256,
        "path": agent.path,
        "dialect": agent.dialect,
        "repairs": [asdict(item) for item in agent.repairs],
        "role": casting.role,
        "role_declared": casting.role in spec.ensemble_roles.roles,
        "mode": casting.mode,
        "tool_mode": casting.tool_mode,
        "tools": [tool for tool in casting.tools if is_tool(bare(tool))],
        "tool_reasons": _tool_reasons(casting),
        **_facts(agent, library),
        "specialisations": specialities(casting, briefing),
        "tokens": text_tokens(prompt),
        "file_tokens": text_tokens(agent.text),
        "prompt": prompt,
    }


def _facts(agent: Agent, library: Library) -> dict[str, Any]:
    """Return what holds for the agent in every role."""
    spec = agent.spec
    claim = claimed(spec.audit)
    return {
        "escalation": {
            **spec.escalation.model_dump(mode="json"),
            "targets": _targets(agent, library),
        },
        "defers_to": _known(agent.body.defers_to, library),
        "human_decisions": {
            kind: list(items) for kind, items in spec.human_decisions_required.items()
        },
        "load_bearing": spec.load_bearing,
        "pipeline": spec.model_dump(mode="json", include={*_PIPELINE}, exclude_defaults=True),
        "severities": list(agent.body.severities),
        "models": [name for name in (spec.model, *spec.model_fallbacks) if name],
        "mcp_servers": agent.mcp_servers,
        "triggers": {text: classify(text).kind.value for text in spec.proactive_triggers},
        "not_acted_on": [asdict(fate) for fate in agent.fates if fate.lost],
        "claimed_audit": asdict(claim) if claim else None,
    }


def _tool_reasons(casting: Casting) -> list[dict[str, Any]]:
    """Return each tool that the file names anywhere, held or not, and why."""
    tools = casting.agent.spec.tools
    listing: dict[str, list[str]] = {}
    for mode, names in tools.modes.items():
        for name in names:
            listing.setdefault(name, []).append(mode)
    return [
        {"tool": name, "held": held, "reason": _reason(casting, name, modes)}
        for name, modes in listing.items()
        for held in [name in casting.tools and is_tool(bare(name))]
    ]


def _reason(casting: Casting, tool: str, modes: list[str]) -> str:
    if not is_tool(bare(tool)):
        return "no tool is called that"
    if casting.tool_mode is None:
        return f"the role {casting.role} holds no tools"
    if casting.agent.spec.tools.flat and casting.tool_mode not in modes:
        held = tool in casting.tools
        change = "changes nothing" if held else "may change something or reach out"
        return f"one list is for all modes; it {change}, and the mode is {casting.tool_mode}"
    if tool in casting.tools:
        return f"listed for {casting.tool_mode}"
    return f"listed only for {', '.join(modes)}; the mode is {casting.tool_mode}"


def _targets(agent: Agent, library: Library) -> list[dict[str, Any]]:
    """Return whom the agent hands over to; where nobody of them is there, a person."""
    targets = _known(agent.spec.escalation.targets, library)
    if not any(target["found"] for target in targets):
        reason = "nobody that the file names is in the library"
        targets.append({"name": HUMAN, "found": True, "reason": reason})
    return targets


def _known(names: tuple[str, ...], library: Library) -> list[dict[str, Any]]:
    return [{"name": name, "found": name == HUMAN or name in library} for name in names]
