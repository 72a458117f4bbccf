"""One live attempt at one model: what it waits for, its deadlines, and what is made of its reply.

Whatever depends on a clock, on chance or on other runs lies in here, so that a replay never
comes here. Has never heard of the next candidate.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ensemble.canonical import without_surrogates
from ensemble.errors import EnsembleError
from ensemble.models.faults import beginning
from ensemble.models.fit import refuse_cut, refuse_misfit
from ensemble.models.messages import is_json
from ensemble.models.pacing import turn_at
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
    Usage,
)

PARTIAL_AT_MOST: Final = 4000
"""Characters kept of an answer that broke off."""


def attempted(
    candidate: Candidate,
    call: ModelCall,
    providers: Mapping[str, Provider],
    policy: Policy,
    wait_s: float,
    *,
    last: bool,
) -> Callable[[], Awaitable[tuple[str, dict[str, Any]]]]:
    """Return what asks the candidate once, and tells the outcome as the journal keeps it.

    Args:
        candidate: who is asked.
        call: what it is asked.
        providers: a provider for each `Candidate.provider`.
        policy: deadlines, pace and what is known of models that fail.
        wait_s: how long to wait before.
        last: whether nobody is left after it, so that it is asked however often it failed.
    """

    async def perform() -> tuple[str, dict[str, Any]]:
        started = time.monotonic()
        breaker = policy.breakers.of(candidate.provider, candidate.model)
        always = last or candidate.provider in policy.unbroken
        try:
            policy.forms.refuse(candidate, call)
            if candidate.context is not None and candidate.provider not in policy.counting:
                refuse_misfit(call, candidate.context)
            if not always:
                breaker.refuse()
            if wait_s:
                await asyncio.sleep(wait_s)
            async with turn_at(candidate, call, policy), breaker.passage(always=always):
                started = time.monotonic()
                limit_s = None if candidate.provider in policy.unhurried else policy.call_s
                async with asyncio.timeout(limit_s):
                    reply = await _provider(candidate, providers)(candidate, call)
            _refuse_but_bill(reply, call)
            policy.forms.took(candidate)
        except ModelFailure as failure:
            policy.forms.doubt(candidate, call, failure)
            failed = failure
        except TimeoutError:
            failed = ModelFailure(Failure.TIMEOUT, "the whole call took too long", usage=Usage())
        except EnsembleError:
            raise
        except Exception as error:  # noqa: BLE001 - anybody's provider may raise anything
            text = f"{type(error).__name__}: {error}"
            failed = ModelFailure(Failure.BROKEN, text, usage=Usage())
        else:
            return "model_replied", {
                "value": {"text": without_surrogates(reply.text), "finish": reply.finish},
                "served": reply.served,
                "usage": dict(vars(reply.usage)),
                "seconds": round(time.monotonic() - started, 3),
            }
        return "model_failed", {**_told(failed), "seconds": round(time.monotonic() - started, 3)}

    return perform


def _told(failed: ModelFailure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "class": failed.kind.value,
        "error": without_surrogates(str(failed)),
    }
    if failed.retry_after_s is not None:
        told["retry_after_s"] = failed.retry_after_s
    if failed.over is not None:
        told["over"] = failed.over
    if failed.usage is not None:
        told["usage"] = dict(vars(failed.usage))
    if failed.partial:
        told["partial"] = without_surrogates(beginning(failed.partial, PARTIAL_AT_MOST))
    return told


def _provider(candidate: Candidate, providers: Mapping[str, Provider]) -> Provider:
    if candidate.provider not in providers:
        raise ModelFailure(Failure.NOT_FOUND, f"there is no provider {candidate.provider!r}")
    return providers[candidate.provider]


def _refuse_but_bill(reply: Reply, call: ModelCall) -> None:
    try:
        _refuse_unusable(reply, call)
    except ModelFailure as failure:
        failure.usage = reply.usage
        raise


def _refuse_unusable(reply: Reply, call: ModelCall) -> None:
    if not reply.text.strip():
        raise ModelFailure(Failure.UNUSABLE, "the answer is empty")
    # An answer cut at its token limit is an answer, marked as cut; asking again cuts it again.
    if call.schema is not None and reply.finish != "length" and not is_json(reply.text):
        raise ModelFailure(Failure.UNUSABLE, "the answer is no JSON although a schema was given")
    refuse_cut(call, reply.usage.input_tokens)
