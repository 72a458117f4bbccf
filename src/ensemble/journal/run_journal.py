"""What nodes talk to: an effect is asked for, recorded, and only then used.

One class serves four kinds of run. A live run performs effects and writes them; a run in
memory does the same without a file; a resumed run finds what its file already holds and
performs the rest; a replay finds everything in its recording, and what it does not find is
a divergence. None of them has heard of models, labs or graphs.
"""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from ensemble.canonical import Shared, canonical_members, fingerprint_of
from ensemble.errors import Diverged, EnsembleError, Paused
from ensemble.journal.digest import is_lost, reduced, whole
from ensemble.journal.divergence import Divergence
from ensemble.journal.file import JournalFile
from ensemble.journal.record import ANSWERED, ASKED, Event
from ensemble.journal.redaction import Redactor
from ensemble.journal.turn_key import TurnKey

Perform = Callable[[], Awaitable[tuple[str, dict[str, Any]]]]
Heard = Callable[[Event], None]

_TURNS_OF_THE_LOOP: Final = 50
"""Enough for seats that go side by side to come to the calls of the same step."""
_OUTCOMES: Final = frozenset(name for names in ANSWERED.values() for name in names)


class Journal:
    """The events of one run, in order, and the outcomes that need not be had again."""

    def __init__(
        self,
        run: str,
        *,
        file: JournalFile | None = None,
        recorded: Iterable[Event] = (),
        replaying: bool = False,
        redactor: Redactor | None = None,
        shown: Redactor | None = None,
        heard: Heard | None = None,
    ) -> None:
        """Start a journal.

        Args:
            run: the run's id.
            file: where lines go; None keeps them in memory.
            recorded: what an earlier process, or the recording, already holds.
            replaying: perform nothing; what is not recorded is a divergence.
            redactor: takes secrets out before anything is fingerprinted or kept.
            shown: takes secrets out of what is told of a divergence; None is `redactor`.
            heard: told each event as it is appended.
        """
        known = list(recorded)
        self.run = run
        self.replaying = replaying
        self.recorded = known
        self.events: list[Event] = [] if replaying else list(known)
        self.divergence = Divergence(known, shown or redactor)
        self._file = file
        self._redactor = redactor or Redactor.of_shapes()
        self._heard = heard
        self._seq = 0 if replaying else len(known)
        self._known: dict[tuple[str, str, str], Event] = {}
        self._outcomes: dict[tuple[str, int], Event] = {}
        self._withdrawn: set[tuple[str, str]] = set()
        self._used: set[tuple[str, int]] = set()
        self._cut = {e.body["cuts"] for e in known if e.event == "ruled" and "cuts" in e.body}
        for event in known:
            self._remember(event)

    async def effect(
        self,
        kind: str,
        key: str,
        request: Mapping[str, Any],
        perform: Perform,
        *,
        attempt: int = 1,
        idempotent: bool = True,
        **about: Any,
    ) -> Event:
        """Return the recorded outcome of a call, or perform it and record it first.

        Args:
            kind: `model`, `tool`, `lab` or `person`.
            key: the call's place in the run; the same in every run of the same inputs.
            request: what is asked; its fingerprint must match a recorded one.
            perform: does the effect; returns the outcome's event name and body.
            attempt: which try of the same call this is, counted by the caller.
            idempotent: whether it may be done again when it is unclear if it happened.
            about: further fields of the asking event.

        Raises:
            Diverged: the recording holds no such call, or another request under its key.
            Paused: it may have happened before the process died, and must not happen twice.
            TimeoutError: the run it is answered from ruled that this call came too late.
        """
        asked = self._redactor.clean(dict(request))
        written = _written(asked)
        mark = fingerprint_of(written)
        found = self._outcomes.get((key, attempt))
        if found is not None:
            self._used.add((key, attempt))
            if found.body.get("print") != mark:
                self.divergence.differs(found, ASKED[kind], asked)
                raise await self._first_met()
            return self._recall(ASKED[kind], found)
        if key in self._cut:
            raise TimeoutError
        if self.replaying:
            raise self.divergence.unknown(key, attempt, asked, about)
        number = self._attempt_after_loss(kind, key, attempt, idempotent=idempotent)
        told = self._redactor.clean({"attempt": number, "print": mark, **about})
        body = {**told, "request": asked}
        self._append_clean(ASKED[kind], key, body, {"request": written})
        if not idempotent:
            await self.flush()
        elif self._file is not None:
            self._file.write()  # a call that a dead process had begun is booked
        name, body = await self._performed(kind, key, number, perform, about)
        outcome = self.append(name, key, {**body, "attempt": number, "print": mark})
        await self.flush()
        return outcome

    async def _first_met(self) -> Diverged:
        """Let calls of the same step meet their own difference; return the first in the run."""
        for _ in range(_TURNS_OF_THE_LOOP if self.replaying else 0):
            await asyncio.sleep(0)
        return self.divergence.first_met()

    async def settle(self, event: str, key: str, make: Callable[[], Any], **about: Any) -> Any:
        """Return a value that depends on clock, chance, order or surroundings, made once.

        Args:
            event: `resolved`, `ruled` or `drawn`.
            key: its place in the run.
            make: makes the value, or a coroutine of it; never called in a replay.
            about: further fields of the event, such as `kind`.
        """
        known = self._known.get((event, key, "1"))
        if known is None and self.replaying:
            raise self.divergence.unknown(key, 1, {event: about}, about)
        if known is None:
            made = make()
            value = await made if inspect.isawaitable(made) else made
            known = self.append(event, key, {"value": value, **about})
            await self.flush()
        elif self.replaying:
            self._keep(known)
        return known.value

    def note(self, event: str, key: str, **body: Any) -> Event:
        """Write down what follows from the outcomes so far: a turn, a decision, an end."""
        self._used.add((key, 1))
        known = self._known.get((event, key, "1"))
        if known is None:
            return self.append(event, key, body)
        now = self._redactor.clean(body)
        if reduced(known.body) != reduced(now):
            self.divergence.changed(known, reduced(now))
            if self.replaying:
                return self._keep(Event(event, key, self._next(), known.at, now))
        return self._keep(known) if self.replaying else known

    def append(self, event: str, key: str, body: Mapping[str, Any]) -> Event:
        """Add one event, as it reads back from its own line."""
        return self._append_clean(event, key, self._redactor.clean(dict(body)), {})

    def _append_clean(
        self, event: str, key: str, body: Mapping[str, Any], written: Mapping[str, bytes]
    ) -> Event:
        """Add one event without secrets in its body, of which some is canonical JSON already."""
        at = 0.0 if self.replaying else time.time()
        made = Event(event, key, self._next(), at, body)
        if self._file is not None:
            self._file.append(made, written)
        else:  # in memory too, only what a file can hold
            canonical_members(body, written)
        self._remember(made)
        return self._keep(made, numbered=True)

    async def flush(self) -> None:
        """Return once everything appended is on disk."""
        if self._file is not None:
            await self._file.flush()

    def check_inputs(self) -> None:
        """Refuse to go on with a run whose inputs are not those it began with.

        Raises:
            Diverged: naming the first input that changed. A replay goes on, to name the first
                call that this changes.
        """
        if not self.replaying:
            self.divergence.raise_first(())

    def check_complete(self) -> None:
        """Raise where a replay differed anywhere, or left recorded calls unused.

        Raises:
            Diverged: naming the first difference.
        """
        cut = _seats_cut(self.recorded)
        unused = [
            outcome
            for place, outcome in self._outcomes.items()
            if place not in self._used and TurnKey.read(outcome.key).path not in cut
        ]
        self.divergence.raise_first(unused)

    def close(self) -> None:
        """Write what still waits and give the run up."""
        if self._file is not None:
            self._file.close()

    async def _performed(
        self, kind: str, key: str, number: str, perform: Perform, about: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Do the effect, and write down what becomes of its intent where it has no outcome."""
        try:
            return await perform()
        except asyncio.CancelledError:
            if kind == "model":  # it may be billed all the same
                with suppress(EnsembleError):
                    self.append("model_failed", key, _unheard(number, "cancelled in flight", about))
            raise
        except Paused:
            why = "a person has to answer first"
            self.append("withdrawn", key, {"attempt": number, "why": why})
            raise

    def _attempt_after_loss(self, kind: str, key: str, attempt: int, *, idempotent: bool) -> str:
        if (ASKED[kind], key, str(attempt)) not in self._known:
            return str(attempt)
        intents = [
            e for e in self.events
            if e.event == ASKED[kind] and e.key == key and whole(e.attempt) == attempt
        ]  # fmt: skip
        last = intents[-1]
        if (key, last.attempt) not in self._withdrawn:
            if not idempotent:
                request = json.dumps(last.body.get("request"), ensure_ascii=False)
                raise Paused(
                    "this call may have happened before the process died",
                    where=f"{key}: {request[:400]}",
                    fix="look whether it did, then answer with `ensemble resume`",
                )
            if kind == "model" and ("model_failed", key, last.attempt) not in self._known:
                died = "in flight when the process died"
                self.append("model_failed", key, _unheard(last.attempt, died, last.body))
        return f"{attempt}.{len(intents)}"

    def _remember(self, event: Event) -> None:
        """Keep the index up: an outcome found is not had twice, one taken back is not found."""
        place = (event.key, whole(event.attempt))
        self._known[(event.event, event.key, event.attempt)] = event
        if event.event == "withdrawn":
            self._withdrawn.add((event.key, event.attempt))
            found = self._outcomes.get(place)
            if found is not None and found.attempt == event.attempt:
                del self._outcomes[place]
        elif event.event in _OUTCOMES and not is_lost(event):
            self._outcomes[place] = event

    def _recall(self, asked: str, outcome: Event) -> Event:
        if not self.replaying:
            return outcome
        intent = self._known.get((asked, outcome.key, outcome.attempt))
        if intent is not None:
            self._keep(intent)
        return self._keep(outcome)

    def _keep(self, event: Event, *, numbered: bool = False) -> Event:
        kept = event if numbered else Event(
            event.event, event.key, self._next(), event.at, event.body
        )  # fmt: skip
        self.events.append(kept)
        if self._heard is not None:
            self._heard(kept)
        return kept

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1


def _written(request: Mapping[str, Any]) -> bytes:
    """Return a request as canonical JSON."""
    shared = {k: part.text.encode() for k, part in request.items() if isinstance(part, Shared)}
    return b"{" + canonical_members(request, shared) + b"}"


def _unheard(attempt: str, error: str, intent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the end of a model call whose answer nobody heard, booked as reserved."""
    reserved = intent.get("reserved")
    return {"attempt": attempt, "class": "lost", "error": error, "reserved": reserved}


def _seats_cut(recorded: Iterable[Event]) -> set[str]:
    """Return the paths of seats that a ruling cut short: what they had asked may be unused."""
    cut: set[str] = set()
    for event in recorded:
        if event.event == "ruled" and isinstance(event.value, list):
            cut.update(map(str, cast("list[Any]", event.value)))
    return cut
