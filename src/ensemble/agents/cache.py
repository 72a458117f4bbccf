"""What was read from a file before, kept by the file's hash in the user's cache folder.

Plain JSON, one small file per agent file, never code. A kept reading is only as good as the
program that made it: the key holds a fingerprint of that program too. A folder that cannot
be written, or an entry that is damaged, costs time and nothing else.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from ensemble.config import cache_folder

_MOST: Final = 8192


class Cache:
    """Readings of one kind, by key."""

    def __init__(self, kind: str, *packages: str) -> None:
        """Keep readings of `kind`; a change in the sources of `packages` forgets them."""
        self._folder = cache_folder() / kind / fingerprint(*packages)
        self._fresh = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was kept, or None."""
        try:
            loaded = json.loads((self._folder / f"{key}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a reading; half a file is never seen by others."""
        place = self._folder / f"{key}.json"
        part = place.with_suffix(f".{os.getpid()}")
        with suppress(OSError, ValueError):
            if not self._fresh:
                self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")))
            part.replace(place)
            self._fresh += 1

    def tidy(self) -> None:
        """Forget readings of other versions, and the oldest where there are too many."""
        if not self._fresh:
            return
        with suppress(OSError):
            others = (f for f in self._folder.parent.iterdir() if f != self._folder)
            stale = [entry for folder in others for entry in folder.glob("*.json")]
            kept = sorted(self._folder.glob("*.json"), key=lambda entry: entry.stat().st_mtime)
            for entry in [*stale, *kept[:-_MOST]]:
                entry.unlink(missing_ok=True)


def key_of(*parts: str) -> str:
    """Return the key of a reading that rests on these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def fingerprint(*packages: str) -> str:
    """Return a short hash over the sources of packages of `ensemble`, and of its YAML reader."""
    root = Path(__file__).parents[1]
    files = [root / "strict_yaml.py", root / "roles.py"]
    for package in packages:
        files += sorted((root / package).glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
