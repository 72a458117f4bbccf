"""What recording costs: CPU time per model call, above the provider asked bare.

The prompts are those of the review scenario, each made different at its end; the provider
speaks a script, so that what is left is ours. One round asks every prompt in each way, and
the ways take turns within the round.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.first import SCENARIO
from benchmarks.process import CHECKOUT
from benchmarks.row import Measure, Options, Row, median_row
from ensemble.journal.file import JournalFile
from ensemble.journal.record import Event
from ensemble.journal.redaction import Redactor
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask, requested
from ensemble.models.provider import Candidate, ModelCall, Provider, Usage
from ensemble.models.scripted import Reply, scripted

CALLS, ROUNDS = 400, 7
BUDGET_MS: Final = 1.0
"""What orchestration as a whole may add to a call."""
SECRETS: Final = {f"TOKEN_{n}": f"not-a-real-secret-{n:04}" for n in range(5)}

_ANSWER: Final = '{"result": "rows repeat across the splits", "confidence": "high"}'
_CANDIDATE: Final = Candidate("m", "scripted", "m", available=True, reason="in a script")


@dataclass(frozen=True)
class Round:
    """CPU milliseconds per call in one round, by way of asking."""

    bare: float
    memory: float
    file: float
    replay: float
    redaction: float
    """Of the requests alone, each as it comes for the first time."""


def recording(_: Options) -> Iterable[Row]:
    """Measure each way of asking, in turns."""
    calls = prompts(CALLS)
    size = statistics.mean(map(_size, calls)) / 1000
    rounds = [asyncio.run(one_round(calls)) for _ in range(ROUNDS)]
    asked = f"{CALLS} calls of {size:.1f} kB"
    yield median_row("bare_ms", [r.bare for r in rounds], "CPU-ms/call", f"{asked}, no journal")
    in_memory = [r.memory - r.bare for r in rounds]
    how = f"chain and journal above bare, {asked}"
    yield median_row("journal_memory_ms", in_memory, "CPU-ms/call", how, goal=BUDGET_MS)
    on_disk = [r.file - r.bare for r in rounds]
    how = f"the same on disk: a line and a blob synced, one call at a time, {asked}"
    yield median_row("journal_file_ms", on_disk, "CPU-ms/call", how)
    replays = [r.replay for r in rounds]
    yield median_row("replay_ms", replays, "CPU-ms/call", f"found in the recording, {asked}")
    spent = [r.redaction for r in rounds]
    yield median_row(
        "redactor_ms", spent, "CPU-ms/call", f"its part: requests cleaned once, {asked}"
    )


MEASURES: Final[tuple[Measure, ...]] = (recording,)


def prompts(count: int) -> list[ModelCall]:
    """Return `count` calls with the prompts of the review scenario, no two alike."""
    from langchain_core.messages import HumanMessage, SystemMessage

    from ensemble.agents.prompt import PREAMBLE, own_part, shared_part
    from ensemble.scenarios.loading import load_scenario
    from ensemble.scenarios.planning import plan_of

    plan = plan_of(load_scenario(CHECKOUT / SCENARIO))
    ensemble, shared = plan.ensemble, shared_part(plan.briefing)
    owned: list[tuple[str, str]] = []
    for member, role in ensemble.nodes():
        casting = ensemble.castings[member.path, role]
        wanted, standing = ensemble.wanted(casting, ()), ensemble.standing(member)
        own = own_part(casting, plan.briefing, standing, wanted, ())
        owned.append((f"{member.path}/{role}", own))
    calls: list[ModelCall] = []
    for number in range(count):
        turn, own = owned[number % len(owned)]
        told = (SystemMessage(PREAMBLE), HumanMessage(shared), HumanMessage(f"{own}\n\n{number}"))
        calls.append(ModelCall(f"{turn}#{number}/model#0", told))
    return calls


async def one_round(calls: Sequence[ModelCall]) -> Round:
    """Ask every prompt in each way and return what that cost."""
    said = Reply(_ANSWER, "scripted/m", usage=Usage(4000, 0, 20))
    provider = scripted({"*": said})

    async def bare(call: ModelCall) -> None:
        await provider(_CANDIDATE, call)

    memory = Journal("r-memory", redactor=Redactor(SECRETS))
    with tempfile.TemporaryDirectory(prefix="ensemble-journal-") as made:
        file = JournalFile.create(Path(made) / "r-file", "r-file")
        on_disk = Journal("r-file", file=file, redactor=Redactor(SECRETS))
        costs = await _in_turns(
            calls,
            {
                "bare": bare,
                "memory": _through(memory, provider),
                "file": _through(on_disk, provider),
            },
        )
        on_disk.close()
    replay = await _replayed(calls, on_disk.events, provider)
    return Round(costs["bare"], costs["memory"], costs["file"], replay, _cleaned(calls))


def _through(journal: Journal, provider: Provider) -> Callable[[ModelCall], Awaitable[None]]:
    async def recorded(call: ModelCall) -> None:
        await ask([_CANDIDATE], call, recorder=journal, providers={"scripted": provider})

    return recorded


async def _in_turns(
    calls: Sequence[ModelCall], ways: Mapping[str, Callable[[ModelCall], Awaitable[None]]]
) -> dict[str, float]:
    """Ask in all ways call by call, so that a slow moment meets each of them alike."""
    spent = dict.fromkeys(ways, 0.0)
    for call in calls:
        for name, way in ways.items():
            started = time.process_time()
            await way(call)
            spent[name] += time.process_time() - started
    return {name: cost * 1000 / len(calls) for name, cost in spent.items()}


async def _replayed(
    calls: Sequence[ModelCall], recorded: Sequence[Event], provider: Provider
) -> float:
    journal = Journal("r-file", recorded=recorded, replaying=True, redactor=Redactor(SECRETS))
    costs = await _in_turns(calls, {"replay": _through(journal, provider)})
    journal.check_complete()
    return costs["replay"]


def _cleaned(calls: Sequence[ModelCall]) -> float:
    redactor = Redactor(SECRETS)
    requests = [requested(_CANDIDATE, call) for call in calls]
    started = time.process_time()
    for request in requests:
        redactor.clean(request)
    return (time.process_time() - started) * 1000 / len(calls)


def _size(call: ModelCall) -> int:
    return sum(len(str(message.content)) for message in call.messages)
