"""The table of models: what its data holds, and how it ranks."""

import pytest

from ensemble.checks.words import PRIORITIES
from ensemble.checks.words import PROFILES as WORDS
from ensemble.models.registry import (
    MODELS,
    PROFILES,
    PROVIDERS,
    SIZES,
    Route,
    model_at,
    model_behind,
    model_named,
    ranked,
)

ROUTES = [(name, route) for name, model in MODELS.items() for route in model.routes]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_found_in_whatever_case_it_is_written(name: str) -> None:
    assert model_named(name.upper()) is MODELS[name]


def test_a_model_that_is_not_in_the_table_is_not_guessed() -> None:
    assert model_named("gpt-unheard-of") is None


@pytest.mark.parametrize(("alias", "name"), [("Claude-Opus", "opus"), ("kimi", "Kimi-K2-Thinking")])
def test_a_model_is_found_by_its_aliases(alias: str, name: str) -> None:
    assert model_named(alias) is MODELS[name]


@pytest.mark.parametrize(
    ("served", "name"),
    [
        ("anthropic/claude-opus-5-5", "opus"),
        ("openrouter/anthropic/claude-opus-5.5", "opus"),
        ("litellm/openrouter/anthropic/claude-opus-5.5", "opus"),
        ("mine/Qwen3:8B", "qwen3:8b"),
        ("litellm/gemini/unheard-of", "gemini/unheard-of"),
        ("mine/default", "mine/default"),
    ],
)
def test_a_model_is_the_same_over_whatever_route(served: str, name: str) -> None:
    assert model_behind(served) == name


def test_no_name_means_two_models() -> None:
    names = [name.lower() for model in MODELS.values() for name in (model.name, *model.aliases)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_a_known_size_a_route_and_abilities(name: str) -> None:
    model = MODELS[name]

    assert model.size in SIZES
    assert model.routes
    assert set(model.can) <= {"tools", "json_schema", "streaming"}


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_each_figure_says_where_it_comes_from_and_when(name: str, route: Route) -> None:
    model = MODELS[name]

    assert (route.usd_per_mtok is None) is (route.price_from is None)
    assert bool(model.scores) is (model.scores_from is not None)
    assert all(0 < score <= 100 for score in model.scores.values())


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_each_route_leads_to_a_known_provider_under_its_own_key(name: str, route: Route) -> None:
    assert route.key_env == PROVIDERS[route.provider].key_env
    assert model_at(route.provider, route.model) is MODELS[name]


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_only_what_runs_here_is_free(name: str, route: Route) -> None:
    assert (route.usd_per_mtok == (0.0, 0.0)) is (route.provider == "ollama")


def test_every_profile_of_the_agent_format_ranks() -> None:
    assert set(PROFILES) == set(WORDS)


@pytest.mark.parametrize("profile", [*PROFILES, "unheard of", None])
def test_a_profile_ranks_every_model_once(profile: str | None) -> None:
    order = [model.name for model in ranked(profile, PRIORITIES)]

    assert sorted(order) == sorted(MODELS)


@pytest.mark.parametrize(
    ("profile", "before", "after"),
    [
        ("quality_critical", "opus", "sonnet"),
        ("quality_critical", "qwen3:8b", "qwen3:32b"),  # which has no score
        ("budget", "qwen3:8b", "haiku"),
        ("budget", "haiku", "opus"),
        ("budget", "opus", "Kimi-K2-Thinking"),  # whose price is not known
        ("interactive", "gemma3:4b", "opus"),
        ("balanced", "opus", "haiku"),
        ("documentation", "Kimi-K2-Thinking", "haiku"),
    ],
)
def test_a_profile_prefers(profile: str, before: str, after: str) -> None:
    order = [model.name for model in ranked(profile)]

    assert order.index(before) < order.index(after)


def test_priorities_break_ties_only() -> None:
    quick = [model.name for model in ranked("exploration", ("speed", "quality"))]

    assert quick[:3] == ["qwen3:8b", "gemma3:4b", "llama3.2:3b"]
