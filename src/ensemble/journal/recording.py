"""A run's manifest, and a finished run kept as a recording beside its scenario."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ensemble.canonical import canonical
from ensemble.errors import CannotWrite, InvalidFile, Refused
from ensemble.journal.file import EVENTS, read_events, unwritable, write_whole
from ensemble.journal.record import ASKED
from ensemble.journal.redaction import Redactor, named_in
from ensemble.journal.shape import Manifest, what_is_wrong

MANIFEST = "manifest.json"


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json`, sorted and indented, so that it reads and diffs well.

    Raises:
        DiskFull: the disk is full or failing.
        CannotWrite: the folder is read-only or gone.
    """
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    try:
        write_whole(folder / MANIFEST, f"{text}\n".encode())
    except OSError as error:
        raise unwritable(error, folder) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run or recording; empty where there is none yet.

    Raises:
        InvalidFile: it is no manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text)
        canonical(loaded)  # refuses NaN and lone surrogates, which cannot be written again
        Manifest.model_validate(loaded)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidFile(
            f"this is no manifest: {what_is_wrong(error)}",
            where=f"{path}:{_line_of(error, text)}:1",
            fix="restore the file",
        ) from error
    return loaded


def refuse_to_replace(into: Path) -> None:
    """Refuse to make a recording where something lies that is none.

    Raises:
        CannotWrite: `into` holds anything but a recording.
    """
    if not into.exists() and not into.is_symlink():
        return
    if into.is_dir() and not into.is_symlink():
        names = {path.name for path in into.iterdir()}
        if not names or {EVENTS, MANIFEST} <= names:
            return
    raise CannotWrite(
        f"what lies here is no recording (no {EVENTS} with a {MANIFEST}), and is not replaced",
        where=str(into),
        fix="move it away, or name another `recording.dir`",
    )


def copy_recording(run: Path, into: Path, names: Sequence[str] = (EVENTS, MANIFEST)) -> None:
    """Keep a finished run as a recording at `into`, in place of the one before.

    Raises:
        Refused: a secret of this process's environment, or what looks like one, is in it, or
            was taken out of what a replay has to ask again.
        CannotWrite: the folder is read-only (or `DiskFull`), or holds something else.
    """
    _refuse_secrets(run)
    fresh = into.with_name(f".{into.name}.{os.getpid()}")
    before = into.with_name(f".{into.name}.{os.getpid()}.before")
    try:
        refuse_to_replace(into)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name in names:
            shutil.copy2(run / name, fresh / name)
        _swap(fresh, into, before)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise unwritable(error, into) from error
    shutil.rmtree(before, ignore_errors=True)


def _swap(fresh: Path, into: Path, before: Path) -> None:
    """Put `fresh` in the place of `into`, which lies at `before` until the new one stands."""
    had = into.exists()
    if had:
        into.replace(before)
    try:
        fresh.replace(into)
    except OSError:
        if had:
            before.replace(into)
        raise


def _line_of(error: Exception, text: str) -> int:
    if isinstance(error, json.JSONDecodeError):
        return error.lineno
    if isinstance(error, ValidationError) and (place := error.errors()[0]["loc"]):
        lines = text.splitlines()
        named = (n for n, line in enumerate(lines, 1) if line.lstrip().startswith(f'"{place[0]}"'))
        return next(named, 1)
    return 1


def _refuse_secrets(run: Path) -> None:
    """Look once more, whatever redaction did before: a recording is kept and shared."""
    redactor = Redactor.of_environment()
    contents = read_events(run)
    written = [event.document(contents.run) for event in contents.events]
    events = [f"{run / EVENTS}:{line}:1" for line in contents.lines]
    places = [*events, str(run / MANIFEST)]
    for place, item in zip(places, [*written, read_manifest(run)], strict=True):
        if canonical(redactor.clean(item)) != canonical(item):
            raise Refused(
                "a secret would be kept in the recording",
                where=place,
                fix="take it out of the task, the files or the environment, then run again",
            )
    for place, event in zip(events, contents.events, strict=True):
        if event.event == "run_started" or event.event in ASKED.values():
            names = named_in([event.value, event.body.get("request")])
            if names:
                raise Refused(
                    f"the value of {' and '.join(names)} was taken out of what is asked here; "
                    "the recording would replay only where it is set",
                    where=place,
                    fix="take it out of the task and the files, or run without the variable",
                )
