"""The walk down a chain of models until one answers.

Every attempt is an effect of the journal, and the walk is a function of what the journal
returns for it: no clock, no probe and no chance decides where to go next. Whatever waits
(a back-off, a deadline, a queue) waits inside the live attempt, so that a replay never does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from ensemble.canonical import without_surrogates
from ensemble.errors import EnsembleError, NoModelLeft
from ensemble.journal.record import Event
from ensemble.models.messages import fewest_tokens, is_json
from ensemble.models.pacing import turn_at
from ensemble.models.policy import OF_FORM, Policy
from ensemble.models.provider import (
    EMBEDDED,
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
    Usage,
)

BRIEF_TOKENS: Final = 256
"""What a candidate that keeps its answers short may say."""
PARTIAL_AT_MOST: Final = 4000
"""Characters kept of an answer that broke off."""
_READ_AT_LEAST: Final = 0.8
"""The share of the tokens sent that a model has read, if it read them all."""

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
        held, wait, tries = candidate, 0.0, 0
        while True:
            tries += 1
            number = len(attempts) + 1
            asked = fitted(call, held)
            about = dict(admit(held, asked, number)) if admit else {}
            event = await recorder.effect(
                "model",
                call.key,
                requested(held, asked),
                _attempt(held, asked, providers, policy, wait, last=candidate is asked_last),
                attempt=number,
                **about,
            )
            if event.event == "model_replied":
                return Answered(_reply(event), candidate, tuple(attempts))
            attempts.append(_failed(number, candidate, event))
            told_s = event.body.get("retry_after_s")
            wait = policy.wait_s(attempts[-1].failure, tries, told_s, f"{call.key}#{number}")
            if wait is None:
                break
            if attempts[-1].failure in OF_FORM:
                held = replace(candidate, form=held.form.weaker)
        if attempts[-1].failure is Failure.BAD_REQUEST:
            break
        if attempts[-1].failure is Failure.CONTEXT:
            too_small = candidate
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


def _attempt(
    candidate: Candidate,
    call: ModelCall,
    providers: Mapping[str, Provider],
    policy: Policy,
    wait_s: float,
    *,
    last: bool,
) -> Callable[[], Awaitable[tuple[str, dict[str, Any]]]]:
    async def perform() -> tuple[str, dict[str, Any]]:
        started = time.monotonic()
        breaker = policy.breakers.of(candidate.provider, candidate.model)
        always = last or candidate.provider in policy.unbroken
        try:
            policy.forms.refuse(candidate, call)
            if not always:
                breaker.refuse()
            if wait_s:
                await asyncio.sleep(wait_s)
            async with turn_at(candidate.provider, call, policy), breaker.passage(always=always):
                started = time.monotonic()
                limit_s = None if candidate.provider in policy.unhurried else policy.call_s
                async with asyncio.timeout(limit_s):
                    reply = await _provider(candidate, providers)(candidate, call)
            _refuse_unusable(reply, call)
            policy.forms.took(candidate)
        except ModelFailure as failure:
            policy.forms.doubt(candidate, call, failure)
            failed = failure
        except TimeoutError:
            failed = ModelFailure(Failure.TIMEOUT, "the whole call took too long")
        except EnsembleError:
            raise
        except Exception as error:  # noqa: BLE001 - anybody's provider may raise anything
            failed = ModelFailure(Failure.BROKEN, f"{type(error).__name__}: {error}")
        else:
            return "model_replied", {
                "value": {"text": without_surrogates(reply.text), "finish": reply.finish},
                "served": reply.served,
                "usage": dict(vars(reply.usage)),
                "seconds": round(time.monotonic() - started, 3),
            }
        return "model_failed", {
            **_told(failed),
            "seconds": round(time.monotonic() - started, 3),
        }

    return perform


def _told(failed: ModelFailure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "class": failed.kind.value,
        "error": without_surrogates(str(failed)),
    }
    if failed.retry_after_s is not None:
        told["retry_after_s"] = failed.retry_after_s
    if failed.partial:
        told["partial"] = without_surrogates(failed.partial[:PARTIAL_AT_MOST])
    return told


def _provider(candidate: Candidate, providers: Mapping[str, Provider]) -> Provider:
    if candidate.provider not in providers:
        raise ModelFailure(Failure.NOT_FOUND, f"there is no provider {candidate.provider!r}")
    return providers[candidate.provider]


def _refuse_unusable(reply: Reply, call: ModelCall) -> None:
    if not reply.text.strip():
        raise ModelFailure(Failure.UNUSABLE, "the answer is empty")
    # An answer cut at its token limit is an answer, marked as cut; asking again cuts it again.
    if call.schema is not None and reply.finish != "length" and not is_json(reply.text):
        raise ModelFailure(Failure.UNUSABLE, "the answer is no JSON although a schema was given")
    read = reply.usage.input_tokens
    fewest = fewest_tokens(call.plain, enough=read / _READ_AT_LEAST) if read else 0
    if read and read < _READ_AT_LEAST * fewest:
        text = f"the prompt was cut: at least {fewest} tokens sent, {read} read"
        raise ModelFailure(Failure.CONTEXT, text)


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
        usage=Usage(
            usage.get("input_tokens"), usage.get("cached_tokens"), usage.get("output_tokens")
        ),
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
