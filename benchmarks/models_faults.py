"""Every way in which a model server fails, as trials of the real chain over real sockets.

A trial asks a model that fails, with a sound one behind it, and returns the promises that were
broken: an answer that is none, a failure without a type, a deadline missed, a book that does
not balance. Each trial has models of its own names, so that what the process remembers of one
says nothing of the next.
"""

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final, Literal

from langchain_core.messages import HumanMessage, SystemMessage

from benchmarks.spoilt import SPOILT
from benchmarks.texts import CUT
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal
from ensemble.models.anthropic_chat import anthropic_chat
from ensemble.models.chain import Answered, ChainExhausted, ask
from ensemble.models.litellm_chat import litellm_chat
from ensemble.models.ollama_chat import ollama_chat
from ensemble.models.openai_chat import openai_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Failure, ModelCall, Provider, Reply
from ensemble.models.providers import close_providers
from ensemble.models.wire import Endpoint
from ensemble.scenarios.result import usage_of
from ensemble.testing.fault_server import FaultServer, fault_server
from ensemble.testing.faults import (
    Breaks,
    Cuts,
    Drips,
    Fault,
    Floods,
    Garbage,
    GzipBomb,
    Hangs,
    Malforms,
    Miscounts,
    Page,
    Refuses,
    Says,
    Sends,
    WrongType,
)
from ensemble.testing.wire import JSON, Anthropic, Ollama, OpenAI, Wire, padded

STREAM_BYTES: Final = 2048
DEADLINE_S: Final = 10.0
"""What a trial may take beyond its own waits, on a busy computer."""
DEPTHS: Final = (1, 2, 5)
FAMILIES: Final = {
    "rate limit": (408, 425, 429),
    "server error": (500, 502, 503, 504, 529),
    "key": (401, 402, 403),
    "not found": (404, 405, 410),
}
PASSING: Final = ("rate limit", "server error")
WIRES: Final[dict[str, Wire]] = {
    "openai": OpenAI(),
    "anthropic": Anthropic(),
    "ollama": Ollama(),
    "litellm": OpenAI(),
}
"""Routes by name, with what the server speaks there."""

_LITELLM_BASE: Final = "HOSTED_VLLM_API_BASE"
_NUMBERS: Final = itertools.count()
_TRIES: Final = 3
_PATIENT: Final = Policy(backoff_s=0.001)
_ONCE: Final = Policy(tries={}, backoff_s=0.001)
_HURRIED: Final = Policy(tries={Failure.TIMEOUT: 2}, backoff_s=0.001, call_s=1.5)
_FIRST_BYTE_S = _IDLE_S = 1.0
_MESSAGES: Final = (
    SystemMessage("You review what others have done, and you say what you do not know. " * 20),
    HumanMessage("Is the split of the data sound, and may the model be promoted? " * 20),
)

Ending = Literal["first", "next", "either", "none"]
"""Who answers: the model that failed, the next one, whichever of them, or nobody."""


@dataclass(frozen=True)
class Trial:
    """What the first models of a chain do, and who must answer in the end."""

    name: str
    faults: tuple[Fault, ...]
    """The first model's, in order; the last for all further requests."""
    ends: Ending = "next"
    policy: Policy = _ONCE
    dead: int = 1
    """How many models fail so before the sound one."""
    waits_s: float = 0.0
    """How long it has to take at least."""
    sends: str = ""
    """What the prompt holds beside the usual."""


@dataclass
class Bench:
    """A server and the providers that ask it."""

    server: FaultServer
    providers: dict[str, Provider]

    async def broken(self, trial: Trial, route: str) -> list[str]:
        """Run a trial over a route, and return the promises that it broke."""
        number = next(_NUMBERS)
        faulty = [_candidate(route, f"faulty-{number}-{n}") for n in range(trial.dead)]
        sound = _candidate("openai", f"sound-{number}", context=32768)
        for candidate in faulty:
            self.server.plan(candidate.model, *trial.faults)
        self.server.plan(sound.model, Says("From the next."))
        chain = faulty if trial.ends == "none" else [*faulty, sound]
        journal, started = Journal(f"trial-{number}"), time.monotonic()
        messages = (*_MESSAGES, HumanMessage(trial.sends)) if trial.sends else _MESSAGES
        call = ModelCall("panel[0]/panel_member#0/model#0", messages)
        ended: Answered | BaseException
        try:
            ended = await ask(
                chain, call, recorder=journal, providers=self.providers, policy=trial.policy
            )
        except Exception as error:  # noqa: BLE001 - that it has a type is what is on trial
            ended = error
        took_s = time.monotonic() - started
        found = [*self._untold(trial, ended, sound), *_unpunctual(trial, took_s)]
        found += self._unbalanced(journal.events, chain)
        for candidate in (*faulty, sound):
            del self.server.script[candidate.model]
        self.server.asked.clear()
        return [f"{trial.name} ({route}): {what}" for what in found]

    def _untold(
        self, trial: Trial, ended: "Answered | BaseException", sound: Candidate
    ) -> list[str]:
        if isinstance(ended, ChainExhausted):
            return [] if trial.ends == "none" else [f"nobody answered: {ended}"]
        if isinstance(ended, BaseException):
            return [f"a failure without a type: {ended!r}"]
        by_next = ended.candidate == sound
        if trial.ends not in ("either", "next" if by_next else "first"):
            return [f"answered by {ended.candidate.model}: {ended.reply.text[:80]!r}"]
        whole = "From the next." if by_next else self.server.text
        return [] if ended.reply.text == whole else [f"no whole answer: {ended.reply.text[:80]!r}"]

    def _unbalanced(self, events: Sequence[Event], chain: Sequence[Candidate]) -> list[str]:
        """Compare the journal's rows with each other, with the totals and with the server."""
        asked = [(e.key, e.attempt) for e in events if e.event == "model_asked"]
        rows = [e for e in events if e.event in ("model_replied", "model_failed")]
        ended = Counter((row.key, row.attempt) for row in rows)
        told: list[str] = []
        if len(set(asked)) != len(asked) or ended != Counter(asked):
            told.append(f"{len(asked)} attempts asked, {dict(ended)} ended")
        came = sum(self.server.times_asked.get(candidate.model, 0) for candidate in chain)
        if came != len(rows):
            told.append(f"{len(rows)} attempts in the book, {came} requests at the server")
        totals = usage_of(events)
        for name in ("input_tokens", "output_tokens"):
            booked = sum(_usage(row).get(name) or 0 for row in rows)
            if totals[name] != booked or booked < 0:
                told.append(f"{name}: rows of {booked}, total of {totals[name]}")
        return told


@asynccontextmanager
async def bench(text: str = "It is sound.") -> AsyncGenerator[Bench]:
    """Run a server, and give the providers that ask it; some find it by their variables."""
    before = {name: os.environ.get(name) for name in ("OLLAMA_HOST", _LITELLM_BASE)}
    async with fault_server() as server:
        server.text = text
        os.environ.update({"OLLAMA_HOST": server.url, _LITELLM_BASE: server.openai_url})
        where = Endpoint("direct", server.openai_url, first_byte_s=_FIRST_BYTE_S, idle_s=_IDLE_S)
        providers: dict[str, Provider] = {
            "openai": openai_chat(where),
            "anthropic": anthropic_chat(where),
            "ollama": ollama_chat,
            "litellm": _through_litellm,
        }
        try:
            yield Bench(server, providers)
        finally:
            await close_providers()
            for name, value in before.items():
                del os.environ[name]
                os.environ.update({name: value} if value is not None else {})


def cuts(route: str, *, step: int = 1, politely: bool = False) -> tuple[str, list[Trial]]:
    """Return an answer of 2,048 bytes as it is streamed, and trials that cut it at any of them."""
    asked = {"model": "faulty-0000-0", "stream_options": {"include_usage": True}}
    stream, text = padded(WIRES[route], asked, STREAM_BYTES)
    done = stream.rindex(b"[DONE]") + len(b"[DONE]") if b"[DONE]" in stream else len(stream) - 1
    if route == "litellm":  # to it, an answer is whole when the reason for its end is told
        done = stream.index(b'"stop"') + len(b'"stop"')
    how = "ends" if politely else "is cut"
    trials = [
        Trial(
            f"a stream that {how} after byte {at}",
            (Cuts(at, stream, politely=politely),),
            "either" if at >= done else "next",
        )
        for at in range(0, STREAM_BYTES, step)
    ]
    return text, trials


def bodies(route: str) -> list[Trial]:
    """Return twelve bodies that are no answer."""
    place, wrong_shape, no_text, blank = SPOILT["openai" if route == "litellm" else route]
    faults: dict[str, Fault] = {
        "a page of HTML": Page(),
        "a wrong content type": WrongType(),
        "garbage": Garbage(),
        "a gzip bomb of 1 GiB": GzipBomb(),
        "one line of 1 GiB": Floods(),
        "blank lines of 1 GiB": Floods(unit=blank),
        "JSON of 1 GiB": Floods(content_type=JSON),
        "a malformed event": Malforms(place),
        "an event of another shape": Malforms(place, wrong_shape),
        "an event that is no UTF-8": Malforms(place, no_text),
        "nothing at all": Sends(b""),
        "an error in the middle": Breaks(place + 1),
    }
    lenient = "a wrong content type" if route in ("ollama", "litellm") else ""
    return [  # the lines are sound all the same
        Trial(name, (fault,), "either" if name == lenient else "next")
        for name, fault in faults.items()
    ]


def waits() -> list[Trial]:
    """Return nine shapes of Retry-After: what is asked is waited for, within reason."""
    now = datetime.now(UTC)
    past, far = (format_datetime(now + timedelta(hours=h), usegmt=True) for h in (-1, 1))
    shapes: list[tuple[str, dict[str, str], Ending, float]] = [
        ("seconds", {"Retry-After": "1"}, "first", 1.0),
        ("a fraction", {"Retry-After": "0.02"}, "first", 0.02),
        ("milliseconds", {"retry-after-ms": "20"}, "first", 0.02),
        ("a date gone by", {"Retry-After": past}, "first", 0.0),
        ("a date in an hour", {"Retry-After": far}, "next", 0.0),
        ("a day", {"Retry-After": "86400"}, "next", 0.0),
        ("more than there is", {"Retry-After": "1e999"}, "next", 0.0),
        ("less than nothing", {"Retry-After": "-5"}, "first", 0.0),
        ("a word", {"Retry-After": "soon"}, "first", 0.0),
    ]
    return [
        Trial(f"Retry-After: {name}", (Refuses(429, headers=told), Says()), ends, _PATIENT, 1, s)
        for name, told, ends, s in shapes
    ]


def statuses() -> list[Trial]:
    """Return every status of four families, so often in turn and by so many models."""
    trials: list[Trial] = []
    for family, depth in itertools.product(FAMILIES, DEPTHS):
        recovers = family in PASSING and depth < _TRIES
        for status in FAMILIES[family]:
            # A time-out is tried twice.
            again = recovers and (status != 408 or depth == 1)  # noqa: PLR2004 - the status
            often = (*[Refuses(status)] * depth, Says())
            ends: Ending = "first" if again else "next"
            trials += [
                Trial(f"{status} {depth} times", often, ends, _PATIENT),
                Trial(f"{status} of {depth} models", (Refuses(status),), "next", dead=depth),
                Trial(f"{status} of all {depth}", (Refuses(status),), "none", dead=depth),
            ]
    return trials


def hangs() -> list[Trial]:
    """Return servers that stop before an answer, or inside it, or hardly go on."""
    faults: dict[str, Fault] = {
        "a hang before the headers": Hangs(),
        **{f"a hang after {at} bytes": Hangs(at) for at in (0, 1, 100, 400)},
        "a byte now and then": Drips(0.05),
    }
    return [Trial(name, (fault,), "next", _HURRIED) for name, fault in faults.items()]


def miscounts() -> list[Trial]:
    """Return answers whose counts say that the prompt was cut, and some that say it was not."""
    cut = [
        Trial(f"{share:.0%} of the prompt read, {kind}", (Miscounts(share),), sends=text)
        for kind, (text, shares) in CUT.items()
        for share in shares
    ]
    whole = [
        Trial(f"the whole prompt read, {kind}", (Says(),), "first", sends=text)
        for kind, (text, _) in CUT.items()
    ]
    return [*cut, *whole]


async def all_broken(trials: Sequence[Trial], route: str, text: str = "It is sound.") -> list[str]:
    """Run trials over a route one after the other, and return every broken promise."""
    found: list[str] = []
    async with bench(text) as stand:
        await stand.broken(Trial("what is loaded once is no trial", (Says(),), "first"), route)
        for trial in trials:
            found += await stand.broken(trial, route)
            await asyncio.sleep(0)
    return found


async def _through_litellm(candidate: Candidate, call: ModelCall) -> Reply:
    """Ask as a run does whose answers someone watches, so that they are streamed."""
    served = replace(candidate, model=f"hosted_vllm/{candidate.model}")
    heard: list[str] = []
    return await litellm_chat(served, replace(call, heard=heard.append))


def _usage(row: Event) -> Mapping[str, int | None]:
    return row.body.get("usage") or {}


def _unpunctual(trial: Trial, took_s: float) -> list[str]:
    if took_s > DEADLINE_S + trial.waits_s:
        return [f"it took {took_s:.1f} s"]
    if took_s < trial.waits_s:
        return [f"it waited {took_s:.3f} s of {trial.waits_s:g} s"]
    return []


def _candidate(route: str, model: str, context: int = 8192) -> Candidate:
    return Candidate(model, route, model, available=True, reason="on trial", context=context)
