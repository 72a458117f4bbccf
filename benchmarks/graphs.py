"""What our graphs cost beside the same panel in LangGraph by hand and in plain asyncio.

Every load runs in a process of its own against one stub model server in another, and within a
round the ways take turns. CPU is that of the process, its client included; what is ours is
told above the client asked in plain asyncio.
"""

import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from benchmarks.graph_load import CROWD, DELAY_MS, PANEL_OF_5, WAYS
from benchmarks.process import finished
from benchmarks.row import Measure, Options, Row, median_row
from benchmarks.stub_server import stub_server

_CROWD_ROUNDS: Final = 3
_PATH_GOALS: Final = {"16": 1.05, "64": 1.10}
_SAID: Final = {"ours": "ours", "by_hand": "LangGraph by hand", "plain": "plain asyncio"}


def orchestrating(_: Options) -> Iterable[Row]:
    """Measure CPU time per call: turn, written journal and decision, above the client."""
    for members, rounds in _loaded("orchestration").items():
        for way in WAYS:
            how = f"{_SAID[way]}, {members} members, auditor, chair; client included"
            yield median_row(f"{way}_{members}_ms", rounds[way], "CPU-ms/call", how)
        above = [ours - plain for ours, plain in zip(rounds["ours"], rounds["plain"], strict=True)]
        how = f"turn, journal written, decision, above the client; {members} members"
        yield median_row(f"orchestration_{members}_ms", above, "CPU-ms/call", how, goal=1.0)


def walking(_: Options) -> Iterable[Row]:
    """Measure wall time over the critical path of three calls."""
    for members, rounds in _loaded("critical_path").items():
        for way in WAYS:
            how = f"{_SAID[way]}, {members} members, {DELAY_MS} ms a call"
            goal = _PATH_GOALS[members] if way == "ours" else None
            yield median_row(f"path_{way}_{members}", rounds[way], "x critical", how, goal=goal)


def crowding(_: Options) -> Iterable[Row]:
    """Run a thousand panels at once in one process, in turns with those by hand."""
    ours: list[Mapping[str, Any]] = []
    by_hand: list[Mapping[str, Any]] = []
    for _number in range(_CROWD_ROUNDS):
        ours.append(_loaded("crowd_of_ours"))
        by_hand.append(_loaded("crowd_by_hand"))
    what = f"{CROWD} panels of {PANEL_OF_5 + 2} at once, {DELAY_MS} ms a call"
    lost = [CROWD - item["ended"] for item in ours]
    yield Row("crowd_lost", max(lost), "runs", f"{what}; did not end", goal=0)
    mixed = max(item["mixed"] for item in ours)
    yield Row("crowd_mixed", mixed, "runs", f"{what}; records with another's token", goal=0)
    yield median_row("crowd_ours_cpu_s", _each(ours, "cpu_s"), "CPU-s", what)
    yield median_row("crowd_by_hand_cpu_s", _each(by_hand, "cpu_s"), "CPU-s", what)
    pairs = zip(_each(ours, "cpu_s"), _each(by_hand, "cpu_s"), strict=True)
    ratios = [mine / theirs for mine, theirs in pairs]
    yield median_row("crowd_cpu_ratio", ratios, "x by hand", what, goal=2.0)
    yield median_row("crowd_wall_s", _each(ours, "wall_s"), "s", what)
    yield median_row("crowd_rss_mb", _each(ours, "mb"), "MB", f"{what}; journals kept", goal=400)


def building(_: Options) -> Iterable[Row]:
    """Measure seating and compiling a topology of 64 seats."""
    spent: Sequence[float] = _loaded("compiling")["cpu_ms"]
    yield median_row("compile_64_ms", spent, "CPU-ms", "64 members seated and compiled", goal=100)


def lasting(_: Options) -> Iterable[Row]:
    """Measure how much memory 2,000 runs leave behind."""
    growths: list[float] = []
    for _number in range(_CROWD_ROUNDS):
        before, after = _loaded("flatness")["mb"]
        growths.append((after / before - 1) * 100)
    growth = statistics.median(growths)
    how = f"memory after 2,000 runs over that after 400; median of {len(growths)}"
    yield Row("memory_growth", growth, "%", how, goal=5.0)


MEASURES: Final[tuple[Measure, ...]] = (orchestrating, walking, crowding, building, lasting)


def _loaded(what: str) -> dict[str, Any]:
    with stub_server() as address:
        done = finished([sys.executable, "-m", "benchmarks.graph_load", what, address]).require()
    told: dict[str, Any] = json.loads(done.out)
    return told


def _each(rounds: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [item[name] for item in rounds]
