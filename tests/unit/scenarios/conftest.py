"""A shipped recording of one's own, to be damaged."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from ensemble.journal.file import EVENTS, JournalFile, read_events
from ensemble.journal.record import Event

SHIPPED: Final = Path(__file__).parents[3] / "scenarios" / "recordings" / "review"
Shipped = Callable[..., Path]
Rewrite = Callable[[Path, Callable[[list[Event]], Sequence[Event]]], None]


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """Return what copies the recording of a case of the review, into a folder of that name."""

    def copy(case: str, name: str = "") -> Path:
        return shutil.copytree(SHIPPED / case, tmp_path / (name or case))

    return copy


@pytest.fixture
def rewrite() -> Rewrite:
    """Return what changes the events of a journal and chains them anew."""

    def write(folder: Path, change: Callable[[list[Event]], Sequence[Event]]) -> None:
        contents = read_events(folder)
        (folder / EVENTS).unlink()
        file = JournalFile.create(folder, contents.run, synced=False)
        for event in change(list(contents.events)):
            file.append(event)
        file.close()

    return write
