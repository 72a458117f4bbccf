"""The table of models."""

import pytest

from ensemble.models.registry import LITELLM_KEYS, MODELS, SERVERS, SIZES, Route, model_named

ROUTES = [(name, route) for name, model in MODELS.items() for route in model.routes]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_found_in_whatever_case_it_is_written(name: str) -> None:
    assert model_named(name.upper()) is MODELS[name]


def test_a_model_that_is_not_in_the_table_is_not_guessed() -> None:
    assert model_named("gpt-unheard-of") is None


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_a_known_size_and_a_route(name: str) -> None:
    assert MODELS[name].size in SIZES
    assert MODELS[name].routes


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_each_route_leads_to_a_known_provider_under_its_own_key(name: str, route: Route) -> None:
    if route.provider in SERVERS:
        assert route.key_env == SERVERS[route.provider].key_env
    elif route.provider == "litellm":
        assert route.key_env == LITELLM_KEYS[route.model.partition("/")[0]]
    else:
        assert (route.provider, route.key_env) == ("ollama", None)


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_only_what_runs_here_is_free(name: str, route: Route) -> None:
    assert (route.usd_per_mtok == (0.0, 0.0)) is (route.provider == "ollama")
