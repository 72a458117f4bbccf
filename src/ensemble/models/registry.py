"""What is known of models and providers: routes, sizes, abilities, scores, prices, rankings.

The knowledge itself is data, in `models.toml` beside this module. A name that is not there can
still be written as `provider/model`. A price that has no source is unknown, never zero.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ensemble.models.provider import Form

NO_MODEL: Final = ("", "inherit")
"""What an agent's file may say in place of a model."""
SIZES: Final = ("tiny", "small", "medium", "large")
"""The size classes that an agent's `minimum_tier` names, smallest first."""


@dataclass(frozen=True)
class Source:
    """Where a figure comes from."""

    what: str
    date: str


@dataclass(frozen=True)
class Known:
    """What is known of a provider; one that is not in the data is asked all the same."""

    base_url: str = ""
    """Of a hosted server; empty for any other provider."""
    key_env: str | None = None
    """The variable that holds the key."""
    api: Literal["openai", "anthropic"] = "openai"
    """What its server speaks."""
    json_schema: bool = False
    """Whether it holds answers to a JSON schema."""
    package: str = ""
    """What must be installed."""
    local: bool = False
    """Runs here: costs nothing, and has what was pulled."""
    context: int | None = None
    """The largest window to ask for."""
    holder: str = ""
    """Who answers in place of a model: the provider's name alone is then a whole route."""


@dataclass(frozen=True)
class Route:
    """One place where a model can be had."""

    provider: str
    model: str
    key_env: str | None = None
    usd_per_mtok: tuple[float, float] | None = None
    """Input and output price of a million tokens; None where unknown."""
    price_from: Source | None = None
    usd_cached_per_mtok: tuple[float, float] | None = None
    """Price of a million input tokens read from, and written to, a prompt cache."""
    form: Form = Form.TEXT
    """How answers are asked for, by what is claimed of provider and model."""


@dataclass(frozen=True)
class Model:
    """A model by the name that agent files use."""

    name: str
    size: str
    context: int
    routes: tuple[Route, ...]
    aliases: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    """`tools`, `json_schema`, `streaming`: what it can do, wherever it is had."""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    """`score`, and for each task the share of compared models that it leaves behind, in percent."""
    scores_from: Source | None = None
    sampling: bool = True
    """Whether it takes a temperature."""
    effort: str | None = None
    """How hard to think, for one that always does."""


def model_named(name: str) -> Model | None:
    """Return what is known of a model by its name or an alias, in whatever case."""
    return _BY_LOWER.get(name.lower())


def model_at(provider: str, model: str) -> Model | None:
    """Return what is known of the model that a route leads to."""
    return _BY_ROUTE.get((provider, model))


def model_behind(served: str) -> str:
    """Return what tells a model from others, over whatever route it was had.

    That is its name in the table; of a model that is not there, the route alone.
    """
    route = served.removeprefix("litellm/")
    provider, _, model = route.partition("/")
    known = model_at(provider, model) or model_named(model.rpartition("/")[2])
    return known.name if known else route


def ranked(profile: str | None, priorities: tuple[str, ...] = ()) -> list[Model]:
    """Return every model in the order of a profile, ties broken by an agent's priorities.

    An unknown profile ranks as `balanced`, an unknown priority not at all.
    """
    named = (*PROFILES.get(profile or "", PROFILES["balanced"]), *priorities)
    words = [_PRIORITIES.get(word, word) for word in named]
    return sorted(MODELS.values(), key=lambda model: tuple(_key(word, model) for word in words))


def _key(word: str, model: Model) -> float:
    """Return where a model stands by one word, the best lowest."""
    if word in _BY_WORD:
        return _BY_WORD[word](model)
    return -model.scores.get(word, -1.0)


def _price(model: Model) -> float:
    """Return the lowest known price of a call that sends three tokens for each one it gets."""
    known = [route.usd_per_mtok for route in model.routes if route.usd_per_mtok is not None]
    return min((3 * sent + said for sent, said in known), default=float("inf"))


_BY_WORD: Final[dict[str, Callable[[Model], float]]] = {
    "small": lambda model: SIZES.index(model.size),
    "large": lambda model: -SIZES.index(model.size),
    "price": _price,
    "local": lambda model: not PROVIDERS[model.routes[0].provider].local,
}


def _model(name: str, told: dict[str, Any]) -> Model:
    scores = {
        task: round(100 * (1 - at / of), 1) for task, (at, of) in told.pop("ranks", {}).items()
    }
    if "score" in told:
        scores["score"] = told.pop("score")
    return Model(
        name=name,
        routes=tuple(_route(route, told["can"]) for route in told.pop("routes")),
        aliases=tuple(told.pop("aliases", ())),
        can=tuple(told.pop("can")),
        scores=scores,
        scores_from=SOURCES.get(told.pop("scores_from", "")),
        **told,
    )


def _route(told: dict[str, Any], can: list[str]) -> Route:
    at = PROVIDERS[told["provider"]]
    usd, source = told.get("usd"), SOURCES.get(told.get("price_from", ""))
    if at.local:
        usd, source = (0.0, 0.0), SOURCES["local"]
    return Route(
        told["provider"],
        told["model"],
        at.key_env,
        (usd[0], usd[1]) if usd else None,
        source,
        tuple(told["usd_cached"]) if "usd_cached" in told else None,
        form=_claimed(at, can),
    )


def _claimed(at: Known, can: list[str]) -> Form:
    # Ollama's grammar holds any model; a vendor's own has to know how.
    if at.json_schema and (at.local or "json_schema" in can):
        return Form.SCHEMA
    return Form.TOOL_CALL if "tools" in can else Form.TEXT


_DATA: Final = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))
SOURCES: Final = {name: Source(**told) for name, told in _DATA["sources"].items()}
PROVIDERS: Final = {name: Known(**told) for name, told in _DATA["providers"].items()}
SERVERS: Final = {name: known for name, known in PROVIDERS.items() if known.base_url}
"""The hosted servers."""
LITELLM_KEYS: Final[dict[str, str]] = _DATA["litellm_keys"]
"""Providers that litellm serves, and the variable that holds each one's key."""
PROFILES: Final = {name: tuple(words) for name, words in _DATA["profiles"].items()}
"""How each profile ranks models."""
_PRIORITIES: Final[dict[str, str]] = _DATA["priorities"]
MODELS: Final = {name: _model(name, told) for name, told in _DATA["models"].items()}
_BY_LOWER: Final = {
    name.lower(): model for model in MODELS.values() for name in (*model.aliases, model.name)
}
_BY_ROUTE: Final = {
    (route.provider, route.model): model for model in MODELS.values() for route in model.routes
}
