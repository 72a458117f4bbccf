"""The walk down a chain of models until one answers.

Every attempt is an effect of the journal, and the walk is a function of what the journal
returns for it: no clock, no probe and no chance decides where to go next. Whatever waits
(a back-off, a deadline, a queue) waits inside the live attempt, so that a replay never does.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

from ensemble.errors import NoModelLeft
from ensemble.journal.record import Event
from ensemble.models.attempt import attempted
from ensemble.models.fit import shortened
from ensemble.models.policy import OF_FORM, Policy
from ensemble.models.provider import (
    EMBEDDED,
    Candidate,
    Failure,
    Form,
    ModelCall,
    Provider,
    Reply,
    Usage,
)

BRIEF_TOKENS: Final = 256
"""What a candidate that keeps its answers short may say."""
_USAGE: Final = tuple(field.name for field in fields(Usage))

Admit = Callable[[Candidate, ModelCall, int], Mapping[str, Any]]
"""Told candidate, call and attempt before each attempt. Returns what to note beside it, e.g.
`{"reserved": …}`; raises `OverLimit` where the attempt would cross a limit."""


class Recorder(Protocol):
    """The journal, as the chain sees it."""

    async def effect(
        self,
        kind: str,
        key: str,
        request: Mapping[str, Any],
        perform: Callable[[], Awaitable[tuple[str, dict[str, Any]]]],
        *,
        attempt: int = 1,
        **about: Any,
    ) -> Event:
        """Do the effect and return its outcome as read back; on replay only return it."""
        ...


@dataclass(frozen=True)
class Attempt:
    """One failed attempt."""

    number: int
    candidate: Candidate
    failure: Failure
    error: str


@dataclass(frozen=True)
class Answered:
    """A reply, the model that gave it, and the attempts that failed before."""

    reply: Reply
    candidate: Candidate
    attempts: tuple[Attempt, ...] = ()


class ChainExhausted(NoModelLeft):
    """No model of the chain answered; the text is a table of every attempt."""

    def __init__(self, key: str, chain: Sequence[Candidate], attempts: Sequence[Attempt]) -> None:
        rows = [
            (str(attempt.number), _name(attempt.candidate), attempt.failure.value, attempt.error)
            for attempt in attempts
        ]
        rows += [("-", _name(c), "not asked", c.reason) for c in chain if not c.available]
        table = "".join(f"\n    {n:>2}  {who:<34}  {how:<14}  {why}" for n, who, how, why in rows)
        super().__init__(f"no model answered{table}", where=key, fix=_fix(chain, attempts))
        self.attempts = tuple(attempts)

    @property
    def refused(self) -> bool:
        """Whether a model declined to answer."""
        return any(attempt.failure is Failure.CONTENT_FILTER for attempt in self.attempts)


async def ask(
    chain: Sequence[Candidate],
    call: ModelCall,
    *,
    recorder: Recorder,
    providers: Mapping[str, Provider],
    policy: Policy | None = None,
    admit: Admit | None = None,
) -> Answered:
    """Ask the models of `chain` in order until one answers.

    Args:
        chain: candidates as resolved; those not available are skipped without an attempt.
        call: what to ask; its key is the same for every attempt, whose number counts up.
        recorder: the run's journal.
        providers: a provider for each `Candidate.provider`.
        policy: retries, waits and limits.
        admit: asked before each attempt whether it fits the run's limits.

    Raises:
        ChainExhausted: no candidate answered, or one's failure ends the walk.
        EnsembleError: what a provider or `admit` raises for the user, e.g. `Paused`.
    """
    policy = policy or Policy()
    attempts: list[Attempt] = []
    too_small: Candidate | None = None
    asked_last = next((c for c in reversed(chain) if c.available), None)
    for candidate in chain:
        if not candidate.available or not _is_roomier(candidate, too_small):
            continue
        held, fitting, wait, tries = candidate, call, 0.0, 0
        while True:
            tries += 1
            number = len(attempts) + 1
            asked = fitted(fitting, held)
            about = dict(admit(held, asked, number)) if admit else {}
            event = await recorder.effect(
                "model",
                call.key,
                requested(held, asked),
                attempted(held, asked, providers, policy, wait, last=candidate is asked_last),
                attempt=number,
                **about,
            )
            if event.event == "model_replied":
                return Answered(_reply(event), candidate, tuple(attempts))
            attempts.append(_failed(number, candidate, event))
            told_s, seed = event.body.get("retry_after_s"), f"{call.key}#{number}"
            wait = policy.wait_s(attempts[-1].failure, tries, told_s, seed)
            if wait is None:
                shorter = _shorter(fitting, event, tries)
                if shorter is None:
                    break
                wait, tries, fitting = 0.0, tries - ("over" in event.body), shorter
            elif attempts[-1].failure in OF_FORM:
                held = replace(candidate, form=held.form.weaker)
        if attempts[-1].failure is Failure.BAD_REQUEST:
            break
        too_small = candidate if attempts[-1].failure is Failure.CONTEXT else too_small
    raise ChainExhausted(call.key, chain, attempts)


def requested(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    """Return the call as it is fingerprinted: what decides the answer, and no secret."""
    called = {"form": candidate.form} if candidate.form is Form.TOOL_CALL else {}
    return {
        "kind": "model",
        "model": f"{candidate.provider}/{candidate.model}",
        "messages": call.plain,
        "schema": call.schema,
        "params": dict(vars(call.params)),
        **called,
    }


def fitted(call: ModelCall, candidate: Candidate) -> ModelCall:
    """Return the call as this candidate is asked it: shorter, or without a schema."""
    if candidate.form is not Form.TEXT and not candidate.brief:
        return call
    params = call.params
    if candidate.brief:
        params = replace(params, max_tokens=min(params.max_tokens, BRIEF_TOKENS))
    schema = (call.brief_schema or call.schema) if candidate.brief else call.schema
    schema = None if candidate.form is Form.TEXT else schema
    return replace(call, params=params, schema=schema)


def _shorter(call: ModelCall, failed: Event, tries: int) -> ModelCall | None:
    """Return what to ask the same model where the call did not fit; None for nothing."""
    over = failed.body.get("over")
    if failed.body.get("class") != Failure.CONTEXT or (over is None and tries > 1):
        return None
    return shortened(call, over)


def _is_roomier(candidate: Candidate, than: Candidate | None) -> bool:
    if than is None or than.context is None or candidate.context is None:
        return True
    return candidate.context > than.context


def _reply(event: Event) -> Reply:
    usage: Mapping[str, int | None] = event.body.get("usage") or {}
    return Reply(
        text=event.value["text"],
        served=event.body["served"],
        finish=event.value["finish"],
        usage=Usage(**{name: usage.get(name) for name in _USAGE}),
    )


def _failed(number: int, candidate: Candidate, event: Event) -> Attempt:
    kind = Failure(event.body.get("class", Failure.TRANSPORT))
    return Attempt(number, candidate, kind, str(event.body.get("error", "")))


def _name(candidate: Candidate) -> str:
    return f"{candidate.provider}/{candidate.model}" if candidate.provider else candidate.model


def _fix(chain: Sequence[Candidate], attempts: Sequence[Attempt]) -> str:
    last = attempts[-1].failure if attempts else None
    match last:
        case Failure.BAD_REQUEST:
            return "the server finds fault with the request itself; see its message"
        case Failure.CONTENT_FILTER:
            return "a model declined; reword the task or seat another model"
        case Failure.CONTEXT:
            return "show the seat less, or name a model with a larger window"
        case _:
            pass
    if not any(candidate.provider == EMBEDDED for candidate in chain):
        return "mend a cause named above, or add `embedded` to the chain"
    return "mend a cause named above: set a key, start Ollama, or `ensemble models fetch`"
