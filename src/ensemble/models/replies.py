"""Replies kept on disk, so that what was asked before need not be asked again.

Off unless it is switched on. A reply is found by what was asked, of whom and where, and by how
many calls of the run had asked just that: five samples of one request are five entries. A hit
stands in the journal as the reply that it was, marked `cached`, so a replay needs no cache.
Nobody is believed to be of the same mind still: a kept reply is no new evidence. Has never
heard of seats, or of how a reply is read; whoever reads it says whether it is worth keeping.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt

from ensemble.canonical import canonical, fingerprint
from ensemble.config import cache_folder
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal, Perform

_NOTHING: Final = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0}


class _Text(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    text: str
    finish: Literal["stop"]


class _Kept(BaseModel):
    """One entry: the reply of a live call, and when and with what effort it was had."""

    model_config = ConfigDict(strict=True, extra="forbid")

    value: _Text
    served: str
    usage: dict[str, NonNegativeInt | None]
    seconds: FiniteFloat
    at: FiniteFloat


@dataclass(frozen=True)
class Replies:
    """The user's folder of replies."""

    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each provider is asked; the replies of one that is not here are not kept."""
    clean: Callable[[Any], Any] = lambda value: value
    """Takes secrets out, before anything is looked up or kept."""
    bytes_at_most: int = 256 * 2**20
    """What the folder may hold when a run has ended."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return cache_folder() / "replies"

    def name_of(self, route: str, mark: str) -> str | None:
        """Return the name of what was asked of `provider/model`; None where it is not kept."""
        address = self.addresses.get(route.partition("/")[0])
        if address is None:
            return None
        return fingerprint([route, address, mark]).removeprefix("sha256:")

    def found(self, name: str) -> dict[str, Any] | None:
        """Return the kept reply as the body of its event, or None where there is no whole one."""
        place = self.folder / f"{name}.json"
        try:
            kept = _Kept.model_validate_json(place.read_bytes())
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            os.utime(place)
        return {
            "value": kept.value.model_dump(),
            "served": kept.served,
            "usage": dict(_NOTHING),
            "seconds": 0.0,
            "cached": {"at": kept.at, "usage": kept.usage, "seconds": kept.seconds},
        }

    def keep(self, name: str, body: Mapping[str, Any]) -> None:
        """Keep a reply; half an entry is never seen, and one that cannot be written is none."""
        told = {field: body[field] for field in ("value", "served", "usage", "seconds")}
        data = canonical(self.clean({**told, "at": time.time()}))
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(made, "wb") as file:
                    file.write(data)
                Path(part).replace(self.folder / f"{name}.json")
            except OSError:
                Path(part).unlink(missing_ok=True)

    def shrink(self, to_bytes: int | None = None) -> int:
        """Forget what was not used for longest until the rest fits; return how many those were."""
        most = self.bytes_at_most if to_bytes is None else to_bytes
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*.*"):
            with suppress(OSError):  # another run may have forgotten it just now
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        gone, left = 0, sum(held for _, held, _ in found)
        for _, held, path in sorted(found):
            if left <= most:
                break
            with suppress(OSError):
                path.unlink(missing_ok=True)
                left, gone = left - held, gone + (path.suffix == ".json")
        return gone


class Remembering:
    """A run's journal whose model calls are answered from kept replies where there are any."""

    def __init__(self, journal: Journal, replies: Replies) -> None:
        """Take the journal of a live run; what it has asked already counts."""
        self._journal = journal
        self._replies = replies
        self._asked: dict[str, list[str]] = {}
        self._unkept: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for event in journal.recorded:
            if event.event == "model_asked":
                asked: Mapping[str, Any] = event.body.get("request") or {}
                self._entry(event.key, str(asked.get("model")), str(event.body.get("print")))

    async def effect(
        self,
        kind: str,
        key: str,
        request: Mapping[str, Any],
        perform: Perform,
        *,
        attempt: int = 1,
        **about: Any,
    ) -> Event:
        """Do as the journal does, but look among the kept replies before a model is asked."""
        mark = fingerprint(self._replies.clean(dict(request)))
        entry = self._entry(key, str(request["model"]), mark)

        async def found_or_performed() -> tuple[str, dict[str, Any]]:
            if entry is None:
                return await perform()
            if found := await asyncio.to_thread(self._replies.found, entry):
                return "model_replied", found
            event, body = await perform()
            if event != "model_replied":
                return event, body
            if body["value"]["finish"] == "stop":
                self._unkept[key] = (entry, body)
            return event, {**body, "cached": False}

        return await self._journal.effect(
            kind, key, request, found_or_performed, attempt=attempt, **about
        )

    async def keep(self, key: str) -> None:
        """Keep the reply to a call, now that it has proved to be of use."""
        if key in self._unkept:
            await asyncio.to_thread(self._replies.keep, *self._unkept.pop(key))

    def _entry(self, key: str, route: str, mark: str) -> str | None:
        """Return the entry of a call: the same for all its attempts at one request."""
        name = self._replies.name_of(route, mark)
        if name is None:
            return None
        calls = self._asked.setdefault(name, [])
        if key not in calls:
            calls.append(key)
        return f"{name}.{calls.index(key)}"
