"""An agent shown before any model is called: what it is told, its tools, its models."""

from dataclasses import asdict
from typing import Any, Final

from ensemble.agents.casting import cast
from ensemble.agents.library import Agent, load_agents
from ensemble.agents.prompt import PREAMBLE, Standing, persona_part
from ensemble.answers.answer import Wanted
from ensemble.config import load_settings
from ensemble.errors import UsageError
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate
from ensemble.models.selection import Wishes, resolve

_CHARS_PER_TOKEN: Final = 4


def agent_named(name: str | None) -> Agent:
    """Return the project's agent called `name`.

    Raises:
        UsageError: no name was given.
    """
    library = load_agents()
    if name is None:
        raise UsageError(
            "an agent's name is missing", where="NAME", fix=f"one of: {', '.join(library)}"
        )
    return library.find(name, where="NAME")


def shown(agent: Agent, role: str | None = None) -> dict[str, Any]:
    """Return the agent as a turn would use it, the task left out.

    `prompt` is the whole text that a model would get, `tokens` about how long that is,
    `file_tokens` the same of the file.
    """
    chosen = role or agent.spec.ensemble_roles.default or "solo"
    casting = cast(agent, chosen, where="--role")
    wanted = Wanted(findings=casting.audits)
    own = persona_part(casting, Standing(("the next seat",)), wanted)
    prompt = f"{PREAMBLE}\n\n{own}"
    with open(agent.path, encoding="utf-8") as file:  # noqa: PTH123 - the path is text
        length = len(file.read())
    return {
        "schema": "ensemble/agent@1",
        "name": agent.name,
        "version": agent.spec.version,
        "sha256": agent.sha256,
        "path": agent.path,
        "role": casting.role,
        "mode": casting.mode,
        "tool_mode": casting.tool_mode,
        "tools": list(casting.tools),
        "escalation": agent.spec.escalation.model_dump(mode="json"),
        "claimed_audit": agent.spec.audit,
        "tokens": len(prompt) // _CHARS_PER_TOKEN,
        "file_tokens": length // _CHARS_PER_TOKEN,
        "prompt": prompt,
    }


async def chain_of(name: str | None) -> list[dict[str, Any]]:
    """Return an agent's chain as it would be asked here and now; without a name, every agent's."""
    agents = list(load_agents().values()) if name is None else [agent_named(name)]
    settings, probes = load_settings(), Probes()
    chains: list[dict[str, Any]] = []
    for agent in agents:
        selection = agent.spec.model_selection
        wishes = Wishes(
            model=agent.spec.model,
            fallbacks=agent.spec.model_fallbacks,
            minimum_tier=selection.minimum_tier,
            profile=selection.profiles.get("default"),
        )
        chain = await resolve(wishes, settings=settings, probes=probes)
        chains.append({"agent": agent.name, "chain": [asdict(item) for item in chain]})
    return chains


def chain_text(chains: list[dict[str, Any]]) -> str:
    """Return chains as text: who is asked, in order, and why not."""
    lines: list[str] = []
    for item in chains:
        lines.append(f"{item['agent']}:")
        for raw in item["chain"]:
            candidate = Candidate(**raw)
            mark = "asks" if candidate.available else "no  "
            model = f"{candidate.provider}/{candidate.model}" if candidate.provider else "-"
            lines.append(f"  {mark}  {candidate.asked}  {model}  ({candidate.reason})")
    return "\n".join(lines)
