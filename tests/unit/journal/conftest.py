"""One small run, as the nodes of a graph would make it, for every test of the journal."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from ensemble.journal.digest import digest
from ensemble.journal.run_journal import Journal

Say = Callable[[str], str]
Walk = Callable[..., Awaitable[str]]
SEATS = 8


def different_every_time(key: str) -> str:
    """Answer each call in its own words, although all seats ask the same."""
    return f"said at {key}"


@pytest.fixture
def walk() -> Walk:
    """Return a run: eight members ask the same question twice, then a chair decides."""
    return a_run


async def a_run(
    journal: Journal,
    say: Say = different_every_time,
    *,
    task: str = "Is it sound?",
    agents: Mapping[str, str] | None = None,
    schedule: int = 0,
    seats: int = SEATS,
) -> str:
    """Walk the run to its end and return its digest."""
    turns = random.Random(schedule)  # noqa: S311 -- a schedule, not a secret
    journal.note("run_started", "run", value={"task": task, "agents": dict(agents or {})})
    journal.check_inputs()
    seed = (await journal.settle("resolved", "resolved", lambda: {"seed": 7}))["seed"]

    async def ask(key: str, request: Mapping[str, Any]) -> str:
        async def perform() -> tuple[str, dict[str, Any]]:
            for _ in range(turns.randrange(12)):
                await asyncio.sleep(0)
            usage = {"input_tokens": turns.randrange(99)}
            return "model_replied", {"value": {"text": say(key)}, "served": "m", "usage": usage}

        asked = {"kind": "model", "params": {"seed": seed}, **request}
        event = await journal.effect("model", key, asked, perform, agent="ml-engineer")
        return event.value["text"]

    async def member(number: int) -> tuple[str, list[str]]:
        key = f"panel[{number}]/panel_member#0"
        said: list[str] = []
        for index in range(2):
            said.append(await ask(f"{key}/model#{index}", {"messages": [task, *said]}))
        journal.note("turn_ended", key, value={"said": said})
        return key, said

    answers = dict(await asyncio.gather(*(member(number) for number in range(seats))))
    ordered = [answers[key] for key in sorted(answers)]
    last = await ask("chair/decision_maker#0/model#0", {"messages": [task, ordered]})
    journal.note("decided", "decision", value={"position": last})
    made = digest(journal.events)
    journal.note("run_ended", "run", value={"digest": made})
    await journal.flush()
    return made
