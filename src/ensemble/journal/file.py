"""A run's folder on disk: `events.jsonl`, the manifest and the owner's lock.

Lines are synced in groups: whatever was written while the last sync ran goes to disk with the
next one. What was being written when a process died is cut off before the first append of the
next owner.
"""

import asyncio
import errno
import fcntl
import json
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ensemble.errors import CannotWrite, DiskFull, InvalidFile, NotOwner
from ensemble.journal.record import (
    Event,
    is_blob_line,
    read_blob,
    read_line,
    write_blob,
    write_line,
)
from ensemble.journal.shape import check_body, what_is_wrong

EVENTS = "events.jsonl"


@dataclass(frozen=True)
class Contents:
    """What a run's folder holds."""

    run: str
    events: tuple[Event, ...]
    lines: tuple[int, ...]
    """Number of each event's line."""
    blobs: frozenset[str]
    """Names of the blobs that are written."""
    last_sum: str
    whole_bytes: int
    """Length of the file up to the last whole, chained line."""
    torn_line: int | None
    """Number of the first line that is torn or does not chain; None where all do."""


def read_events(folder: Path) -> Contents:
    """Read a journal up to its last whole line.

    Raises:
        InvalidFile: there is no journal in `folder`, a line is no event, or a blob is missing.
    """
    path = folder / EVENTS
    if not path.is_file():
        raise _no_journal(folder)
    events: list[Event] = []
    numbers: list[int] = []
    blobs: dict[str, bytes] = {}
    run, last_sum, length, torn = "", "", 0, None
    data = path.read_bytes()
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    for number, line in enumerate(lines, 1):
        if is_blob_line(line) and (blob := read_blob(line)) is not None:
            blobs[blob[0]] = blob[1]
        elif (read := _read_event(line, last_sum, blobs, f"{path}:{number}:1")) is not None:
            event, last_sum, run = read
            events.append(event)
            numbers.append(number)
        else:
            torn = number
            break
        length += len(line) + 1
    return Contents(
        run or folder.name,
        tuple(events),
        tuple(numbers),
        frozenset(blobs),
        last_sum,
        min(length, len(data)),
        torn,
    )


def _read_event(
    line: bytes, last_sum: str, blobs: Mapping[str, bytes], where: str
) -> tuple[Event, str, str] | None:
    def blob(name: Any) -> Any:
        if name not in blobs:
            raise ValueError(f"the journal does not hold {str(name)[:80]!r}, which it names")
        return json.loads(blobs[name])

    try:
        read = read_line(line, last_sum, blob)
        if read is not None:
            check_body(read[0].event, read[0].body)
    except (ValueError, RecursionError) as error:
        told = f"this line is no event: {what_is_wrong(error)}"
        raise InvalidFile(told, where=where, fix="restore the file") from error
    return read


def _no_journal(folder: Path) -> InvalidFile:
    where = str(folder / EVENTS)
    return InvalidFile("no journal here", where=where, fix="name a run of `ensemble list`")


class JournalFile:
    """The one writer of a run's folder. Use `create` or `reopen`."""

    def __init__(
        self,
        folder: Path,
        run: str,
        lock: IO[str],
        contents: Contents | None = None,
        *,
        synced: bool = True,
    ) -> None:
        self.folder = folder
        self.run = run
        self.seq = contents.events[-1].seq + 1 if contents and contents.events else 0
        self._is_synced = synced
        self._lock = lock
        self._sum = contents.last_sum if contents else ""
        self._blobs = set(contents.blobs if contents else ())
        self._file = (folder / EVENTS).open("ab", buffering=0)
        self._waiting: list[bytes] = []
        self._disk = threading.Lock()
        self._written = self._synced = 0
        self._syncing: asyncio.Task[None] | None = None
        self._failure: OSError | None = None

    @classmethod
    def create(cls, folder: Path, run: str, *, synced: bool = True) -> "JournalFile":
        """Make the folder of a new run and own it.

        Args:
            folder: where it lies.
            run: its id.
            synced: whether what is flushed survives a power cut; else only the process's end.

        Raises:
            CannotWrite: a run lies there already, or the folder cannot be made.
        """
        if (folder / EVENTS).exists():
            raise CannotWrite(
                "a run lies here already", where=str(folder), fix="name another folder"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _own(folder)
            made = cls(folder, run, lock, synced=synced)
            if synced:
                _sync_names(folder)
        except OSError as error:
            raise unwritable(error, folder) from error
        return made

    @classmethod
    def reopen(cls, folder: Path) -> tuple["JournalFile", Contents]:
        """Own the folder of a run that ended early, with its torn tail cut off.

        Raises:
            NotOwner: a live process owns the run.
            InvalidFile: there is no journal in `folder`, or a part of it is missing.
        """
        if not (folder / EVENTS).is_file():
            raise _no_journal(folder)
        lock = _own(folder)
        try:
            contents = read_events(folder)
            _cut(folder / EVENTS, contents.whole_bytes)
            return cls(folder, contents.run, lock, contents), contents
        except OSError as error:
            lock.close()
            raise unwritable(error, folder) from error
        except InvalidFile:
            lock.close()
            raise

    def append(self, event: Event, written: Mapping[str, bytes] | None = None) -> None:
        """Put the event's line in the buffer; `write` writes it, `flush` waits for the disk.

        Args:
            event: what happened.
            written: fields of its body that were made canonical JSON before.
        """
        self._refuse_after_failure()
        if self._file.closed:
            fix = "`ensemble resume` takes it up again"
            raise CannotWrite("this run was given up", where=str(self.folder), fix=fix)
        line, self._sum = write_line(event, self.run, self._sum, self._keep_blob, written)
        self.seq = event.seq + 1
        self._waiting.append(line)

    def write(self) -> None:
        """Write everything appended so far: it survives the process, if not a power cut.

        Raises:
            DiskFull: the disk is full or failing.
            CannotWrite: the folder is read-only or gone.
        """
        if self._waiting and self._failure is None:
            batch, self._waiting = self._waiting, []
            try:
                if os.fstat(self._file.fileno()).st_nlink == 0:  # writing to it would succeed
                    raise FileNotFoundError(errno.ENOENT, "the journal was deleted")
                _write_all(self._file.fileno(), b"".join(batch))
                self._written += len(batch)
            except OSError as error:
                self._failure = error
        self._refuse_after_failure()

    async def flush(self) -> None:
        """Return once everything appended so far is written, and synced to disk.

        Raises:
            DiskFull: the disk is full or failing.
            CannotWrite: the folder is read-only or gone.
        """
        self.write()
        wanted = self._written
        while self._is_synced and self._synced < wanted:
            if self._syncing is None or self._syncing.done():
                self._syncing = asyncio.create_task(self._sync())
            await asyncio.shield(self._syncing)
            self._refuse_after_failure()

    def close(self) -> None:
        """Write what still waits and give the run up."""
        if self._file.closed:
            return
        try:
            if self._failure is None:
                self.write()
                self._to_disk()
        except OSError as error:
            raise unwritable(error, self.folder) from error
        finally:
            self._waiting.clear()
            with self._disk:
                self._file.close()
            self._lock.close()

    async def _sync(self) -> None:
        """Sync what is written now; what is written meanwhile waits for the next one."""
        written = self._written
        try:
            await asyncio.to_thread(self._to_disk)
        except OSError as error:
            self._failure = error
        else:
            self._synced = written

    def _to_disk(self) -> None:
        with self._disk:
            if self._is_synced and not self._file.closed:
                os.fsync(self._file.fileno())

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise unwritable(self._failure, self.folder) from self._failure

    def _keep_blob(self, data: bytes) -> str:
        name, line = write_blob(data)
        if name not in self._blobs:
            self._blobs.add(name)
            self._waiting.append(line)
        return name


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, also after a power cut."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb", buffering=0) as file:
            _write_all(file.fileno(), data)
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _cut(path: Path, whole_bytes: int) -> None:
    """Cut a journal's torn tail off; a line appended after it would be lost with it."""
    with path.open("r+b") as file:
        file.truncate(whole_bytes)
        if whole_bytes:
            file.seek(whole_bytes - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    """Sync a folder itself: a new file's name is on disk only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _own(folder: Path) -> IO[str]:
    path = folder / "lock"
    try:
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(error, folder) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        owner = lock.read().strip() or "an unknown process"
        lock.close()
        raise NotOwner(
            f"process {owner} owns this run", where=str(folder), fix="wait for it to end"
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()} on {socket.gethostname()}")
    lock.flush()
    return lock


def unwritable(error: OSError, folder: Path) -> CannotWrite | DiskFull:
    """Return what a refused write means to the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return DiskFull(
            f"the disk refused a write: {error.strerror}",
            where=str(folder),
            fix="make room, then `ensemble resume` the run",
        )
    return CannotWrite(
        f"cannot write here: {error.strerror}", where=str(folder), fix="choose a writable folder"
    )
