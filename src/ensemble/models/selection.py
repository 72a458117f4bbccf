"""From what an agent wishes for to the chain of models that can really be asked.

One precedence: the pinned model; its fallbacks as written; where none of these is available,
every other model in the order of the profile, its ties broken by the agent's priorities; what
the user's settings add; the embedded model last, if allowed. A minimum size passes over smaller
models. Every candidate carries the reason why it is where it is, and one that cannot be asked
the reason for that. Asks nobody but Ollama on its own host; has never heard of agents.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings, settings_file
from ensemble.errors import closest
from ensemble.models.cost import without_unpriced
from ensemble.models.forms import Forms
from ensemble.models.price_table import listed, vendors
from ensemble.models.probes import Probes
from ensemble.models.provider import EMBEDDED, Candidate, Form
from ensemble.models.providers import BUILT_IN
from ensemble.models.registry import (
    LITELLM_KEYS,
    NO_MODEL,
    PROVIDERS,
    SIZES,
    Known,
    Model,
    Route,
    model_named,
    ranked,
)

BUILT_IN_WEIGHTS: Final = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Wishes:
    """What an agent, a scenario or the user asks for."""

    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    minimum_tier: str | None = None
    """The smallest size class that will do: `tiny`, `small`, `medium` or `large`."""
    profile: str | None = None
    """The ranking that the file names for this run's situation, e.g. `budget`."""
    priorities: tuple[str, ...] = ()
    """What breaks the ties of that ranking, e.g. `math`."""
    chain: tuple[str, ...] = ()
    """Set by a scenario or the command line: exactly these, in place of all the above."""


async def resolve(
    wishes: Wishes,
    *,
    settings: Settings,
    probes: Probes,
    brought: Collection[str] = (),
    every: bool = False,
    unpriced: bool = True,
) -> tuple[Candidate, ...]:
    """Return the chain for one seat: what to ask, in order, and why.

    Wishes that cannot be asked here and now are listed too, with `available=False`.

    Args:
        wishes: what is asked for.
        settings: the user's, with their servers, aliases and further models.
        probes: what is there.
        brought: providers that the caller brings to the run; `NAME/model` names one.
        every: list also the models of the profile that cannot be asked.
        unpriced: whether a model may be asked whose price is not known.
    """
    smallest = None if wishes.chain else wishes.minimum_tier
    here = _Here(settings, probes, brought, smallest, Forms(settings), unpriced)
    wished = wishes.chain or _wished(wishes)
    chain: list[Candidate] = []
    for place, name in enumerate(wished):
        reason = "first choice" if place == 0 else f"fallback {place}"
        chain += await _candidates(name, reason, here, fallback=place > 0)
    if wishes.chain:
        return tuple(chain)
    if settings.models.unasked and not any(candidate.available for candidate in chain):
        chain += await _by_profile(wishes, here, every=every)
    for name in settings.models.also:
        if here.led(name) not in map(here.led, wished):
            chain += await _candidates(name, "added by the settings", here, fallback=bool(wished))
    better = any(candidate.available for candidate in chain)
    return (*chain, _last(settings, probes, fallback=bool(wished), better=better))


def embedded_candidate(
    settings: Settings, probes: Probes, *, asked: str = EMBEDDED, fallback: bool = False
) -> Candidate:
    """Return the embedded model as a candidate."""
    own = settings.embedded
    missing = probes.embedded_missing(own.gguf)
    return Candidate(
        asked=asked,
        provider=EMBEDDED,
        model=own.gguf.stem if own.gguf else BUILT_IN_WEIGHTS,
        available=missing is None,
        reason=missing or "embedded: asked for by name",
        form=Form.SCHEMA,
        brief=own.gguf is None if own.brief is None else own.brief,
        context=own.context,
        usd_per_mtok=(0.0, 0.0),
        fallback=fallback,
    )


@dataclass(frozen=True)
class _Here:
    """What one resolution goes by."""

    settings: Settings
    probes: Probes
    brought: Collection[str]
    smallest: str | None
    forms: Forms
    unpriced: bool

    def led(self, name: str) -> str:
        """Return where the user's aliases lead a name, in whatever case it is written."""
        aliases = self.settings.aliases
        return aliases.get(name) or next(
            (target for alias, target in aliases.items() if alias.lower() == name.lower()), name
        )


def _wished(wishes: Wishes) -> tuple[str, ...]:
    names = dict.fromkeys((wishes.model or "", *wishes.fallbacks))
    return tuple(name for name in names if name not in NO_MODEL)


async def _by_profile(wishes: Wishes, here: _Here, *, every: bool) -> list[Candidate]:
    """Return the models that nobody wished for, in the order of the profile."""
    wished = _wished(wishes)
    names = (*wished, *map(here.led, wished))
    known = {model.name for name in names if (model := model_named(name))}
    reason = f"by the profile {wishes.profile or 'balanced'}"
    found: list[Candidate] = []
    for model in ranked(wishes.profile, wishes.priorities):
        if model.name not in known:
            found += await _candidates(model.name, reason, here, fallback=bool(wished))
    return [candidate for candidate in found if every or candidate.available]


def _last(settings: Settings, probes: Probes, *, fallback: bool, better: bool) -> Candidate:
    """Return the embedded model as the last resort."""
    stand_in = embedded_candidate(settings, probes, fallback=fallback)
    if not settings.models.embedded:
        return replace(stand_in, available=False, reason="embedded: the settings do not allow it")
    if not stand_in.available:
        return stand_in
    why = "last resort" if better else "nothing better is available here"
    return replace(stand_in, reason=f"embedded: {why}")


async def _candidates(name: str, reason: str, here: _Here, *, fallback: bool) -> list[Candidate]:
    """Return every route to `name` that is open, or one candidate that says why none is."""
    target = here.led(name)
    if target == EMBEDDED:
        return [embedded_candidate(here.settings, here.probes, asked=name, fallback=fallback)]
    if holder := PROVIDERS.get(target, Known()).holder:
        return [_in_place_of_a_model(name, target, holder, fallback=fallback)]
    known = model_named(target)
    found: list[Candidate] = []
    for route in known.routes if known else _routes_as_written(target, here):
        missing = _too_small(known, here.smallest) or await _missing(route, here)
        made = _candidate(name, route, known, missing or reason, fallback=fallback)
        found.append(made if missing is None else replace(made, available=False))
    if not found:
        problem = "no route to it is known: write provider/model, or map it under [aliases]"
        if target != name:
            problem = f"{settings_file().name} maps it to {target!r}, which has no route"
        return [Candidate(name, "", target, available=False, reason=problem, fallback=fallback)]
    if usable := [candidate for candidate in found if candidate.available]:
        known_of = [await _as_found(await _as_told(c, here), here) for c in usable]
        return known_of if here.unpriced else list(without_unpriced(known_of))
    return [replace(found[0], reason="; ".join(dict.fromkeys(c.reason for c in found)))]


def _candidate(
    asked: str, route: Route, known: Model | None, reason: str, *, fallback: bool
) -> Candidate:
    windows = (known and known.context, PROVIDERS.get(route.provider, Known()).context)
    return Candidate(
        asked=asked,
        provider=route.provider,
        model=route.model,
        available=True,
        reason=reason,
        form=route.form,
        context=min(filter(None, windows), default=None),
        usd_per_mtok=route.usd_per_mtok,
        usd_cached_per_mtok=route.usd_cached_per_mtok,
        fallback=fallback,
    )


async def _as_told(candidate: Candidate, here: _Here) -> Candidate:
    """Return the candidate with what the settings, its server or litellm's table tell of it."""
    own = here.settings.providers.get(candidate.provider)
    if own is None:
        return _as_listed(candidate, here)
    window = own.context or await here.probes.window(own, candidate.model)
    return replace(candidate, context=window or candidate.context)


def _as_listed(candidate: Candidate, here: _Here) -> Candidate:
    """Return the candidate with what only litellm's table knows of it."""
    known = (candidate.form is Form.SCHEMA, candidate.context, candidate.usd_per_mtok is not None)
    if all(known) or candidate.provider in here.brought:
        return candidate
    entry = listed(candidate.provider, candidate.model)
    if entry is None:
        return candidate
    return replace(
        candidate,
        usd_per_mtok=candidate.usd_per_mtok or entry.usd_per_mtok,
        usd_cached_per_mtok=candidate.usd_cached_per_mtok or entry.usd_cached_per_mtok,
        context=candidate.context or entry.context,
        form=min(candidate.form, entry.form, key=list(Form).index),
    )


async def _as_found(candidate: Candidate, here: _Here) -> Candidate:
    """Return the candidate with the form that was found out, where the settings state none."""
    if here.forms.stated(candidate):
        return candidate
    version = await here.probes.version(candidate.provider, candidate.model)
    found = here.forms.of(candidate, version)
    return replace(candidate, form=found.form) if found else candidate


def _in_place_of_a_model(asked: str, provider: str, holder: str, *, fallback: bool) -> Candidate:
    return Candidate(
        asked=asked,
        provider=provider,
        model=holder.removeprefix("a "),
        available=True,
        reason=f"{holder} holds this seat",
        usd_per_mtok=(0.0, 0.0),
        fallback=fallback,
    )


def _routes_as_written(target: str, here: _Here) -> tuple[Route, ...]:
    """Return the route that a name not in the registry spells out itself; none if it does not."""
    provider, _, model = target.partition("/")
    if not model:
        # A tag as Ollama writes it.
        return _routes_as_written(f"ollama/{target}", here) if ":" in target else ()
    if own := here.settings.providers.get(provider):
        form = _form_of(own, model)
        return (Route(provider, model, own.api_key_env, own.usd_per_mtok, form=form),)
    if provider == "litellm" or provider not in {*PROVIDERS, *BUILT_IN, *here.brought}:
        served = model if provider == "litellm" else target
        return (Route("litellm", served, LITELLM_KEYS.get(served.partition("/")[0])),)
    at = PROVIDERS.get(provider, Known())
    free = (0.0, 0.0) if at.local else None
    form = Form.SCHEMA if at.json_schema else Form.TEXT
    return (Route(provider, model, at.key_env, free, form=form),)


def _form_of(own: OwnServer, model: str) -> Form:
    """Return the form that a server of the settings is asked in until more is found out."""
    if own.form:
        return Form(own.form)
    # Only Anthropic's own models are known to be held to a schema by its API.
    called = own.api == "anthropic" and not model.startswith("claude")
    return Form.TOOL_CALL if called else Form.SCHEMA


async def _missing(route: Route, here: _Here) -> str | None:
    """Return what stands in the way of asking over this route; None where nothing does."""
    own = here.settings.providers.get(route.provider)
    key = own.api_key_env if own else route.key_env
    if key and not here.probes.has_key(key):
        return f"no {key}"
    if own:
        return None
    at = PROVIDERS.get(route.provider, Known())
    if at.package and not here.probes.can_import(at.package):
        return f"{at.package} is not installed: pip install {at.package}"
    if unknown := _unknown_to_litellm(route, here):
        return unknown
    return await here.probes.missing(route.provider, route.model)


def _unknown_to_litellm(route: Route, here: _Here) -> str | None:
    """Return that nobody has a provider of the name that a route begins with."""
    named, _, model = route.model.partition("/")
    if route.provider != "litellm" or not model or named in {*LITELLM_KEYS, *vendors()}:
        return None
    known = {*here.settings.providers, *PROVIDERS, *LITELLM_KEYS}
    return f"no provider is called {named!r}; {closest(named, known)}"


def _too_small(known: Model | None, smallest: str | None) -> str | None:
    if known is None or smallest not in SIZES or known.size not in SIZES:
        return None
    if SIZES.index(known.size) >= SIZES.index(smallest):
        return None
    return f"{known.size}: below the minimum tier {smallest}"
