"""Where answers are kept: one folder per key, found again by whoever asks the same.

A folder's `lock` is held by the job that fills it, not by who asked: it outlives a killed
client, and a later one waits for the job instead of starting a second. Lock files are never
removed. Knows nothing of processes or of what a result means.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ensemble.canonical import file_hash
from ensemble.errors import CannotWrite

RESULT = "result.json"
_POLL_S = 0.05


@dataclass(frozen=True)
class Store:
    """A folder of answers."""

    root: Path

    def folder(self, key: str) -> Path:
        """Return the folder of a cache key, which need not exist."""
        return self.root / key.removeprefix("sha256:")

    def found(self, key: str) -> dict[str, Any] | None:
        """Return the kept answer, or None where there is none that is whole."""
        folder = self.folder(key)
        result = read_result(folder)
        if result is None:
            return None
        for artifact in result["artifacts"].values():
            path = folder / artifact["file"]
            if not path.is_file() or file_hash(path) != artifact["sha256"]:
                return None
        return result

    def age_s(self, key: str) -> float:
        """Return the seconds since the answer was measured."""
        return max(0.0, time.time() - (self.folder(key) / RESULT).stat().st_mtime)

    def next_replicate(self, key: str) -> Path:
        """Return a folder, not yet there, for a further measurement of an answered key."""
        beside = self.folder(key) / "replicates"
        return beside / str(len(list(beside.glob("*"))) + 1)

    @asynccontextmanager
    async def locked(self, name: str, *, shared: bool = False) -> AsyncGenerator[int]:
        """Hold a lock of the store and give its descriptor, for the job to inherit.

        The lock lasts until the last process that holds the descriptor has ended.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotWrite(
                f"the lab cannot keep its answers: {error.strerror}",
                where=str(path.parent),
                fix="make the folder writable, or name another one",
            ) from error
        try:
            how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
            while not _taken(held, how):  # noqa: ASYNC110 - the holder may be another process
                await asyncio.sleep(_POLL_S)
            yield held
        finally:
            os.close(held)


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return the result document in `folder`, or None where there is no whole one."""
    try:
        result: Any = json.loads((folder / RESULT).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(result, dict) or "artifacts" not in result:
        return None
    return cast("dict[str, Any]", result)


def keep_result(folder: Path, result: dict[str, Any]) -> None:
    """Write the result document of `folder` so that it appears whole or not at all."""
    partial = folder / f".{RESULT}.{os.getpid()}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(result, file, sort_keys=True, ensure_ascii=False, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / RESULT)


def _taken(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True
