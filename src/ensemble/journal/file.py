"""A run's folder on disk: `events.jsonl`, `blobs/` and the owner's lock.

Lines are appended and synced in groups: whatever has gathered while the last sync ran goes
out with the next one. What was being written when a process died is cut off before the
first append of the next owner.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import re
import socket
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from ensemble.errors import CannotWrite, DiskFull, InvalidFile, NotOwner
from ensemble.journal.record import Event, read_line, write_line
from ensemble.journal.shape import check_body, what_is_wrong

EVENTS = "events.jsonl"
_BLOB: Final = re.compile(r"sha256:[0-9a-f]{64}")
_Waits = TypeVar("_Waits")


@dataclass(frozen=True)
class Contents:
    """What a run's folder holds."""

    run: str
    events: tuple[Event, ...]
    last_sum: str
    whole_bytes: int
    """Length of the file up to the last whole, chained line."""
    torn_line: int | None
    """Number of the first line that is torn or does not chain; None where all do."""


def read_events(folder: Path) -> Contents:
    """Read a journal up to its last whole line.

    Raises:
        InvalidFile: there is no journal in `folder`, a line is no event, or a blob is missing
            or altered.
    """
    path = folder / EVENTS
    if not path.is_file():
        raise _no_journal(folder)
    events: list[Event] = []
    run, last_sum, length, torn = "", "", 0, None
    data = path.read_bytes()
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    for number, line in enumerate(lines, 1):
        try:
            read = read_line(line, last_sum, lambda name: _read_blob(folder, name))
            if read is not None:
                check_body(read[0].event, read[0].body)
        except (ValueError, RecursionError) as error:
            raise InvalidFile(
                f"this line is no event: {what_is_wrong(error)}",
                where=f"{path}:{number}:1",
                fix="restore the file",
            ) from error
        if read is None:
            torn = number
            break
        event, last_sum, run = read
        events.append(event)
        length += len(line) + 1
    length = min(length, len(data))
    return Contents(run or folder.name, tuple(events), last_sum, length, torn)


def _no_journal(folder: Path) -> InvalidFile:
    where = str(folder / EVENTS)
    return InvalidFile("no journal here", where=where, fix="name a run of `ensemble list`")


def _read_blob(folder: Path, name: Any) -> Any:
    if not isinstance(name, str) or not _BLOB.fullmatch(name):
        raise ValueError(f"{str(name)[:80]!r} names no blob")
    path = folder / "blobs" / name.removeprefix("sha256:")
    where = str(path)
    if not path.is_file():
        raise InvalidFile("a part of the journal is missing", where=where, fix="restore the file")
    data = path.read_bytes()
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != name:
        raise InvalidFile("this part was changed after it was written", where=where, fix="restore")
    return json.loads(data)


class JournalFile:
    """The one writer of a run's folder. Use `create` or `reopen`."""

    def __init__(
        self, folder: Path, run: str, lock: IO[str], last_sum: str, seq: int, *, synced: bool = True
    ) -> None:
        self.folder = folder
        self.run = run
        self.seq = seq
        self._is_synced = synced
        self._lock = lock
        self._sum = last_sum
        self._blob_folder = folder / "blobs"
        self._blobs = {path.name for path in self._blob_folder.glob("*")}
        self._file = (folder / EVENTS).open("ab", buffering=0)
        self._waiting: deque[bytes] = deque()
        self._blobs_waiting: deque[tuple[str, bytes]] = deque()
        self._writing = threading.Lock()
        self._appended = self._synced = 0
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
            (folder / "blobs").mkdir(parents=True)
            lock = _own(folder)
            made = cls(folder, run, lock, "", 0, synced=synced)
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
            last = contents.events[-1].seq + 1 if contents.events else 0
            return cls(folder, contents.run, lock, contents.last_sum, last), contents
        except OSError as error:
            lock.close()
            raise unwritable(error, folder) from error
        except InvalidFile:
            lock.close()
            raise

    def append(self, event: Event, written: Mapping[str, bytes] | None = None) -> None:
        """Put the event's line in the buffer; `flush` waits until it is on disk.

        Args:
            event: what happened.
            written: fields of its body that were made canonical JSON before.
        """
        if self._failure is not None:
            raise unwritable(self._failure, self.folder) from self._failure
        if self._file.closed:
            fix = "`ensemble resume` takes it up again"
            raise CannotWrite("this run was given up", where=str(self.folder), fix=fix)
        line, self._sum = write_line(event, self.run, self._sum, self._keep_blob, written)
        self.seq = event.seq + 1
        self._waiting.append(line)
        self._appended += 1

    async def flush(self) -> None:
        """Return once everything appended so far is written, and synced to disk.

        Raises:
            DiskFull: the disk is full or failing.
            CannotWrite: the folder is read-only or gone.
        """
        if not self._is_synced:  # a write alone is not worth a thread
            with suppress(OSError):  # told below
                self._write_waiting()
        wanted = self._appended
        while self._synced < wanted:
            if self._failure is not None:
                raise unwritable(self._failure, self.folder) from self._failure
            if self._syncing is None or self._syncing.done():
                self._syncing = asyncio.create_task(self._sync())
            await asyncio.shield(self._syncing)

    def close(self) -> None:
        """Write what still waits and give the run up."""
        if self._file.closed:
            return
        try:
            self._write_waiting()
        except OSError as error:
            raise unwritable(error, self.folder) from error
        finally:
            self._waiting.clear()
            self._file.close()
            self._lock.close()

    async def _sync(self) -> None:
        try:
            await asyncio.to_thread(self._write_waiting)
        except OSError:
            return  # `flush` tells every waiter

    def _write_waiting(self) -> None:
        """Write and sync what has gathered; one at a time, or lines would swap places."""
        with self._writing:
            batch = _taken(self._waiting)
            blobs = _taken(self._blobs_waiting)  # a line's were there before it
            if not batch or self._failure is not None:
                return
            try:
                self._write_blobs(blobs)
                _write_all(self._file.fileno(), b"".join(batch))
                if self._is_synced:
                    os.fsync(self._file.fileno())
            except OSError as error:
                self._failure = error
                raise
            self._synced += len(batch)

    def _write_blobs(self, blobs: Sequence[tuple[str, bytes]]) -> None:
        for name, data in blobs:
            _write_at_once(f"{self._blob_folder}/{name}", data, synced=self._is_synced)
        if blobs and self._is_synced:
            _sync_names(self._blob_folder)

    def _keep_blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        if name not in self._blobs:
            self._blobs.add(name)
            self._blobs_waiting.append((name, data))
        return f"sha256:{name}"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, also after a power cut."""
    _write_at_once(str(path.absolute()), data, synced=True)
    _sync_names(path.parent)


def _write_at_once(path: str, data: bytes, *, synced: bool) -> None:
    """Write a file under another name, and give it its own once it is whole."""
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/.{name}.{os.getpid()}"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write_all(descriptor, data)
            if synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(partial, path)  # noqa: PTH105 -- a path object takes longer than the call
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(partial)  # noqa: PTH108
        raise


def _taken(waiting: deque[_Waits]) -> list[_Waits]:
    """Return what waits, and leave what comes meanwhile."""
    return [waiting.popleft() for _ in range(len(waiting))]


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
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return DiskFull(
            f"the disk refused a write: {error.strerror}",
            where=str(folder),
            fix="make room, then `ensemble resume` the run",
        )
    return CannotWrite(
        f"cannot write here: {error.strerror}", where=str(folder), fix="choose a writable folder"
    )
