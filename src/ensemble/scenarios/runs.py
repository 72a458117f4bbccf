"""The runs of a project: found by id, listed with how they ended, read back."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, Field

from ensemble.config import project_of
from ensemble.errors import EnsembleError, InvalidFile, UsageError, closest
from ensemble.journal.file import EVENTS, Contents, read_events
from ensemble.journal.recording import read_manifest
from ensemble.journal.shape import what_is_wrong
from ensemble.models.provider import Candidate, in_words_of_today
from ensemble.scenarios.result import result_of

KEPT = ("expectations", "trusted")
"""What of a result stands in the manifest, because no event holds it."""
_CANDIDATE: Final = frozenset(field.name for field in fields(Candidate))


def _of_known_fields(raw: Any) -> Any:
    told = in_words_of_today(cast("dict[str, Any]", raw)) if isinstance(raw, dict) else {}
    unknown = told.keys() - _CANDIDATE
    if unknown:
        raise ValueError(f"a candidate has no {min(unknown)!r}")
    return told if isinstance(raw, dict) else raw


class _Resolution(BaseModel):
    chains: dict[str, list[Annotated[Candidate, BeforeValidator(_of_known_fields)]]]
    seed: int


class _Resolved(BaseModel):
    """What the chains of a run were resolved to."""

    value: _Resolution


class _Reply(BaseModel):
    text: str
    finish: str


class _Cached(BaseModel):
    """When and with what effort a kept reply was had."""

    usage: dict[str, int | None]


class _Replied(BaseModel):
    """What a model answered."""

    served: str
    value: _Reply
    cached: Literal[False] | _Cached | None = None


class _Fallback(BaseModel):
    model: str
    failure: str = Field(alias="class")
    error: str


class _Turn(BaseModel):
    key: str
    path: str
    occurrence: int
    rank: int
    agent: str
    version: str
    sha256: str
    role: str
    mode: str | None
    tool_mode: str | None
    status: str
    asked: str | None
    served: str | None
    fallbacks: list[_Fallback]
    answer: dict[str, Any] | None
    problem: str | None
    truncated: Any


class _TurnEnded(BaseModel):
    """What a result tells of a turn."""

    value: _Turn


class _Question(BaseModel):
    question: str
    choices: list[str] = []


class _Paused(BaseModel):
    """What a person is asked, or why the run waits for one."""

    request: _Question | None = None


class _End(BaseModel):
    error: str | None = None


class _RunEnded(BaseModel):
    """How a run ended."""

    value: _End


_BODIES: Final = {
    "resolved": _Resolved,
    "model_replied": _Replied,
    "turn_ended": _TurnEnded,
    "paused": _Paused,
    "run_ended": _RunEnded,
}


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
    contents, manifest = events_of(folder), read_manifest(folder)
    result = result_of(contents.run, contents.events, journal=str(folder / EVENTS))
    return {**result, **{name: manifest[name] for name in KEPT if name in manifest}}


def events_of(folder: Path) -> Contents:
    """Return a run's journal, with what graph and models wrote in it checked too.

    Raises:
        InvalidFile: there is no journal in `folder`, or a line of it makes no sense.
    """
    contents = read_events(folder)
    for number, event in zip(contents.lines, contents.events, strict=True):
        if event.event not in _BODIES:
            continue
        try:
            _BODIES[event.event].model_validate(event.body)
        except ValueError as error:
            raise InvalidFile(
                f"this `{event.event}` does not fit: {what_is_wrong(error)}",
                where=f"{folder / EVENTS}:{number}:1",
                fix="restore the file",
            ) from error
    return contents


def list_runs() -> list[dict[str, Any]]:
    """Return the project's runs, the newest first, as their manifests tell, or with a `fault`."""
    return [{"run": folder.name, **_told(folder)} for folder in _folders()]


def _told(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except EnsembleError as fault:
        return {"fault": str(fault)}


def _folders() -> Iterator[Path]:
    runs = project_of().runs
    if runs.is_dir():
        found = [folder for folder in runs.iterdir() if (folder / EVENTS).is_file()]
        yield from sorted(found, reverse=True)
