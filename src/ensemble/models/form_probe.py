"""Finding out which form of answer a model holds to, by asking it once for something tiny.

The schema asks for a word that no model says by itself, so a right answer shows that it was
held. What costs nothing to ask is asked before the run that needs it; what costs is asked only
when the user says so. Knows no run and no journal: whoever asks keeps what comes of it.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ensemble.config import Settings
from ensemble.models.forms import Forms
from ensemble.models.pacing import turn_at
from ensemble.models.policy import Policy
from ensemble.models.probes import Probes
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Params,
    Provider,
)

PROBE_WITHIN_S: Final = 30.0
_WORD: Final = "teal-41"
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"mark": {"type": "string", "enum": [_WORD]}},
    "required": ["mark"],
    "additionalProperties": False,
}
_ANSWER_TOKENS: Final = 64
_NOT_HELD: Final = (Failure.BAD_REQUEST, Failure.FORM, Failure.UNUSABLE)


async def probe(candidate: Candidate, provider: Provider, policy: Policy) -> Form | None:
    """Return the strongest form that a model holds to; None where it could not be found out."""
    for form in (Form.SCHEMA, Form.TOOL_CALL):
        held = await _holds(replace(candidate, form=form), provider, policy)
        if held is None or held:
            return form if held else None
    return Form.TEXT


async def probe_first(
    chains: Mapping[str, Sequence[Candidate]],
    *,
    settings: Settings,
    providers: Mapping[str, Provider],
    probes: Probes,
) -> dict[str, tuple[Candidate, ...]]:
    """Return the chains after the model that each begins with was asked, where that is free.

    What was asked before, or what the settings state, is not asked again.
    """
    forms = Forms(settings)
    firsts = (next((c for c in chain if c.available), None) for chain in chains.values())
    unknown = [
        first
        for first in firsts
        if first is not None
        and forms.is_free(first)
        and not forms.stated(first)
        and forms.of(first, await probes.version(first.provider, first.model)) is None
    ]
    policy = Policy.of(settings)
    found = await probe_all(unknown, forms=forms, providers=providers, probes=probes, policy=policy)
    return {path: tuple(_as_found(c, found) for c in chain) for path, chain in chains.items()}


async def probe_all(
    candidates: Iterable[Candidate],
    *,
    forms: Forms,
    providers: Mapping[str, Provider],
    probes: Probes,
    policy: Policy,
) -> dict[tuple[str, str], Form]:
    """Ask each model once, keep what is found, and return it by provider and model."""
    places = {(c.provider, c.model): c for c in candidates if c.provider in providers}
    asked = (probe(candidate, providers[place[0]], policy) for place, candidate in places.items())
    found: dict[tuple[str, str], Form] = {}
    for place, form in zip(places, await asyncio.gather(*asked), strict=True):
        if form is not None:
            found[place] = form
            forms.keep(places[place], form, "probed", await probes.version(*place))
    return found


async def _holds(candidate: Candidate, provider: Provider, policy: Policy) -> bool | None:
    """Return whether the form holds the model; None where its answer does not tell."""
    from langchain_core.messages import HumanMessage

    asked = (HumanMessage("Greet me in one word."),)
    call = ModelCall("probe", asked, schema=_SCHEMA, params=Params(max_tokens=_ANSWER_TOKENS))
    try:
        async with turn_at(candidate, call, policy), asyncio.timeout(PROBE_WITHIN_S):
            reply = await provider(candidate, call)
    except ModelFailure as failure:
        return False if failure.kind in _NOT_HELD else None
    except Exception:  # noqa: BLE001 - anybody's provider may raise anything; its call will say
        return None
    try:
        return bool(json.loads(reply.text) == {"mark": _WORD})
    except (ValueError, RecursionError):
        # Whoever thinks aloud until its tokens are spent has not said whether it is held.
        return None if reply.finish == "length" else False


def _as_found(candidate: Candidate, found: Mapping[tuple[str, str], Form]) -> Candidate:
    form = found.get((candidate.provider, candidate.model), candidate.form)
    return candidate if form is candidate.form else replace(candidate, form=form)
