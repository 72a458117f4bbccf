"""The lab of one scenario's workspace, opened for a live run."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ensemble.graph.lab_desk import Measures
from ensemble.scenarios.loading import Loaded


@asynccontextmanager
async def open_lab(loaded: Loaded) -> AsyncGenerator[Measures | None]:
    """Open the lab on the workspace, answers kept in the project; None without a workspace."""
    if loaded.workspace is None:
        yield None
        return
    from ensemble.lab.client import Lab

    async with Lab(
        loaded.workspace, loaded.project.lab, threads=loaded.scenario.lab.threads
    ) as lab:
        yield lab
