"""What a first user waits for: help, checks, a replay, a live run, and an installation.

Everything is our own command in a child process. The live run is made in a copy of the
project with a server of its own, so that it finds no prompt computed before.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.live import live_run, prefix_factor
from benchmarks.process import CHECKOUT, ENSEMBLE, finished
from benchmarks.row import Measure, Options, Row, median_row
from ensemble.errors import EnsembleError

SCENARIO: Final = "scenarios/review.yaml"
HEAVY: Final = ("langgraph", "litellm", "torch")
LIGHT_COMMANDS: Final = (("--help",), ("check",), ("draw", SCENARIO), ("plan", SCENARIO))

_HELPS, _REPLAYS = 9, 5
_PROJECT: Final = ("agents", "graphs", "scenarios")


def helping(_: Options) -> Iterable[Row]:
    """Measure how much CPU time `--help` takes."""
    spent = [finished([*ENSEMBLE, "--help"]).require().cpu_s for _ in range(_HELPS)]
    yield median_row("help_cpu_s", spent, "CPU-s", "ensemble --help", goal=0.3)


def importing(_: Options) -> Iterable[Row]:
    """Count the heavy libraries that commands without a model load."""
    for arguments in LIGHT_COMMANDS:
        # The interpreter's own list: nothing of ours has to be loaded to make it.
        command = [sys.executable, "-X", "importtime", *ENSEMBLE[1:], *arguments]
        loaded = imported(finished(command).require().said)
        if "ensemble" not in loaded:
            fix = "see whether `-X importtime` is written as it was"
            raise EnsembleError("no list of imports", where=" ".join(command), fix=fix)
        heavy = sorted(loaded.intersection(HEAVY))
        name = arguments[0].lstrip("-")
        how = f"of {', '.join(HEAVY)} by ensemble {' '.join(arguments)}: {', '.join(heavy) or '-'}"
        yield Row(f"heavy_imports_{name}", len(heavy), "libraries", how, goal=0)


def replaying(_: Options) -> Iterable[Row]:
    """Measure how much CPU time a replay of the recordings takes."""
    done = [finished([*ENSEMBLE, "replay", SCENARIO]) for _ in range(_REPLAYS)]
    spent = [ended.require().cpu_s for ended in done]
    yield median_row("replay_cpu_s", spent, "CPU-s", f"ensemble replay {SCENARIO}", goal=3)


def running(_: Options) -> Iterable[Row]:
    """Measure one live run on the embedded model."""
    with tempfile.TemporaryDirectory(prefix="ensemble-first-") as made:
        project = Path(made) / "project"
        for folder in _PROJECT:
            shutil.copytree(CHECKOUT / folder, project / folder)
        live = live_run(project, SCENARIO, cache=Path(made) / "cache")
    command = "one `ensemble run --model embedded` on a server of its own"
    yield Row(
        "model_cpu_s",
        live.server_cpu_s,
        "CPU-s",
        f"{command}, the server's loading included; {live.calls} calls",
        goal=150,
    )
    yield Row(
        "progress_gap_s",
        max(live.ended.silences),
        "s",
        f"longest time without a sign of life on a terminal, {len(live.ended.silences)} signs",
        goal=5,
    )
    yield Row("run_cpu_s", live.ended.cpu_s, "CPU-s", "the same run beside the model, lab included")
    yield Row("run_wall_s", live.ended.wall_s, "s", "the same run, from start to end")
    yield Row(
        "shared_prefix_factor",
        prefix_factor(live.prompts, live.tokens_computed),
        "times",
        f"how often the shared {live.shared_tokens} tokens were computed in all: the server "
        f"computed {live.tokens_computed} of {sum(map(len, live.prompts))} prompt tokens",
        goal=1.1,
    )


def installing(options: Options) -> Iterable[Row]:
    """Measure how long the pip part of the first command takes."""
    if not options.install:
        return
    with tempfile.TemporaryDirectory(prefix="ensemble-install-") as made:
        place = str(Path(made) / "venv")
        finished([sys.executable, "-m", "venv", place]).require()
        pip = [f"{place}/bin/python", "-m", "pip", "install", "-c", "constraints.txt", ".[local]"]
        ended = finished(pip, env=os.environ).require()
        asked = [f"{place}/bin/ensemble", "list", "agents", "--json"]
        agents = len(json.loads(finished(asked, cwd=Path(made)).require().out))
    how = f"pip install -c constraints.txt '.[local]' in a new venv; it then finds {agents} agents"
    yield Row("install_wall_s", ended.wall_s, "s", f"{how}; pip's cache as it was", goal=300)
    yield Row("install_cpu_s", ended.cpu_s, "CPU-s", "the same")


MEASURES: Final[tuple[Measure, ...]] = (helping, importing, replaying, running, installing)


def imported(said: str) -> set[str]:
    """Return the top-level names that `python -X importtime` says were loaded."""
    lines = (line.split("|") for line in said.splitlines() if line.startswith("import time:"))
    return {parts[-1].strip().partition(".")[0] for parts in lines}
