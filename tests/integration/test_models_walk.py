"""A chain as the agents wish for it, walked over real sockets until a model answers."""

from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, ask
from ensemble.models.probes import Probes
from ensemble.models.provider import ModelCall
from ensemble.models.providers import close_providers, providers_for
from ensemble.models.selection import Wishes, resolve
from ensemble.testing.model_server import fails, model_server, says
from ensemble.testing.ollama_server import ollama_server

SEED = Wishes(
    model="opus",
    fallbacks=("DeepSeek-V3", "Qwen2.5-Coder-32B", "llama3.3:70b", "gemma3:27b"),
    minimum_tier="medium",
    profile="math_reasoning",
)
CALL = ModelCall("k", (HumanMessage("Is the plan sound?"),))


async def answered(
    wishes: Wishes, settings: Settings, environment: Mapping[str, str] | None = None
) -> Answered:
    """Resolve and walk a chain as a run does."""
    chain = await resolve(wishes, settings=settings, probes=Probes(environment or {}))
    try:
        return await ask(
            chain,
            CALL,
            recorder=Journal("r"),
            providers=providers_for(settings),
        )
    finally:
        await close_providers()


async def speak(body: dict[str, Any]) -> str:
    return "Sound."


async def test_opus_and_its_first_fallback_are_dead_and_the_second_answers() -> None:
    async with model_server(fails(404)) as dead, model_server(says("Sound.")) as alive:
        settings = Settings(
            providers={
                "anthropic": OwnServer(base_url=dead.base_url, api="anthropic"),
                "deepseek": OwnServer(base_url=dead.base_url),
                "openrouter": OwnServer(base_url=alive.base_url),
            },
            aliases={"opus": "anthropic/claude-opus-5-5", "DeepSeek-V3": "deepseek/deepseek-v3.2"},
        )

        done = await answered(SEED, settings)

    assert (done.candidate.asked, done.reply.text) == ("Qwen2.5-Coder-32B", "Sound.")
    assert done.candidate.fallback
    assert [attempt.candidate.asked for attempt in done.attempts] == ["opus", "DeepSeek-V3"]


async def test_a_dead_route_of_litellm_ends_at_ollamas(monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_server(fails(401)) as dead, ollama_server(speak) as ollama:
        monkeypatch.setenv("OPENAI_BASE_URL", dead.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "a key of no worth")
        monkeypatch.setenv("OLLAMA_HOST", ollama.host)
        here = {"OPENAI_API_KEY": "a key of no worth", "OLLAMA_HOST": ollama.host}
        wishes = Wishes("openai/gpt-4o", ("llama3.3:70b",))

        done = await answered(wishes, Settings(), here)

    assert [attempt.candidate.provider for attempt in done.attempts] == ["litellm"]
    assert done.reply.served == "ollama/llama3.3:70b"
    assert "of no worth" not in str(done)
