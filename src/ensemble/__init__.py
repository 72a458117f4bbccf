"""Panels of expert agents, seated in roles, run on LangGraph, recorded and replayable.

    from ensemble import Panel
    print(Panel("review", models="embedded").run_sync("May this model be promoted?"))

Names are loaded when they are first used, so that importing this costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble.agents.library import Agent, Library, load_agent, load_agents
    from ensemble.errors import EnsembleError
    from ensemble.graph.routing import Condition, found, split, unsure
    from ensemble.graph.run_context import Limits
    from ensemble.graph.seating import Rules
    from ensemble.graph.topology import END, START, Edge, Topology
    from ensemble.models.provider import Candidate, ModelCall, Params, Reply
    from ensemble.roles import Role
    from ensemble.scenarios.panel import Panel, Result
    from ensemble.scenarios.panel_chat import as_chat_model
    from ensemble.scenarios.replay import replay_scenario
    from ensemble.scenarios.run import run_scenario

_HOMES = {
    "agents.library": ("Agent", "Library", "load_agent", "load_agents"),
    "errors": ("EnsembleError",),
    "graph.routing": ("Condition", "found", "split", "unsure"),
    "graph.run_context": ("Limits",),
    "graph.seating": ("Rules",),
    "graph.topology": ("END", "START", "Edge", "Topology"),
    "models.provider": ("Candidate", "ModelCall", "Params", "Reply"),
    "roles": ("Role",),
    "scenarios.panel": ("Panel", "Result"),
    "scenarios.panel_chat": ("as_chat_model",),
    "scenarios.replay": ("replay_scenario",),
    "scenarios.run": ("run_scenario",),
}

__all__ = [
    "END",
    "START",
    "Agent",
    "Candidate",
    "Condition",
    "Edge",
    "EnsembleError",
    "Library",
    "Limits",
    "ModelCall",
    "Panel",
    "Params",
    "Reply",
    "Result",
    "Role",
    "Rules",
    "Topology",
    "as_chat_model",
    "found",
    "load_agent",
    "load_agents",
    "replay_scenario",
    "run_scenario",
    "split",
    "unsure",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
