"""What agent files cost: a large folder checked, the same again, and files made to do harm.

Prompts are measured on the agent that the project began with where it lies beside the
checkout, else on the built-in one of the same form.
"""

import multiprocessing
import resource
import time
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import agents_checks, documents
from benchmarks.bombs import bombs
from benchmarks.process import ENSEMBLE, environment, finished
from benchmarks.row import Options, Row
from ensemble.agents.frontmatter import read_source
from ensemble.agents.library import Library, load_agent, load_agents
from ensemble.agents.loading import read_agents
from ensemble.agents.writing import dumped
from ensemble.checks.run import check_agents
from ensemble.config import library_folder
from ensemble.errors import EnsembleError
from ensemble.scenarios.agent_view import shown

FILES: Final = 1_000
BYTES: Final = 10_000
DOCUMENTS: Final = 10_000
SOUND: Final = 1_000


def checking(_: Options) -> Iterator[Row]:
    """Measure `ensemble check` over a thousand files: its first run, and one that is cached."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "agents"
        write_library(folder)
        env = environment(ENSEMBLE_CACHE=str(Path(scratch) / "cache"))
        for name, goal in (("check_1000_cpu", 4.0), ("check_1000_again_cpu", 1.0)):
            ended = finished((*ENSEMBLE, "check", str(folder)), env=env).require()
            told = ended.out.strip().rpartition("\n")[2]
            how = f"ensemble check over {FILES} files of {BYTES:,} bytes; {told}"
            yield Row(name, ended.cpu_s, "CPU s", how, goal)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield Row("check_1000_memory", peak, "MiB", "peak of these runs", 512)


def prompts(_: Options) -> Iterator[Row]:
    """Measure an agent's longest prompt beside its whole file, role by role."""
    built_in = library_folder() / "agents" / "ml-engineer.md"
    agent = load_agent(agents_checks.SEED if agents_checks.SEED.is_file() else built_in)
    for role in agent.spec.ensemble_roles.roles:
        views = [
            shown(agent, Library({}), role, mode=mode) for mode in agent.spec.cognitive_modes.modes
        ]
        share = max(view["tokens"] / view["file_tokens"] for view in views)
        how = f"tokens of {agent.name}'s longest prompt as {role}, over its file's; any mode"
        yield Row(f"prompt_share_{role}", share, "of file", how, 0.6)


def harming(_: Options) -> Iterator[Row]:
    """Measure the bomb that costs the most time, and the one that costs the most memory."""
    slowest, largest = ("", 0.0), ("", 0.0)
    with TemporaryDirectory() as scratch, _each_in_its_own_process() as workers:
        places: dict[str, Path] = {}
        for number, (name, text) in enumerate(bombs().items()):
            places[name] = Path(scratch) / f"{number}.md"
            places[name].write_text(text, encoding="utf-8", newline="")
        for name, (cpu_s, mib) in zip(places, workers.map(_cost, places.values()), strict=True):
            slowest = max(slowest, (name, cpu_s), key=lambda pair: pair[1])
            largest = max(largest, (name, mib), key=lambda pair: pair[1])
    how = f"the worst of {len(places)} files made to do harm, read, checked and shown"
    yield Row("bomb_cpu", slowest[1], "CPU s", f"{how}: {slowest[0]}", 0.5)
    yield Row("bomb_memory", largest[1], "MiB", f"{how}: {largest[0]}; resident memory", 64)


def surviving(_: Options) -> Iterator[Row]:
    """Count the broken files that raise what they should not, and sound ones that change."""
    raised: list[str] = []
    for text in documents.broken(DOCUMENTS):
        try:
            read_agents(text.encode(), "x.md")
        except EnsembleError:
            continue
        except Exception as error:  # noqa: BLE001 - what this counts
            raised.append(f"{type(error).__name__} on {text[:40]!r}")
    how = f"of {DOCUMENTS:,} broken files raise another error than our own: {raised[:1] or 'none'}"
    yield Row("documents_raised", len(raised), "files", how, 0)
    lost = 0
    for given in documents.sound(SOUND):
        again = read_source(dumped(given, "Body\n"), "x.md")
        lost += again.document.value != given or again.body != "Body\n" or bool(again.repairs)
    how = f"of {SOUND:,} frontmatters are not the same once written and read"
    yield Row("round_trips_lost", lost, "files", how, 0)


def write_library(folder: Path) -> None:
    """Write the files: the built-in agents, each many times, under names of their own."""
    folder.mkdir(parents=True)
    texts = [path.read_text() for path in sorted((library_folder() / "agents").glob("*.md"))]
    for number in range(FILES):
        text = texts[number % len(texts)]
        name = next(line for line in text.splitlines() if line.startswith("name: "))
        text = text.replace(name, f"{name}-{number}", 1)
        head, mark, rest = text.partition("\n## Output Format")
        item = "- Notes what was seen in file {}, by whom and with what, part {}\n"
        size = len(item.format(number, 100))
        more = (BYTES - len(text.encode())) // size
        padding = "".join(item.format(number, n) for n in range(100, 100 + max(0, more)))
        (folder / f"{number}.md").write_text(f"{head.rstrip()}\n{padding}{mark}{rest}")


def _each_in_its_own_process() -> Pool:
    return multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1)


def _cost(place: Path) -> tuple[float, float]:
    """Return the CPU-seconds and the MiB that it costs to read, check and show an agent file."""
    began, before = time.process_time(), _peak()
    library = load_agents(place)
    check_agents(library)
    for agent in library.values():
        shown(agent, library)
    return time.process_time() - began, _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MEASURES: Final = (checking, *agents_checks.MEASURES, prompts, harming, surviving)
