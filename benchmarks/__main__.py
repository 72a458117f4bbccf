"""`python -m benchmarks NAME [--json]`: every figure that the project's texts state.

A benchmark is a module beside this one with a tuple `MEASURES`. One that cannot measure
something says so and goes on with the next; the status is 0 where every goal was held.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.row import Measure, Options, Row
from ensemble.errors import EnsembleError, closest

BENCHMARKS: Final = {
    "agents": "a thousand agent files checked, their prompts, and files made to do harm",
    "embedded": "what a panel costs the embedded model; how well tokens are estimated",
    "first": "what a first user waits for: help, replay, a live run; --install: the installation",
    "graphs": "our graphs beside LangGraph by hand and plain asyncio: CPU, wall time, memory",
    "journal": "what recording costs above the bare provider, call by call",
    "models": "servers that fail in every way; the direct route beside aiohttp and openai",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", help="a benchmark; left out, they are listed")
    parser.add_argument("--json", action="store_true", help="print one list of rows on stdout")
    parser.add_argument("--install", action="store_true", help="also measure an installation")
    given = parser.parse_args(arguments)
    if given.name is None:
        for name, about in BENCHMARKS.items():
            print(f"{name:<10}{about}")
        return 0
    if given.name not in BENCHMARKS:
        parser.error(f"no benchmark is called {given.name!r}; {closest(given.name, BENCHMARKS)}")
    measures: tuple[Measure, ...] = importlib.import_module(f"benchmarks.{given.name}").MEASURES
    return report(measures, Options(install=given.install), as_json=given.json)


def report(measures: Sequence[Measure], options: Options, *, as_json: bool) -> int:
    """Print the rows of each measure as they come, or all in one JSON list at the end."""
    rows: list[Row] = []
    whole = True
    for measure in measures:
        try:
            for row in measure(options):
                rows.append(row)
                if not as_json:
                    print(_line(row), flush=True)
        except EnsembleError as error:
            whole = False
            print(f"error: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps([row.document() for row in rows], ensure_ascii=False, indent=2))
    return 0 if whole and all(row.held is not False for row in rows) else 1


def _line(row: Row) -> str:
    goal = "" if row.goal is None else f"≤ {row.goal:g}"
    held = {None: "", True: "held", False: "NOT HELD"}[row.held]
    return f"{row.name:<26}{row.value:>12.4g} {row.unit:<12}{goal:>8} {held:<9} {row.how}"


if __name__ == "__main__":
    sys.exit(main())
