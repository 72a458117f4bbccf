"""A run's manifest, and a finished run kept as a recording beside its scenario."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble.canonical import canonical
from ensemble.errors import InvalidFile, Refused
from ensemble.journal.file import EVENTS, read_events, unwritable, write_whole
from ensemble.journal.redaction import Redactor, secrets_of_environment

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
    """Return the manifest of a run or recording; empty where there is none yet."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise InvalidFile(
            f"the manifest is no JSON: {error}", where=str(path), fix="restore the file"
        ) from error
    return loaded


def copy_recording(run: Path, into: Path, names: Sequence[str] = (EVENTS, MANIFEST)) -> None:
    """Keep a finished run as a recording at `into`, in place of the one before.

    Raises:
        Refused: a secret of this process's environment, or what looks like one, is in it.
        CannotWrite: the folder is read-only (or `DiskFull`).
    """
    _refuse_secrets(run)
    fresh = into.with_name(f".{into.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        for name in names:
            shutil.copy2(run / name, fresh / name)
        if any((run / "blobs").iterdir()):
            shutil.copytree(run / "blobs", fresh / "blobs")
        shutil.rmtree(into, ignore_errors=True)
        fresh.replace(into)
    except OSError as error:
        raise unwritable(error, into) from error


def _refuse_secrets(run: Path) -> None:
    """Look once more, whatever redaction did before: a recording is kept and shared."""
    redactor = Redactor(secrets_of_environment())
    contents = read_events(run)
    written = [event.document(contents.run) for event in contents.events]
    for number, item in enumerate([*written, read_manifest(run)]):
        if canonical(redactor.clean(item)) != canonical(item):
            name = f"{run / EVENTS}:{number + 1}:1" if number < len(written) else run / MANIFEST
            raise Refused(
                "a secret would be kept in the recording",
                where=str(name),
                fix="take it out of the task, the files or the environment, then run again",
            )
