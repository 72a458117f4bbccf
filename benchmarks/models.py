"""What the chain of models holds when servers fail, and what it costs when they do not.

Failures are counted, so their goal is 0; each route runs every trial of `models_faults`. Costs
are CPU time of this process alone, the stub server being another: bare aiohttp, our direct
route with chain and record, and the plain `openai` client take turns call by call.
"""

import asyncio
import importlib.util
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import HumanMessage

from benchmarks import embedded
from benchmarks.journal import prompts
from benchmarks.models_faults import (
    STREAM_BYTES,
    WIRES,
    Trial,
    all_broken,
    bodies,
    cuts,
    hangs,
    miscounts,
    statuses,
    waits,
)
from benchmarks.process import finished
from benchmarks.row import Measure, Options, Row, median_row
from benchmarks.stub_server import stub_server
from ensemble.errors import EnsembleError
from ensemble.journal.file import JournalFile
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask, requested
from ensemble.models.openai_chat import openai_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, ModelCall, Reply
from ensemble.models.scripted import scripted
from ensemble.models.wire import Endpoint, close_session, shared_session
from ensemble.testing.fault_server import fault_server
from ensemble.testing.faults import Refuses

BODY_MIB: Final = 32
CALLS, SIDE_BY_SIDE, ROUNDS = 100, 5, 7
CROWD: Final = 3000
PRIMARY_DEAD_CALLS, PRIMARY_TRIES = 11, 3

_STEPS: Final = {"litellm": 4}
"""Bytes from one cut of a stream to the next, over a route that takes its time."""
_CANDIDATE: Final = Candidate("m", "stub", "m", available=True, reason="in a benchmark")
_DELAY_MS: Final = 3000
_FILES: Final = 8192


def failing(_: Options) -> Iterable[Row]:
    """Run every trial over every route; bodies come first, while the memory is still small."""
    for route in WIRES:
        yield from _bodies(route)
    for route in WIRES:
        yield from _cut_anywhere(route)
        for name, trials in (
            ("retry_after", waits()),
            ("statuses", statuses()),
            ("hangs", hangs()),
            ("miscounts", miscounts()),
        ):
            yield _counted(f"{route}_{name}", trials, route)


def dying(_: Options) -> Iterable[Row]:
    """Ask a chain whose first model is dead again and again, and count what that one hears."""
    heard = asyncio.run(_primary_dead())
    how = f"requests at a dead primary, {PRIMARY_DEAD_CALLS} calls that all end at the second"
    yield Row("dead_primary", heard, "requests", how, goal=PRIMARY_TRIES)


def costing(_: Options) -> Iterable[Row]:
    """Measure CPU time per call on the direct route, above bare aiohttp and beside openai's."""
    with stub_server() as address:
        rounds = asyncio.run(_rounds(f"{address}/0/v1"))
    for way, spent in rounds.items():
        yield median_row(
            f"{way}_ms",
            spent,
            "CPU-ms/call",
            f"{CALLS} calls, {SIDE_BY_SIDE} at once, {_WAYS[way]}",
        )
    for way, record in (("direct", "in memory"), ("on_disk", "on disk, synced")):
        above = [ours - floor for ours, floor in zip(rounds[way], rounds["bare"], strict=True)]
        how = f"chain, streamed answer and record {record}, above bare aiohttp"
        yield median_row(f"{way}_above_bare_ms", above, "CPU-ms/call", how, goal=1.0)
    if "openai" not in rounds:
        raise EnsembleError(
            "the plain openai client cannot be measured: it is not installed",
            where="benchmarks models",
            fix="pip install openai",
        )
    shares = [
        ours / theirs for ours, theirs in zip(rounds["on_disk"], rounds["openai"], strict=True)
    ]
    how = "our route, record on disk, beside the plain openai client, which records nothing"
    yield median_row("on_disk_to_openai", shares, "x openai", how, goal=0.5)


def crowding(_: Options) -> Iterable[Row]:
    """Hold three thousand calls in flight; count those that failed or heard another's answer."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, most), most))
    with stub_server() as address:
        failed, at_once, cpu_s = asyncio.run(_crowd(f"{address}/{_DELAY_MS}/v1"))
    how = f"of {CROWD} at once, `at_once` set to that, {_DELAY_MS} ms each: failed or mixed up"
    yield Row("crowd_failed", failed, "calls", how, goal=0)
    yield Row("crowd_not_in_flight", CROWD - at_once, "calls", f"of {CROWD}: had to wait", goal=0)
    yield Row("crowd_ms", cpu_s * 1000 / CROWD, "CPU-ms/call", "chain and record included")


def importing(_: Options) -> Iterable[Row]:
    """Look whether `import ensemble` brings litellm along."""
    code = "import sys, ensemble, ensemble.cli; print(int('litellm' in sys.modules))"
    loaded = int(finished([sys.executable, "-c", code]).require().out)
    yield Row(
        "litellm_imported", loaded, "modules", "after `import ensemble, ensemble.cli`", goal=0
    )


MEASURES: Final[tuple[Measure, ...]] = (
    failing,
    dying,
    costing,
    crowding,
    importing,
    *embedded.MEASURES,
)

_WAYS: Final = {
    "bare": "the body posted with aiohttp and the answer read, not parsed",
    "direct": "our direct route, chain and record in memory included",
    "on_disk": "the same with the record on disk, synced",
    "openai": "the plain openai client, streaming",
}


def _counted(
    name: str, trials: Sequence[Trial], route: str, text: str = "It is sound.", about: str = ""
) -> Row:
    broken = asyncio.run(all_broken(trials, route, text))
    for line in broken[:3]:
        print(f"  {line}", file=sys.stderr)
    how = f"of {len(trials)} trials over {route}{about}: promises broken"
    return Row(name, len(broken), "broken", how, goal=0)


def _bodies(route: str) -> Iterable[Row]:
    asyncio.run(all_broken(hangs()[1:2], route))  # what is loaded once is no growth
    before = _most_memory_mib()
    yield _counted(f"{route}_bodies", bodies(route), route)
    how = f"memory that the process grew by, server included; a body may have {BODY_MIB} MiB"
    yield Row(f"{route}_bodies_mib", _most_memory_mib() - before, "MiB", how, goal=BODY_MIB)


def _cut_anywhere(route: str) -> Iterable[Row]:
    step = _STEPS.get(route, 1)
    about = f", every {step}th byte" if step > 1 else ""
    for name, politely in (("cuts", False), ("ends", True)):
        text, trials = cuts(route, step=step, politely=politely)
        assert len(trials) == STREAM_BYTES // step  # noqa: S101 - what the row says
        yield _counted(f"{route}_{name}", trials, route, text, about)


async def _primary_dead() -> int:
    async with fault_server(models={"dead": [Refuses(503)]}) as server:
        providers = {
            "stub": openai_chat(Endpoint("stub", server.openai_url)),
            "next": scripted("From the next."),
        }
        chain = [
            Candidate(name, provider, name, available=True, reason="in a benchmark")
            for name, provider in (("dead", "stub"), ("sound", "next"))
        ]
        try:
            for number in range(PRIMARY_DEAD_CALLS):
                call = ModelCall(f"panel[{number}]/x#0/model#0", (HumanMessage("Sound?"),))
                await ask(
                    chain,
                    call,
                    recorder=Journal(f"r-{number}"),
                    providers=providers,
                    policy=Policy(backoff_s=0.001),
                )
        finally:
            await close_session()
        return server.times_asked["dead"]


_Way = Callable[[ModelCall], Awaitable[Any]]


async def _rounds(base_url: str) -> dict[str, list[float]]:
    """Return CPU milliseconds per call by way, round by round; the first warms up."""
    calls = prompts(CALLS)
    spent: dict[str, list[float]] = {}
    openai = _openai(base_url) if importlib.util.find_spec("openai") else None
    try:
        for number in range(ROUNDS + 1):
            with tempfile.TemporaryDirectory(prefix="ensemble-models-") as made:
                file = JournalFile.create(Path(made) / "r", "r")
                ways: dict[str, _Way] = {
                    "bare": _bare(base_url),
                    "direct": _direct(base_url, Journal(f"r-{number}")),
                    "on_disk": _direct(base_url, on_disk := Journal("r", file=file)),
                    **({"openai": openai} if openai else {}),
                }
                for way, cost in (await _in_turns(calls, ways)).items():
                    if number:
                        spent.setdefault(way, []).append(cost)
                on_disk.close()
    finally:
        await close_session()
    return spent


async def _in_turns(calls: Sequence[ModelCall], ways: Mapping[str, _Way]) -> dict[str, float]:
    """Ask panel by panel, each way in turn, so that a slow moment meets each of them alike."""
    spent = dict.fromkeys(ways, 0.0)
    for start in range(0, len(calls), SIDE_BY_SIDE):
        for name, way in ways.items():
            started = time.process_time()
            await asyncio.gather(*(way(call) for call in calls[start : start + SIDE_BY_SIDE]))
            spent[name] += time.process_time() - started
    return {name: cost * 1000 / len(calls) for name, cost in spent.items()}


def _bare(base_url: str) -> _Way:
    async def post(call: ModelCall) -> None:
        async with shared_session().post(f"{base_url}/chat/completions", json=_body(call)) as came:
            await came.read()

    return post


def _direct(base_url: str, journal: Journal) -> _Way:
    providers = {"stub": openai_chat(Endpoint("stub", base_url))}

    async def through_the_chain(call: ModelCall) -> None:
        await ask([_CANDIDATE], call, recorder=journal, providers=providers)

    return through_the_chain


def _openai(base_url: str) -> _Way:
    from openai import AsyncOpenAI

    client: Any = AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)

    async def complete(call: ModelCall) -> str:
        body = _body(call)
        stream = await client.chat.completions.create(**body)
        parts = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
        return "".join(parts)

    return complete


def _body(call: ModelCall) -> dict[str, Any]:
    asked = {"model": "m", "messages": requested(_CANDIDATE, call)["messages"], "stream": True}
    return {**asked, "max_tokens": 1500, "stream_options": {"include_usage": True}}


async def _crowd(base_url: str) -> tuple[int, int, float]:
    """Return how many calls failed, how many were in flight at once, and CPU seconds."""
    direct, now, most = openai_chat(Endpoint("stub", base_url)), 0, 0

    async def counted(candidate: Candidate, call: ModelCall) -> Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            return await direct(candidate, call)
        finally:
            now -= 1

    journal, policy = Journal("r"), Policy(at_once={"stub": CROWD})

    async def one(number: int) -> bool:
        token = f"token-{number:04}"
        call = ModelCall(f"panel[{number}]/x#0/model#0", (HumanMessage(f"Is {token} sound?"),))
        answered = await ask(
            [_CANDIDATE], call, recorder=journal, providers={"stub": counted}, policy=policy
        )
        return f"{token} is sound" in answered.reply.text

    started = time.process_time()
    ended = await asyncio.gather(*(one(n) for n in range(CROWD)), return_exceptions=True)
    cpu_s = time.process_time() - started
    await close_session()
    return sum(told is not True for told in ended), most, cpu_s


def _most_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
