"""Graphs for LangGraph's own tools, which call `graph(config)` of the files in `langgraph.json`.

They call it in their event loop and wait for what it returns; agents are read in a thread.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from ensemble.graph.topology import Topology
from ensemble.scenarios.panel import Panel


async def compiled(topology: Topology, config: Mapping[str, Any] | None = None) -> Any:
    """Return the topology compiled, with the cast and models that the config names.

    Args:
        topology: seats, edges and the cast that sits there by default.
        config: LangGraph's config; `configurable` may hold `cast`, `models` and `choices`.
    """
    given: Mapping[str, Any] = (config or {}).get("configurable", {})
    named = {name: given[name] for name in ("cast", "models", "choices") if name in given}
    return await asyncio.to_thread(Panel(graph=topology, **named).compile)
