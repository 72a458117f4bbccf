"""A run's folder: one owner, whole lines, and everything on disk before it is used."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import CannotWrite, DiskFull, EnsembleError, InvalidFile, NotOwner, Refused
from ensemble.journal.file import EVENTS, Contents, JournalFile, read_events, write_whole
from ensemble.journal.record import BLOB_OVER_BYTES, Event
from ensemble.journal.recording import copy_recording, read_manifest, write_manifest
from ensemble.journal.run_journal import Journal

NOBODY = 65534


def an_event(seq: int, text: str = "said") -> Event:
    return Event("model_replied", f"panel[{seq}]/panel_member#0", seq, 1764.5, {"value": text})


async def a_journal(folder: Path, texts: list[str]) -> list[Event]:
    file = JournalFile.create(folder, "r-1")
    events = [an_event(seq, text) for seq, text in enumerate(texts)]
    for event in events:
        file.append(event)
    await file.flush()
    file.close()
    return events


async def test_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    texts = ["short", "l" * (BLOB_OVER_BYTES + 1), "line\nend\u2028", "l" * (BLOB_OVER_BYTES + 1)]

    events = await a_journal(tmp_path / "r-1", texts)
    contents = read_events(tmp_path / "r-1")

    assert contents.events == tuple(events)
    assert contents.run == "r-1"
    assert contents.torn_line is None
    assert contents.whole_bytes == (tmp_path / "r-1" / EVENTS).stat().st_size
    assert contents.lines == (1, 3, 4, 5)
    assert len(contents.blobs) == 1


async def test_an_event_is_on_disk_once_flush_returns(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")

    file.append(an_event(0))
    before = (tmp_path / "r-1" / EVENTS).read_bytes()
    await file.flush()

    assert before == b""
    assert read_events(tmp_path / "r-1").events == (an_event(0),)
    file.close()


async def test_what_was_not_flushed_is_written_at_the_close(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")

    file.append(an_event(0))
    file.close()
    file.close()

    assert read_events(tmp_path / "r-1").events == (an_event(0),)


async def test_a_close_while_lines_are_being_synced_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, fsync = threading.Event(), os.fsync
    synced: list[int] = []

    def slow_beside_the_loop(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            time.sleep(0.05)
        fsync(descriptor)
        synced.append((tmp_path / "r-1" / EVENTS).stat().st_size)

    file = JournalFile.create(tmp_path / "r-1", "r-1")
    file.append(an_event(0))
    with monkeypatch.context() as patched:
        patched.setattr("ensemble.journal.file.os.fsync", slow_beside_the_loop)
        flushing = asyncio.create_task(file.flush())
        assert await asyncio.to_thread(begun.wait, 20)
        file.append(an_event(1))
        file.close()
        await flushing

    contents = read_events(tmp_path / "r-1")
    assert [event.seq for event in contents.events] == [0, 1]
    assert contents.torn_line is None
    assert synced[-1] == contents.whole_bytes


async def test_a_line_survives_its_process_once_it_is_written(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")

    file.append(an_event(0))
    before = read_events(tmp_path / "r-1").events
    file.write()

    assert before == ()
    assert read_events(tmp_path / "r-1").events == (an_event(0),)
    file.close()


async def test_nothing_is_appended_to_a_run_that_was_given_up(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")
    file.close()

    with pytest.raises(CannotWrite, match="given up"):
        file.append(an_event(0))


async def test_lines_that_gather_during_a_sync_share_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    monkeypatch.setattr(os, "fsync", counted)

    async def perform() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": "said"}

    calls = (journal.effect("model", f"p[{n}]/model#0", {"n": n}, perform) for n in range(200))
    await asyncio.gather(*calls)

    assert len(read_events(tmp_path / "r-1").events) == 400
    assert 1 <= len(synced) < 100
    journal.close()


@pytest.fixture
async def whole(tmp_path: Path) -> Contents:
    texts = [f"answer {n} " + "é\n" * n + "l" * (5000 * (n % 7 == 3)) for n in range(40)]
    await a_journal(tmp_path / "whole", texts)
    return read_events(tmp_path / "whole")


def lines_up_to(data: bytes, length: int) -> int:
    """Count the lines that stand whole in the first `length` bytes, newline or not."""
    ends = [at for at, byte in enumerate(data) if byte == ord("\n")]
    return sum(end <= length for end in ends)


def events_up_to(whole: Contents, line: int) -> int:
    """Count the events that stand in the first so many lines."""
    return sum(number <= line for number in whole.lines)


async def test_a_journal_cut_anywhere_goes_on_after_its_last_whole_line(
    tmp_path: Path, whole: Contents
) -> None:
    data = (tmp_path / "whole" / EVENTS).read_bytes()
    sampled = sorted({0, 1, len(data) - 1, len(data), *range(0, len(data), len(data) // 150)})
    newlines = [at for at, byte in enumerate(data) if byte == ord("\n")]
    for cut in [*sampled, *newlines, *(at + 1 for at in newlines)]:
        (tmp_path / "whole" / EVENTS).write_bytes(data[:cut])
        kept = events_up_to(whole, lines_up_to(data, cut))

        file, contents = JournalFile.reopen(tmp_path / "whole")
        file.append(an_event(kept, "after"))
        await file.flush()
        file.close()

        again = read_events(tmp_path / "whole")
        assert contents.events == whole.events[:kept]
        assert again.events == (*whole.events[:kept], an_event(kept, "after"))
        assert again.torn_line is None


def test_a_flipped_bit_anywhere_ends_the_journal_before_its_line(
    tmp_path: Path, whole: Contents
) -> None:
    data = (tmp_path / "whole" / EVENTS).read_bytes()
    chance = random.Random(1)  # noqa: S311 -- draws damage, not secrets
    places = [*range(0, len(data), 23), *(at for at, byte in enumerate(data) if byte == ord("\n"))]
    for at in places:
        damaged = bytearray(data)
        damaged[at] ^= 1 << chance.randrange(8)
        (tmp_path / "whole" / EVENTS).write_bytes(damaged)

        contents = read_events(tmp_path / "whole")

        lines = lines_up_to(data, at - 1) if at else 0
        assert contents.events == whole.events[: events_up_to(whole, lines)], at
        assert contents.torn_line == lines + 1


def test_an_empty_line_does_not_hide_what_is_cut_off(tmp_path: Path, whole: Contents) -> None:
    path = tmp_path / "whole" / EVENTS
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:5], b"", *lines[5:]]))

    file, contents = JournalFile.reopen(tmp_path / "whole")
    file.close()

    assert contents.torn_line == 6
    assert path.read_bytes() == b"\n".join(lines[:5]) + b"\n"
    assert read_events(tmp_path / "whole").events == whole.events[: events_up_to(whole, 5)]


def test_a_run_that_died_before_its_first_line_can_be_taken_up(tmp_path: Path) -> None:
    JournalFile.create(tmp_path / "r-1", "r-1").close()

    file, contents = JournalFile.reopen(tmp_path / "r-1")

    assert contents.events == ()
    assert contents.run == file.run == "r-1"
    file.close()


async def test_a_blob_that_is_missing_is_named(tmp_path: Path) -> None:
    await a_journal(tmp_path / "r-1", ["l" * 5000])
    path = tmp_path / "r-1" / EVENTS
    (name,) = read_events(tmp_path / "r-1").blobs

    _, event = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(event)

    with pytest.raises(InvalidFile, match=f"events.jsonl:1:1: .*{name}"):
        read_events(tmp_path / "r-1")
    with pytest.raises(InvalidFile, match=name):
        JournalFile.reopen(tmp_path / "r-1")


async def test_a_blob_is_not_written_again_by_a_later_owner(tmp_path: Path) -> None:
    await a_journal(tmp_path / "r-1", ["l" * 5000])

    file, _ = JournalFile.reopen(tmp_path / "r-1")
    file.append(an_event(1, "l" * 5000))
    file.close()

    assert read_events(tmp_path / "r-1").lines == (2, 3)


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no journal here"):
        read_events(tmp_path)
    with pytest.raises(InvalidFile, match="no journal here"):
        JournalFile.reopen(tmp_path / "missing")


OWNER = """
import sys, time
from pathlib import Path
from ensemble.journal.file import JournalFile
file = JournalFile.create(Path(sys.argv[1]), "r-1")
print("owned", flush=True)
time.sleep(60)
"""


@contextmanager
def another_owner(folder: Path) -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owned\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_owns_the_run_until_that_one_dies(tmp_path: Path) -> None:
    with another_owner(tmp_path / "r-1") as owner:
        for _ in range(2):
            with pytest.raises(NotOwner, match=rf"process {owner.pid} on \S+ owns this run"):
                JournalFile.reopen(tmp_path / "r-1")
        owner.send_signal(signal.SIGSTOP)
        with pytest.raises(NotOwner):
            JournalFile.reopen(tmp_path / "r-1")
        owner.send_signal(signal.SIGKILL)
        owner.wait()

        file, _ = JournalFile.reopen(tmp_path / "r-1")
        file.close()


def test_a_child_process_does_not_keep_the_run_of_its_dead_parent(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        file.close()

        again, _ = JournalFile.reopen(tmp_path / "r-1")

        assert child.poll() is None
        again.close()
        child.kill()


FULL = """
import asyncio, resource, sys
from pathlib import Path
from ensemble.errors import DiskFull
from ensemble.journal.file import JournalFile
from ensemble.journal.run_journal import Journal

performed = 0

async def perform():
    global performed
    performed += 1
    await asyncio.sleep(0)
    return "model_replied", {"value": f"{performed} said " * int(sys.argv[2])}

async def main():
    journal = Journal("r-1", file=JournalFile.create(Path(sys.argv[1]), "r-1"))

    async def call(n):
        try:
            await journal.effect("model", f"panel[{n}]/model#0", {"n": n}, perform)
        except DiskFull:
            return "full"
        return "answered"

    first = await call(0)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (Path(sys.argv[1]) / "events.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1500, most))
    async with asyncio.timeout(20):
        rest = await asyncio.gather(*(call(n) for n in range(1, 20)))
        before = performed
        last = await call(20)
    print(first, *sorted(set(rest)), last, performed - before)
    try:
        journal.close()
    except DiskFull:
        print("full")

asyncio.run(main())
"""


@pytest.mark.parametrize("words", [1, 2000], ids=["a line", "a blob"])
def test_a_full_disk_fails_every_waiter_and_starts_nothing_more(tmp_path: Path, words: int) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "r-1"), str(words)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    file, contents = JournalFile.reopen(tmp_path / "r-1")
    file.append(an_event(99))
    file.close()

    assert done.stdout.split() == ["answered", "full", "full", "0"]
    assert contents.events[1].event == "model_replied"
    assert read_events(tmp_path / "r-1").torn_line is None


def test_a_disk_that_is_full_says_to_make_room() -> None:
    with pytest.raises(DiskFull, match="No space left on device") as raised:
        write_manifest_to_a_full_device()

    assert "make room" in raised.value.fix
    assert raised.value.status == 74


def write_manifest_to_a_full_device() -> None:
    with tempfile.TemporaryDirectory() as folder:
        partial = Path(folder) / f".manifest.json.{os.getpid()}"
        partial.symlink_to("/dev/full")
        write_manifest(Path(folder), {"status": "completed"})


@contextmanager
def unprivileged() -> Generator[None]:
    """Give up root's right to write anywhere, for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """Return a run's folder that anybody may look into."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    JournalFile.create(top / "r-1", "r-1").close()
    yield top / "r-1"
    for folder in (top, top / "r-1"):
        folder.chmod(0o755)
    shutil.rmtree(top)


def test_a_folder_that_is_read_only_is_named(run_folder: Path) -> None:
    beside = run_folder.parent
    for path in (run_folder / "lock", run_folder / EVENTS, run_folder, beside):
        path.chmod(0o555)

    with unprivileged():
        faults = [
            fault_of(lambda: JournalFile.create(beside / "new", "r-1")),
            fault_of(lambda: JournalFile.reopen(run_folder)),
            fault_of(lambda: write_manifest(run_folder, {})),
            fault_of(lambda: copy_recording(run_folder, beside / "recording")),
        ]

    assert [type(fault) for fault in faults] == [CannotWrite] * 4
    assert all("Permission denied" in str(fault) for fault in faults)


def test_a_journal_that_may_be_locked_but_not_written_is_given_up_again(run_folder: Path) -> None:
    (run_folder / "lock").chmod(0o666)
    (run_folder / EVENTS).chmod(0o444)

    with unprivileged():
        fault = fault_of(lambda: JournalFile.reopen(run_folder))
    (run_folder / EVENTS).chmod(0o644)
    again, _ = JournalFile.reopen(run_folder)
    again.close()

    assert isinstance(fault, CannotWrite)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    fault = fault_of(lambda: JournalFile.create(tmp_path / "file" / "r-1", "r-1"))

    assert isinstance(fault, CannotWrite)
    assert "Not a directory" in str(fault)


def test_a_run_is_not_made_where_one_lies(tmp_path: Path) -> None:
    JournalFile.create(tmp_path / "r-1", "r-1").close()

    assert isinstance(fault_of(lambda: JournalFile.create(tmp_path / "r-1", "r-1")), CannotWrite)


async def test_a_folder_that_vanishes_fails_the_next_flush(tmp_path: Path) -> None:
    file = JournalFile.create(tmp_path / "r-1", "r-1")
    file.append(an_event(0))
    shutil.rmtree(tmp_path / "r-1")

    with pytest.raises(CannotWrite, match="the journal was deleted"):
        await file.flush()
    with pytest.raises(CannotWrite):
        file.append(an_event(1))
    file.close()


def fault_of(act: Callable[[], Any]) -> EnsembleError | None:
    try:
        act()
    except EnsembleError as fault:
        return fault
    return None


def test_a_file_that_could_not_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_whole(path, b"before")
    (tmp_path / f".kept.{os.getpid()}").mkdir()

    with pytest.raises(OSError, match="directory"):
        write_whole(path, b"after")

    assert path.read_bytes() == b"before"


def test_a_manifest_reads_back_sorted_and_one_that_is_no_json_is_named(tmp_path: Path) -> None:
    write_manifest(tmp_path, {"b": 1, "a": "é"})

    assert (tmp_path / "manifest.json").read_text() == '{\n  "a": "é",\n  "b": 1\n}\n'
    assert read_manifest(tmp_path) == {"a": "é", "b": 1}
    assert read_manifest(tmp_path / "missing") == {}

    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InvalidFile, match=r"manifest\.json"):
        read_manifest(tmp_path)


async def test_a_recording_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / "base"
    for text in ("first", "l" * 5000):
        await a_journal(tmp_path / text[:5], [text])
        write_manifest(tmp_path / text[:5], {"status": "completed"})

        copy_recording(tmp_path / text[:5], kept)

    assert read_events(kept).events[0].value == "l" * 5000
    assert read_manifest(kept) == {"status": "completed"}
    assert names_in(kept.parent) == ["base"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_recording_that_would_keep_a_secret_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_journal(tmp_path / "r-1", ["fine", "the password is correct-horse"])
    write_manifest(tmp_path / "r-1", {})

    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse")

    with pytest.raises(Refused, match=rf"{EVENTS}:2:1") as raised:
        copy_recording(tmp_path / "r-1", tmp_path / "recording")
    assert not (tmp_path / "recording").exists()
    assert "correct-horse" not in str(raised.value)


async def test_a_journal_that_is_written_without_syncing_has_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["short", "l" * (BLOB_OVER_BYTES + 1)]
    await a_journal(tmp_path / "synced", texts)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    file = JournalFile.create(tmp_path / "written", "r-1", synced=False)
    for seq, text in enumerate(texts):
        file.append(an_event(seq, text))
    await file.flush()

    written = (tmp_path / "written" / EVENTS).read_bytes()
    file.close()
    assert written == (tmp_path / "synced" / EVENTS).read_bytes()
    assert written.count(b'{"blob":"sha256:') == 2, "its own line, and its name on the event's"
    assert synced == []
