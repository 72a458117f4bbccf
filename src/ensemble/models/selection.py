"""From what an agent wishes for to the chain of models that can really be asked.

The order is: the pinned model, then its fallbacks as written, then the embedded model. A
profile that is about money or haste reorders the wishes; a minimum size passes over smaller
models. Every candidate carries the reason why it is where it is. Asks nobody but Ollama on
its own host, and has never heard of agents: wishes are plain data.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from ensemble.config import Settings
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate
from ensemble.models.registry import (
    LITELLM_KEYS,
    NEAREST_FIRST,
    SERVERS,
    SIZES,
    SMALLEST_FIRST,
    Model,
    Route,
    model_named,
)

BUILT_IN_WEIGHTS: Final = "SmolLM2-135M-Instruct"
OLLAMA_CONTEXT: Final = 16_384
"""What we ask Ollama for: a model's full window can need more memory than its weights."""
_NO_MODEL: Final = ("", "inherit")


@dataclass(frozen=True)
class Wishes:
    """What an agent, a scenario or the user asks for."""

    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    minimum_tier: str | None = None
    """The smallest size class that will do: `tiny`, `small`, `medium` or `large`."""
    profile: str | None = None
    """The ranking that the file names for this run's situation, e.g. `budget`."""
    chain: tuple[str, ...] = ()
    """Set by a scenario or the command line: exactly these, in place of all the above."""


async def resolve(
    wishes: Wishes, *, settings: Settings, probes: Probes, brought: Collection[str] = ()
) -> tuple[Candidate, ...]:
    """Return the chain for one seat: what to ask, in order, and why.

    Candidates that cannot be asked here and now are listed too, with `available=False`.

    Args:
        wishes: what is asked for.
        settings: the user's, with their servers and aliases.
        probes: what is there.
        brought: providers that the caller brings to the run; `NAME/model` names one.
    """
    names = wishes.chain or _ranked(wishes)
    smallest = None if wishes.chain else wishes.minimum_tier
    here = _Here(settings, probes, brought, smallest)
    chain: list[Candidate] = []
    for place, name in enumerate(names):
        chain += await _candidates(name, place, here)
    if not wishes.chain:
        stand_in = embedded_candidate(settings, probes, fallback=bool(names))
        if stand_in.available:
            better = any(candidate.available for candidate in chain)
            why = "last resort" if better else "nothing better is available here"
            stand_in = replace(stand_in, reason=f"embedded: {why}")
        chain.append(stand_in)
    return tuple(chain)


def embedded_candidate(
    settings: Settings, probes: Probes, *, asked: str = "embedded", fallback: bool = False
) -> Candidate:
    """Return the embedded model as a candidate."""
    own = settings.embedded
    missing = probes.embedded_missing(own.gguf)
    return Candidate(
        asked=asked,
        provider="embedded",
        model=own.gguf.stem if own.gguf else BUILT_IN_WEIGHTS,
        available=missing is None,
        reason=missing or "embedded: asked for by name",
        json_schema=True,
        brief=own.gguf is None if own.brief is None else own.brief,
        context=own.context,
        usd_per_mtok=(0.0, 0.0),
        fallback=fallback,
    )


def doubt_about(provider: str, model: str) -> str:
    """Return that only LiteLLM may know what a route names; empty where it is known here."""
    named = model.partition("/")[0]
    if provider != "litellm" or named in LITELLM_KEYS:
        return ""
    return f"nobody here knows the provider {named!r}, only LiteLLM may"


@dataclass(frozen=True)
class _Here:
    """What one resolution goes by."""

    settings: Settings
    probes: Probes
    brought: Collection[str]
    smallest: str | None


def _ranked(wishes: Wishes) -> tuple[str, ...]:
    wished = [wishes.model or "", *wishes.fallbacks]
    names = [name for name in dict.fromkeys(wished) if name not in _NO_MODEL]
    if wishes.profile in NEAREST_FIRST:
        names.sort(key=lambda name: (not _runs_here(name), _size(name)))
    elif wishes.profile in SMALLEST_FIRST:
        names.sort(key=_size)
    return tuple(names)


def _runs_here(name: str) -> bool:
    known = model_named(name)
    return known.routes[0].provider == "ollama" if known else name.startswith("ollama/")


def _size(name: str) -> int:
    known = model_named(name)
    return SIZES.index(known.size) if known else len(SIZES)


async def _candidates(name: str, place: int, here: _Here) -> list[Candidate]:
    """Return every route to `name` that is open, or one candidate that says why none is."""
    fallback = place > 0
    target = here.settings.aliases.get(name, name)
    if target == "embedded":
        return [embedded_candidate(here.settings, here.probes, asked=name, fallback=fallback)]
    if target in ("manual", "scripted"):
        return [_in_place_of_a_model(name, target, fallback=fallback)]
    known = model_named(target)
    routes = known.routes if known else _routes_as_written(target, here)
    reason = "first choice" if place == 0 else f"fallback {place}"
    found: list[Candidate] = []
    for route in routes:
        missing = _too_small(known, here.smallest) or await _missing(route, here)
        found.append(
            Candidate(
                asked=name,
                provider=route.provider,
                model=route.model,
                available=missing is None,
                reason="; ".join(filter(None, (missing or reason, _doubt(route, here)))),
                json_schema=route.json_schema,
                context=_context(route, known),
                usd_per_mtok=route.usd_per_mtok,
                fallback=fallback,
            )
        )
    if not found:
        problem = "no route to it is known: write provider/model, or map it under [aliases]"
        return [Candidate(name, "", target, available=False, reason=problem, fallback=fallback)]
    if usable := [candidate for candidate in found if candidate.available]:
        return usable
    return [replace(found[0], reason="; ".join(dict.fromkeys(c.reason for c in found)))]


def _in_place_of_a_model(asked: str, provider: str, *, fallback: bool) -> Candidate:
    who = {"manual": "a person", "scripted": "a script"}[provider]
    return Candidate(
        asked=asked,
        provider=provider,
        model=who.removeprefix("a "),
        available=True,
        reason=f"{who} holds this seat",
        usd_per_mtok=(0.0, 0.0),
        fallback=fallback,
    )


def _routes_as_written(target: str, here: _Here) -> tuple[Route, ...]:
    """Return the route that a name not in the registry spells out itself; none if it does not."""
    provider, _, model = target.partition("/")
    if not model:
        return (_ollama(target),) if ":" in target else ()
    own, server = here.settings.providers.get(provider), SERVERS.get(provider)
    if own:
        return (Route(provider, model, own.api_key_env, json_schema=own.json_schema),)
    if server:
        return (Route(provider, model, server.key_env, json_schema=server.json_schema),)
    if provider in here.brought:
        return (Route(provider, model),)
    if provider == "ollama":
        return (_ollama(model),)
    served = model if provider == "litellm" else target
    return (Route("litellm", served, LITELLM_KEYS.get(served.partition("/")[0])),)


def _ollama(tag: str) -> Route:
    return Route("ollama", tag, None, (0.0, 0.0), json_schema=True)


async def _missing(route: Route, here: _Here) -> str | None:
    """Return what stands in the way of asking over this route; None where nothing does."""
    if route.key_env and not here.probes.has_key(route.key_env):
        return f"no {route.key_env}"
    if route.provider in here.settings.providers or route.provider in here.brought:
        return None
    if route.provider == "litellm" and not here.probes.can_import("litellm"):
        return "litellm is not installed: pip install litellm"
    if route.provider == "ollama":
        return await here.probes.ollama_missing(route.model)
    return None


def _doubt(route: Route, here: _Here) -> str:
    doubt = doubt_about(route.provider, route.model)
    named = route.model.partition("/")[0]
    near = get_close_matches(named, {*here.settings.providers, *SERVERS, *LITELLM_KEYS}, n=1)
    return f"{doubt}; did you mean {near[0]!r}?" if doubt and near else doubt


def _too_small(known: Model | None, smallest: str | None) -> str | None:
    if known is None or smallest not in SIZES or known.size not in SIZES:
        return None
    if SIZES.index(known.size) >= SIZES.index(smallest):
        return None
    return f"{known.size}: below the minimum tier {smallest}"


def _context(route: Route, known: Model | None) -> int | None:
    if route.provider == "ollama":
        return min(OLLAMA_CONTEXT, known.context) if known else OLLAMA_CONTEXT
    return known.context if known else None
