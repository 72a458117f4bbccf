"""A cancelled run stops within two seconds: every branch, every lab job; and can go on later."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from ensemble.agents.prompt import Briefing
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.run_journal import Journal
from ensemble.lab.client import Lab
from ensemble.models.provider import Candidate, ModelCall, Provider, Reply
from ensemble.roles import Role
from ensemble.scenarios.performance import Outcome, Plan, Stage, perform
from ensemble.testing import scripted
from ensemble.testing.panels import TASK, a_candidate, a_request, an_answer, an_ensemble

PANEL: Final = Topology(
    "panel",
    (
        Edge(START, ("panel", "apart"), Role.PANEL_MEMBER),
        Edge("panel", "chair", Role.DECISION_MAKER),
        Edge("apart", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)
AT_MOST_S: Final = 2.0


def begun(journal: Journal, ensemble: Ensemble, provider: Provider, lab: Any = None) -> Any:
    chains = {m.path: (a_candidate(m.path),) for m in ensemble.members}
    plan = Plan("panel", None, ensemble, Briefing(TASK, ensemble.choices))
    stage = Stage(providers={"scripted": provider}, chains=chains, lab=lab)
    return asyncio.create_task(perform(plan, journal, stage))


async def stopped_s(run: "asyncio.Task[Outcome]") -> float:
    started = time.monotonic()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    return time.monotonic() - started


async def test_every_branch_stops_and_the_run_can_go_on() -> None:
    ensemble = an_ensemble(PANEL, {"panel": 4})
    asked: list[str] = []
    left: list[str] = []
    all_asked = asyncio.Event()

    async def hangs(_: Candidate, call: ModelCall) -> Reply:
        asked.append(call.key)
        if len(asked) == len(ensemble.members) - 1:  # all but the chair
            all_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append(call.key)
        raise AssertionError

    journal = Journal("r-cancel")
    run = begun(journal, ensemble, hangs)
    await all_asked.wait()

    took_s = await stopped_s(run)
    again = Journal("r-cancel", recorded=journal.events)
    ended = await begun(again, ensemble, scripted({"*": an_answer("promote")}))

    assert took_s < AT_MOST_S
    assert sorted(left) == sorted(asked)
    assert "run_ended" not in [event.event for event in journal.events]
    assert ended.status == "completed"


async def test_a_lab_job_of_a_cancelled_run_ends_with_it(tmp_path: Path) -> None:
    ensemble = an_ensemble(PANEL, {"panel": 2}, tools=["train"])
    trains = a_request("train", epochs=500)
    script = scripted({"panel[0]": [trains], "*": an_answer("promote")})
    before = children()
    async with Lab(tmp_path, tmp_path / "lab") as lab:
        run = begun(Journal("r-cancel"), ensemble, script, lab)
        while not (jobs := children() - before):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)

        took_s = await stopped_s(run)

        assert took_s < AT_MOST_S
        assert not [job for job in jobs if job.is_running() and job.status() != "zombie"]


def children() -> set[psutil.Process]:
    return set(psutil.Process(os.getpid()).children(recursive=True))
