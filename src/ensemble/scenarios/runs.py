"""The runs of a project: found by id, listed with how they ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ensemble.config import project_of
from ensemble.errors import UsageError, closest
from ensemble.journal.file import EVENTS, read_events
from ensemble.journal.recording import read_manifest
from ensemble.scenarios.result import result_of

KEPT = ("expectations", "trusted")
"""What of a result stands in the manifest, because no event holds it."""


def run_folder(name: str) -> Path:
    """Return the folder of a run, named by its id, the end of its id, or its path.

    Raises:
        UsageError: no run, or more than one, has that name.
    """
    if (Path(name) / EVENTS).is_file():
        return Path(name)
    known = {folder.name: folder for folder in _folders()}
    if name in known:
        return known[name]
    ending = [folder for run, folder in known.items() if name and run.endswith(name)]
    if len(ending) == 1:
        return ending[0]
    raise UsageError(
        f"no run is called {name!r}", where="RUN", fix=closest(name, known, kind="run")
    )


def result_of_run(folder: Path) -> dict[str, Any]:
    """Return a run's result document, read back from its folder."""
    contents, manifest = read_events(folder), read_manifest(folder)
    result = result_of(contents.run, contents.events, journal=str(folder / EVENTS))
    return {**result, **{name: manifest[name] for name in KEPT if name in manifest}}


def list_runs() -> list[dict[str, Any]]:
    """Return the project's runs, the newest first, as their manifests tell."""
    return [{"run": folder.name, **read_manifest(folder)} for folder in _folders()]


def _folders() -> Iterator[Path]:
    runs = project_of().runs
    if runs.is_dir():
        found = [folder for folder in runs.iterdir() if (folder / EVENTS).is_file()]
        yield from sorted(found, reverse=True)
