"""The lab of one scenario's workspace, opened for a live run."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ensemble.graph.lab_desk import Measures
from ensemble.lab.client import Lab
from ensemble.lab.specs import Spec
from ensemble.scenarios.loading import Loaded

LabHeard = Callable[[dict[str, Any]], None]
"""Told what a job says of itself while it runs."""


@asynccontextmanager
async def open_lab(loaded: Loaded, heard: LabHeard | None) -> AsyncGenerator[Measures | None]:
    """Open the lab on the workspace, answers kept in the project; None without a workspace."""
    if loaded.workspace is None:
        yield None
        return
    threads = loaded.scenario.lab.threads
    async with Lab(loaded.workspace, loaded.project.lab, threads=threads) as lab:
        yield _Heard(lab, heard)


@dataclass(frozen=True)
class _Heard:
    """A lab whose jobs are listened to."""

    lab: Lab
    heard: LabHeard | None

    async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
        return await self.lab.run(spec, of=of, heard=self.heard)
