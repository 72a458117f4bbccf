"""From wishes to a chain, with a reason for each candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ensemble.config import Embedded, Models, Settings
from ensemble.config import Provider as OwnServer
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate, Form
from ensemble.models.selection import Wishes, resolve

SEED = Wishes(
    model="opus",
    fallbacks=("DeepSeek-V3", "Qwen2.5-Coder-32B", "llama3.3:70b", "gemma3:27b"),
    minimum_tier="medium",
    profile="math_reasoning",
)
KEYS = {"ANTHROPIC_API_KEY": "a", "DEEPSEEK_API_KEY": "d", "OPENROUTER_API_KEY": "o"}


class Found(Probes):
    """Probes that found what a test says."""

    def __init__(
        self,
        keys: Mapping[str, str] | None = None,
        *,
        tags: Sequence[str] | None = None,
        embedded: bool = True,
    ) -> None:
        super().__init__(keys or {})
        self._tags = None if tags is None else tuple(tags)
        self._asked_ollama = True
        self._embedded = embedded

    def embedded_missing(self, gguf: Path | None) -> str | None:  # noqa: ARG002 - as its parent
        return None if self._embedded else "no embedded engine"


async def chain_of(
    wishes: Wishes, found: Probes | None = None, settings: Settings | None = None, **given: Any
) -> tuple[Candidate, ...]:
    return await resolve(wishes, settings=settings or Settings(), probes=found or Found(), **given)


def open_routes(chain: Sequence[Candidate]) -> list[str]:
    return [f"{c.provider}/{c.model}" for c in chain if c.available]


async def test_the_pinned_model_comes_first_then_its_fallbacks_then_the_embedded() -> None:
    chain = await chain_of(SEED, Found(KEYS, tags=["llama3.3:70b", "gemma3:27b"]))

    assert open_routes(chain) == [
        "anthropic/claude-opus-5-5",
        "openrouter/anthropic/claude-opus-5.5",
        "deepseek/deepseek-v3.2",
        "openrouter/deepseek/deepseek-chat-v3-0324",
        "openrouter/qwen/qwen-2.5-coder-32b-instruct",
        "ollama/llama3.3:70b",
        "openrouter/meta-llama/llama-3.3-70b-instruct",
        "ollama/gemma3:27b",
        "openrouter/google/gemma-3-27b-it",
        "embedded/SmolLM2-135M-Instruct",
    ]
    assert chain[0].reason == "first choice"
    assert chain[-1].reason == "embedded: last resort"


async def test_without_keys_or_ollama_each_candidate_says_what_is_missing() -> None:
    chain = await chain_of(SEED)

    assert [candidate.asked for candidate in chain] == [
        "opus",
        "DeepSeek-V3",
        "Qwen2.5-Coder-32B",
        "llama3.3:70b",
        "gemma3:27b",
        "embedded",
    ]
    assert chain[0].reason == "no ANTHROPIC_API_KEY; no OPENROUTER_API_KEY"
    assert chain[3].reason.startswith("Ollama does not answer at 127.0.0.1:11434")
    assert open_routes(chain) == ["embedded/SmolLM2-135M-Instruct"]
    assert chain[-1].reason == "embedded: nothing better is available here"


async def test_only_the_first_wish_is_no_fallback() -> None:
    chain = await chain_of(SEED, Found(KEYS))

    assert {candidate.asked for candidate in chain if not candidate.fallback} == {"opus"}


async def test_a_model_that_is_not_pulled_says_how_to_pull_it() -> None:
    chain = await chain_of(Wishes("llama3.3:70b"), Found(tags=["gemma3:27b"]))

    assert chain[0].reason.startswith("not pulled: ollama pull llama3.3:70b")


async def test_a_tag_without_a_name_is_the_latest() -> None:
    chain = await chain_of(Wishes(chain=("ollama/phi4",)), Found(tags=["phi4:latest"]))

    assert open_routes(chain) == ["ollama/phi4"]


async def test_ollama_is_given_a_window_that_fits_into_memory() -> None:
    chain = await chain_of(
        Wishes(chain=("llama3.3:70b", "phi4:14b")), Found(tags=["llama3.3:70b", "phi4:14b"])
    )

    assert [candidate.context for candidate in chain] == [16_384, 16_384]


async def test_models_below_the_minimum_size_are_passed_over() -> None:
    wishes = Wishes("qwen3:8b", ("qwen3:32b",), minimum_tier="medium")

    chain = await chain_of(wishes, Found(tags=["qwen3:8b", "qwen3:32b"]))

    assert chain[0].reason == "small: below the minimum tier medium"
    assert open_routes(chain)[0] == "ollama/qwen3:32b"


@pytest.mark.parametrize("profile", ["budget", "interactive", None])
async def test_no_profile_moves_a_wish(profile: str | None) -> None:
    wishes = Wishes("opus", ("gemma3:27b",), profile=profile)

    chain = await chain_of(wishes, Found(KEYS, tags=["gemma3:27b"]))

    asked = dict.fromkeys(candidate.asked for candidate in chain)
    assert list(asked) == ["opus", "gemma3:27b", "embedded"]


@pytest.mark.parametrize(
    ("profile", "first"),
    [("budget", "gpt-oss:20b"), ("math_reasoning", "opus"), ("no such", "sonnet")],
)
async def test_where_no_wish_is_available_the_profile_goes_on(profile: str, first: str) -> None:
    found = Found({"ANTHROPIC_API_KEY": "a"}, tags=["gpt-oss:20b"])

    chain = await chain_of(Wishes("qwen3:32b", ("sonnet-typo",), profile=profile), found)
    here = [candidate for candidate in chain if candidate.available]

    assert [candidate.asked for candidate in chain[:2]] == ["qwen3:32b", "sonnet-typo"]
    assert (here[0].asked, here[0].fallback) == (first, True)
    assert here[0].reason == f"by the profile {profile}"
    assert here[-1].provider == "embedded"


@pytest.mark.parametrize("wishes", [Wishes(), Wishes("inherit"), Wishes("")])
async def test_no_wish_is_served_by_the_embedded_model(wishes: Wishes) -> None:
    chain = await chain_of(wishes)

    assert open_routes(chain) == ["embedded/SmolLM2-135M-Instruct"]
    assert not chain[0].fallback


@pytest.mark.parametrize(
    ("name", "route"),
    [("manual", "manual/person"), ("scripted", "scripted/script"), ("embedded", "embedded/")],
)
async def test_a_chain_given_outright_replaces_the_wishes(name: str, route: str) -> None:
    chain = await chain_of(Wishes("opus", ("sonnet",), chain=(name,)), Found(KEYS))

    assert len(chain) == 1
    assert open_routes(chain)[0].startswith(route)
    assert not chain[0].fallback


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("anthropic/claude-haiku-5-5", "anthropic/claude-haiku-5-5"),
        ("litellm/anthropic/claude-haiku-5-5", "litellm/anthropic/claude-haiku-5-5"),
        ("openrouter/qwen/qwen3-8b", "openrouter/qwen/qwen3-8b"),
        ("mine/any/model", "mine/any/model"),
        ("brought/x", "brought/x"),
        ("OPUS", "anthropic/claude-opus-5-5"),
    ],
)
async def test_a_route_may_be_written_out(written: str, route: str) -> None:
    settings = Settings(providers={"mine": OwnServer(base_url="http://127.0.0.1:1/v1")})

    chain = await chain_of(Wishes(chain=(written,)), Found(KEYS), settings, brought=("brought",))

    assert open_routes(chain)[0] == route


async def test_a_server_of_the_settings_needs_its_key() -> None:
    own = OwnServer(base_url="http://127.0.0.1:1/v1", api_key_env="MY_KEY", form="text")

    chain = await chain_of(Wishes(chain=("mine/m",)), settings=Settings(providers={"mine": own}))

    assert (chain[0].available, chain[0].reason) == (False, "no MY_KEY")
    assert chain[0].form is Form.TEXT


async def test_a_mistyped_provider_cannot_be_asked_and_the_nearest_is_named() -> None:
    settings = Settings(providers={"stub": OwnServer(base_url="http://127.0.0.1:1/v1")})

    mistyped = await chain_of(Wishes(chain=("stubb/a",)), settings=settings)
    other = await chain_of(Wishes(chain=("qqq/a",)), settings=settings)
    litellms = await chain_of(Wishes(chain=("hosted_vllm/a",)), settings=settings)

    assert not mistyped[0].available
    assert mistyped[0].reason == "no provider is called 'stubb'; did you mean 'stub'?"
    assert "no provider is called 'qqq'; use one of:" in other[0].reason
    assert ", stub, " in other[0].reason
    assert litellms[0].available


async def test_an_alias_leads_elsewhere_and_keeps_the_name_that_was_asked() -> None:
    settings = Settings(aliases={"opus": "embedded"})

    chain = await chain_of(Wishes(chain=("opus",)), settings=settings)

    assert (chain[0].asked, chain[0].provider) == ("opus", "embedded")


async def test_an_alias_that_leads_nowhere_is_said_once_and_with_its_target() -> None:
    settings = Settings(aliases={"opus": "nix"})

    chain = await chain_of(Wishes("opus"), settings=settings, every=True)

    (opus,) = [candidate for candidate in chain if candidate.asked == "opus"]
    assert opus.reason.endswith(".toml maps it to 'nix', which has no route")


async def test_a_server_that_is_wished_for_by_an_alias_is_not_added_once_more() -> None:
    mine = OwnServer(base_url="http://127.0.0.1:1/v1")
    also = Models(also=("mine/m",), unasked=False)
    settings = Settings(providers={"mine": mine}, aliases={"opus": "mine/m"}, models=also)

    chain = await chain_of(Wishes("opus"), settings=settings)

    assert open_routes(chain) == ["mine/m", "embedded/SmolLM2-135M-Instruct"]


async def test_a_name_that_nobody_knows_says_what_to_write() -> None:
    chain = await chain_of(Wishes(chain=("gpt-unheard-of",)))

    assert not chain[0].available
    assert "write provider/model" in chain[0].reason


async def test_better_weights_of_the_users_own_are_not_brief() -> None:
    settings = Settings(embedded=Embedded(gguf=Path("qwen3-8b.gguf"), context=32768))

    chain = await chain_of(Wishes(chain=("embedded",)), settings=settings)

    assert (chain[0].model, chain[0].brief, chain[0].context) == ("qwen3-8b", False, 32768)


async def test_the_built_in_weights_are_brief_unless_the_settings_say_otherwise() -> None:
    told = Settings(embedded=Embedded(brief=False))

    built_in = await chain_of(Wishes())
    settled = await chain_of(Wishes(), settings=told)

    assert (built_in[0].brief, settled[0].brief) == (True, False)


async def test_priorities_break_the_ties_of_a_profile() -> None:
    wishes = Wishes(profile="exploration", priorities=("cost",))
    found = Found({"GROQ_API_KEY": "g", "ANTHROPIC_API_KEY": "a"})

    cheap = await chain_of(wishes, found)
    good = await chain_of(replace(wishes, profile="interactive"), found)

    assert cheap[0].asked == "gpt-oss:20b"
    assert good[0].asked == "haiku"


async def test_the_profile_keeps_to_the_minimum_size_and_says_so_where_all_is_listed() -> None:
    wishes = Wishes(profile="budget", minimum_tier="large")

    chain = await chain_of(wishes, Found(tags=["qwen3:8b", "gpt-oss:120b"]), every=True)
    why = {candidate.asked: candidate.reason for candidate in chain}

    assert open_routes(chain)[0] == "ollama/gpt-oss:120b"
    assert why["qwen3:8b"] == "small: below the minimum tier large"
    assert why["opus"] == "no ANTHROPIC_API_KEY; no OPENROUTER_API_KEY"


async def test_what_the_settings_add_comes_before_the_embedded_model() -> None:
    settings = Settings(
        providers={"mine": OwnServer(base_url="http://127.0.0.1:1/v1")},
        models=Models(also=("mine/a", "opus")),
    )

    chain = await chain_of(Wishes("opus"), Found(KEYS), settings)

    assert open_routes(chain)[-2:] == ["mine/a", "embedded/SmolLM2-135M-Instruct"]
    assert chain[-2].reason == "added by the settings"


async def test_the_settings_may_forbid_what_nobody_wished_for() -> None:
    settings = Settings(models=Models(unasked=False, embedded=False))

    chain = await chain_of(Wishes("qwen3:8b"), Found(KEYS), settings)

    assert open_routes(chain) == []
    assert chain[-1].reason == "embedded: the settings do not allow it"


@pytest.mark.parametrize("written", ["opus", "Opus", "claude-opus-5-5"])
async def test_any_name_may_be_remapped_in_whatever_case(written: str) -> None:
    settings = Settings(aliases={written.upper(): "ollama/phi4"})

    chain = await chain_of(Wishes(chain=(written,)), Found(KEYS, tags=["phi4"]), settings)

    assert open_routes(chain) == ["ollama/phi4"]


async def test_a_route_written_out_is_priced_by_litellms_table() -> None:
    chain = await chain_of(
        Wishes(chain=("gemini/gemini-2.5-flash",)), Found({"GEMINI_API_KEY": "g"})
    )

    assert open_routes(chain) == ["litellm/gemini/gemini-2.5-flash"]
    assert chain[0].usd_per_mtok == (0.3, 2.5)
    assert (chain[0].context, chain[0].form) == (1_048_576, Form.SCHEMA)


async def test_an_embedded_model_that_is_missing_says_why() -> None:
    chain = await chain_of(SEED, Found(embedded=False))

    assert open_routes(chain) == []
    assert chain[-1].reason == "no embedded engine"


async def test_a_server_of_the_settings_has_the_window_and_price_that_they_give_it() -> None:
    own = OwnServer(base_url="http://127.0.0.1:1/v1", context=16384, usd_per_mtok=(0.5, 1.5))

    chain = await chain_of(Wishes(chain=("mine/m",)), settings=Settings(providers={"mine": own}))

    assert (chain[0].context, chain[0].usd_per_mtok) == (16384, (0.5, 1.5))


async def test_without_a_given_window_the_server_of_the_settings_is_asked() -> None:
    class Tells(Found):
        async def window(self, server: OwnServer, model: str) -> int | None:  # noqa: ARG002
            return 4096 if model == "m" else None

    settings = Settings(providers={"mine": OwnServer(base_url="http://127.0.0.1:1/v1")})

    chain = await chain_of(Wishes(chain=("mine/m", "mine/n")), Tells(), settings)

    assert [candidate.context for candidate in chain] == [4096, None]


async def test_where_money_is_limited_a_model_without_a_price_makes_room_for_the_profiles() -> None:
    settings = Settings(providers={"mine": OwnServer(base_url="http://127.0.0.1:1/v1")})

    chain = await chain_of(Wishes("mine/m"), Found(tags=["qwen3:8b"]), settings, unpriced=False)

    assert "`limits.usd` is set" in chain[0].reason
    assert open_routes(chain) == ["ollama/qwen3:8b", "embedded/SmolLM2-135M-Instruct"]
