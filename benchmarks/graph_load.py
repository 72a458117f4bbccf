"""What one child process does for the benchmark `graphs`, told as one line of JSON.

`python -m benchmarks.graph_load WHAT ADDRESS`. A process of its own, so that its memory and CPU
time are those of the load alone; the garbage of one load never slows the next.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.stacks import Run, a_panel, client, stacks
from benchmarks.stub_server import TOKEN
from ensemble.graph.compile import compile_graph
from ensemble.graph.run_context import RunContext
from ensemble.models.wire import close_session

DELAY_MS: Final = 500
DEPTH: Final = 3
"""Calls that follow one another: a member, the auditor, the chair."""
PANEL_OF_5: Final = 3
"""Members, beside an auditor and a chair."""
SIZES: Final = (3, 16, 64)
WAYS: Final = ("ours", "by_hand", "plain")
CROWD: Final = 1000
_ROUNDS: Final = 7
_CALLS_A_ROUND: Final = 200
_FLAT_RUNS, _SETTLED_AFTER, _SIDE_BY_SIDE = 2000, 400, 20


async def orchestration(address: str) -> dict[str, Any]:
    """Return CPU milliseconds per call by panel size and way, round by round."""
    spent: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ensemble-graphs-") as made:
        for members in SIZES:
            calls = members + 2
            ways = asdict(await stacks(members, client(f"{address}/0/v1"), Path(made) / f"{calls}"))
            rounds: dict[str, list[float]] = {way: [] for way in WAYS}
            for number in range(_ROUNDS + 1):
                for way in WAYS:
                    cost = await _cpu_ms(ways[way], number, max(1, _CALLS_A_ROUND // calls))
                    if number:  # the first round warms up
                        rounds[way].append(cost / calls)
            spent[str(members)] = rounds
    return spent


async def critical_path(address: str) -> dict[str, Any]:
    """Return wall time over the critical path, by panel size and way, round by round."""
    ratios: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ensemble-graphs-") as made:
        for members in SIZES[1:]:
            provider = client(f"{address}/{DELAY_MS}/v1")
            ways = asdict(await stacks(members, provider, Path(made) / str(members)))
            rounds: dict[str, list[float]] = {way: [] for way in WAYS}
            for number in range(5):
                for way in WAYS:
                    started = time.monotonic()
                    await ways[way](f"token-{number:04}")
                    took_s = time.monotonic() - started
                    rounds[way].append(took_s / (DEPTH * DELAY_MS / 1000))
            ratios[str(members)] = rounds
    return ratios


async def crowd_of_ours(address: str) -> dict[str, Any]:
    """Run a thousand of our panels at once; count those that ended, and those mixed up."""
    provider = client(f"{address}/{DELAY_MS}/v1")
    return await _crowd((await stacks(PANEL_OF_5, provider)).ours)


async def crowd_by_hand(address: str) -> dict[str, Any]:
    """Do the same with the panel written by hand."""
    provider = client(f"{address}/{DELAY_MS}/v1")
    return await _crowd((await stacks(PANEL_OF_5, provider)).by_hand)


async def compiling(_: str) -> dict[str, Any]:
    """Return the CPU milliseconds of seating and compiling 64 seats, several times."""

    async def given(*_: Any) -> RunContext:
        raise AssertionError  # nothing is run

    spent: list[float] = []
    for _number in range(_ROUNDS + 1):
        gc.collect()
        started = time.process_time()
        compile_graph(a_panel(62), make_context=given)
        spent.append((time.process_time() - started) * 1000)
    return {"cpu_ms": spent[1:]}


async def flatness(address: str) -> dict[str, Any]:
    """Return the memory after a while, and after 2,000 runs, in MB."""
    run = (await stacks(PANEL_OF_5, client(f"{address}/0/v1"))).ours
    seen: list[float] = []
    for number in range(0, _FLAT_RUNS, _SIDE_BY_SIDE):
        if number == _SETTLED_AFTER:
            seen.append(_memory_mb())
        await asyncio.gather(*(run(f"token-{number + n:04}") for n in range(_SIDE_BY_SIDE)))
    return {"mb": [*seen, _memory_mb()]}


async def _crowd(run: Run) -> dict[str, Any]:
    tokens = [f"token-{number:04}" for number in range(CROWD)]
    before, started = time.process_time(), time.monotonic()
    left = await asyncio.gather(*(run(token) for token in tokens), return_exceptions=True)
    cpu_s, wall_s = time.process_time() - before, time.monotonic() - started
    memory = psutil.Process().memory_info().rss / 1e6
    ended = [not isinstance(item, BaseException) for item in left]
    pairs = zip(tokens, left, strict=True)
    mixed = [token for token, item in pairs if set(TOKEN.findall(_records(item))) != {token}]
    return {
        "ended": sum(ended),
        "mixed": len(mixed),
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "mb": memory,
    }


def _records(left: Any) -> str:
    """Return all that a run has left as text: its journal, or its last state."""
    if isinstance(left, RunContext):
        return json.dumps([event.document(left.journal.run) for event in left.journal.events])
    return json.dumps(left, default=str)


async def _cpu_ms(run: Run, number: int, times: int) -> float:
    gc.collect()
    started = time.process_time()
    for place in range(times):
        await run(f"token-{number * 1000 + place:04}")
    return (time.process_time() - started) * 1000 / times


def _memory_mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


Load = Callable[[str], Coroutine[Any, Any, dict[str, Any]]]
LOADS: Final[dict[str, Load]] = {
    load.__name__: load
    for load in (
        orchestration,
        critical_path,
        crowd_of_ours,
        crowd_by_hand,
        compiling,
        flatness,
    )
}


async def _main(what: str, address: str) -> None:
    try:
        print(json.dumps(await LOADS[what](address)))
    finally:
        await close_session()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:3]))
