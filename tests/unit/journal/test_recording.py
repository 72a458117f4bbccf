"""What is kept as a recording, what it takes the place of, and manifests that are none."""

from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import CannotWrite, DiskFull, InvalidFile, Refused
from ensemble.journal.file import EVENTS, JournalFile
from ensemble.journal.record import Event
from ensemble.journal.recording import MANIFEST, copy_recording, read_manifest, write_manifest
from ensemble.journal.redaction import Redactor
from ensemble.journal.run_journal import Journal

PLANTED = "hunter2hunter2"


def a_run(folder: Path, *events: Event) -> Path:
    file = JournalFile.create(folder, "r-1")
    for event in events or (Event("drawn", "k", 0, 1.0, {"value": folder.name}),):
        file.append(event)
    file.close()
    write_manifest(folder, {"run": folder.name})
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("kept", ["notes.txt", EVENTS, MANIFEST])
def test_a_folder_that_is_no_recording_is_not_replaced(tmp_path: Path, kept: str) -> None:
    run = a_run(tmp_path / "r-1")
    thesis = tmp_path / "mine" / "thesis"
    thesis.mkdir(parents=True)
    (thesis / kept).write_text("years of work")

    with pytest.raises(CannotWrite, match="no recording") as raised:
        copy_recording(run, thesis)

    assert (thesis / kept).read_text() == "years of work"
    assert "recording.dir" in raised.value.fix
    assert names_in(tmp_path / "mine") == {"thesis", f"thesis/{kept}"}


def test_a_file_and_a_link_are_not_replaced(tmp_path: Path) -> None:
    run, old = a_run(tmp_path / "r-2"), a_run(tmp_path / "r-1")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(old)

    for name in ("file", "link"):
        with pytest.raises(CannotWrite, match="no recording"):
            copy_recording(run, tmp_path / name)

    assert read_manifest(old) == {"run": "r-1"}
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()

    copy_recording(a_run(tmp_path / "r-1"), tmp_path / "base")

    assert names_in(tmp_path / "base") == {EVENTS, MANIFEST}


def test_the_old_recording_stands_until_the_new_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "recordings" / "base"
    copy_recording(a_run(tmp_path / "r-1"), base)
    run, replace = a_run(tmp_path / "r-2"), Path.replace

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if target == base and read_manifest(self) == {"run": "r-2"}:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails_for_the_new)
        with pytest.raises(DiskFull, match="No space left"):
            copy_recording(run, base)

    assert read_manifest(base) == {"run": "r-1"}
    assert names_in(base.parent) == {"base", f"base/{EVENTS}", f"base/{MANIFEST}"}


async def test_a_recording_that_needs_a_variable_of_this_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", PLANTED)
    file = JournalFile.create(tmp_path / "r-1", "r-1")
    journal = Journal("r-1", file=file, redactor=Redactor.of_environment())

    async def answers() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": "fine"}

    await journal.effect("model", "k", {"messages": [f"login = '{PLANTED}'"]}, answers)
    journal.close()
    monkeypatch.delenv("MY_PASSWORD")

    with pytest.raises(Refused, match=r"the value of MY_PASSWORD was taken out") as raised:
        copy_recording(tmp_path / "r-1", tmp_path / "base")

    assert raised.value.where.endswith(f"{EVENTS}:1:1")
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (Event("run_started", "run", 0, 1.0, {"value": {"task": "<secret:A_KEY>"}}), True),
        (Event("lab_submitted", "lab", 0, 1.0, {"request": {"<secret:A_KEY>": 1}}), True),
        (Event("model_asked", "k", 0, 1.0, {"request": {"m": "<secret:openai-key>"}}), False),
        (Event("model_replied", "k", 0, 1.0, {"value": "<secret:A_KEY>"}), False),
    ],
)
def test_only_a_value_of_the_environment_that_is_asked_again_is_refused(
    tmp_path: Path, event: Event, *, refused: bool
) -> None:
    run = a_run(tmp_path / "r-1", event)

    if refused:
        with pytest.raises(Refused, match="the value of A_KEY"):
            copy_recording(run, tmp_path / "base")
    else:
        copy_recording(run, tmp_path / "base")

    assert (tmp_path / "base").exists() is not refused


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[]", 1),
        ('"x"', 1),
        ("null", 1),
        ('{"chain": 5}', 1),
        ('{\n  "case": null,\n  "chain": [1]\n}', 3),
        ('{\n  "digest": null\n}', 2),
        ('{\n  "expectations": [{"held": 1}]\n}', 2),
        ('{"agents": []}', 1),
        ('{"events": NaN}', 1),
        ('{"status": "\\ud800"}', 1),
        ('{\n"a": }', 2),
        ("[" * 100_000, 1),
    ],
)
def test_a_manifest_that_is_none_is_named_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(InvalidFile, match="no manifest") as raised:
        read_manifest(tmp_path)

    assert raised.value.where == f"{tmp_path / MANIFEST}:{line}:1"


def test_bytes_that_are_no_text_are_no_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"\xff")

    with pytest.raises(InvalidFile, match="no manifest"):
        read_manifest(tmp_path)


def test_what_else_a_manifest_tells_is_kept(tmp_path: Path) -> None:
    told = {"format": "ensemble/journal@2", "case": None, "chain": ["a"], "new": {"of": ["later"]}}
    write_manifest(tmp_path, told)

    assert read_manifest(tmp_path) == told
