"""A chain as the agents wish for it, walked over real sockets until a model answers."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
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
from ensemble.report.text import screen
from ensemble.scenarios.run import run_scenario
from ensemble.testing.fault_server import fault_server
from ensemble.testing.faults import Refuses, Says
from ensemble.testing.model_server import fails, model_server, says
from ensemble.testing.ollama_server import ollama_server

SEED = Wishes(
    model="opus",
    fallbacks=("DeepSeek-V3", "Qwen2.5-Coder-32B", "llama3.3:70b", "gemma3:27b"),
    minimum_tier="medium",
    profile="math_reasoning",
)
SCENARIO = """\
schema: ensemble/scenario@1
name: seat
task: May it be promoted?
choices: [promote, reject]
graph: solo
cast: {expert: ml-engineer}
"""
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


async def test_a_seat_of_the_seed_is_answered_by_the_third_and_the_result_shows_the_walk(
    seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = a_project(tmp_path, seed)
    sound = json.dumps({"result": "sound", "confidence": "high", "position": "promote"})
    for key in ("ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(key, "of no worth")

    async with fault_server(models={"*": [Refuses(404)]}) as server:
        server.script["qwen/qwen-2.5-coder-32b-instruct"] = [Says(sound)]
        settle(**dict.fromkeys(("anthropic", "deepseek", "openrouter"), server.openai_url))
        ran = await run_scenario(scenario)

    (turn,) = ran.result["turns"]
    walked = [(tried["asked"], tried["class"]) for tried in turn["fallbacks"]]
    assert set(walked) == {("opus", "not_found"), ("DeepSeek-V3", "not_found")}
    assert walked == sorted(walked, reverse=True)  # opus over every route, then DeepSeek-V3
    assert turn["asked"] == "opus"
    assert turn["served"].startswith("openrouter/")
    shown = screen(ran.result)
    assert shown.index("Fell back:") < shown.index("anthropic/") < shown.index("deepseek/")
    assert "a fallback model served expert" in shown


def a_project(folder: Path, agent: Path) -> Path:
    """Make a project with one agent's file, and a scenario that seats it alone."""
    for name in ("agents", "scenarios"):
        (folder / "project" / name).mkdir(parents=True)
    shutil.copy(agent, folder / "project" / "agents" / "ml-engineer.md")
    scenario = folder / "project" / "scenarios" / "seat.yaml"
    scenario.write_text(SCENARIO)
    return scenario


def settle(**servers: str) -> None:
    """Write settings that lead these providers to servers of the test."""
    told = [f'[providers.{name}]\nbase_url = "{url}"\n' for name, url in servers.items()]
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text("".join(told))


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
