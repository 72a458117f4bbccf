"""The table of providers, and what it costs to have it."""

import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.errors import Paused, UsageError
from ensemble.models.provider import Candidate, ModelCall
from ensemble.models.providers import close_providers, providers_for
from ensemble.models.registry import MODELS, SERVERS
from ensemble.testing import scripted
from ensemble.testing.model_server import model_server, says

CALL = ModelCall("panel[0]/x#0/model#0", (HumanMessage("?"),))
HEAVY = ("torch", "litellm", "ollama", "aiohttp", "langgraph", "xllamacpp", "langchain_core")


def a_candidate(provider: str) -> Candidate:
    return Candidate("x", provider, "m", available=True, reason="")


def in_a_new_process(code: str, *paths: Path) -> "subprocess.CompletedProcess[str]":
    told = "import sys; sys.path[:0] = " + repr([str(path) for path in paths])
    return subprocess.run(
        [sys.executable, "-c", f"{told}\n{code}"], capture_output=True, text=True, check=False
    )


def test_every_route_of_the_registry_has_a_provider(tmp_path: Path) -> None:
    table = providers_for(Settings(), manual_folder=tmp_path)

    named = {route.provider for model in MODELS.values() for route in model.routes}
    assert named | {"embedded", "manual", "scripted"} | set(SERVERS) <= set(table)


async def test_a_server_of_the_settings_is_asked_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "secret-of-mine")

    async with model_server(says("Sound.")) as server:
        own = OwnServer(base_url=server.base_url, api_key_env="MY_KEY")
        table = providers_for(Settings(providers={"mine": own}))
        reply = await table["mine"](a_candidate("mine"), CALL)
        await close_providers()

    assert (reply.text, reply.served) == ("Sound.", "mine/m")
    assert server.headers[0]["Authorization"] == "Bearer secret-of-mine"


async def test_a_script_given_is_asked_and_none_given_is_said() -> None:
    reply = await providers_for(Settings(), script=scripted("Yes."))["scripted"](
        a_candidate("scripted"), CALL
    )

    assert reply.text == "Yes."
    with pytest.raises(UsageError, match="nothing says what"):
        await providers_for(Settings())["scripted"](a_candidate("scripted"), CALL)


async def test_a_person_is_asked_in_the_runs_folder(tmp_path: Path) -> None:
    table = providers_for(Settings(), run="r-1", manual_folder=tmp_path, at_terminal=False)

    with pytest.raises(Paused, match="ensemble resume r-1"):
        await table["manual"](a_candidate("manual"), CALL)


async def test_what_a_person_is_asked_is_cleaned_before_it_is_written(tmp_path: Path) -> None:
    table = providers_for(
        Settings(), manual_folder=tmp_path, at_terminal=False, clean=lambda _: "cleaned"
    )

    with pytest.raises(Paused):
        await table["manual"](a_candidate("manual"), CALL)

    name = "panel.0.x.0.model.0.prompt.md"
    assert (tmp_path / name).read_text() == "cleaned"


def test_chain_selection_and_table_import_nothing_heavy() -> None:
    code = (
        "import ensemble.models.chain, ensemble.models.selection, ensemble.models.providers\n"
        "import ensemble.models.scripted, ensemble.models.manual\n"
        "from ensemble.config import Settings\n"
        "ensemble.models.providers.providers_for(Settings())\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = in_a_new_process(code)

    assert done.stdout.strip() == "[]", done.stderr


def test_all_but_litellm_works_where_litellm_does_not_import(tmp_path: Path) -> None:
    (tmp_path / "litellm.py").write_text("raise ImportError('broken on purpose')")
    code = """
import asyncio
from langchain_core.messages import HumanMessage
from ensemble.config import Provider, Settings
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask
from ensemble.models.provider import Candidate, ModelCall
from ensemble.models.providers import close_providers, providers_for
from ensemble.testing.model_server import model_server, says

async def main():
    async with model_server(says("Sound.")) as server:
        own = {"mine": Provider(base_url=server.base_url)}
        chain = [Candidate("x", name, "m", True, "") for name in ("litellm", "mine")]
        answered = await ask(chain, ModelCall("k", (HumanMessage("?"),)), recorder=Journal("r"),
            providers=providers_for(Settings(providers=own)))
        print(answered.reply.text, answered.attempts[0].error)
        await close_providers()

asyncio.run(main())
"""

    done = in_a_new_process(code, tmp_path)

    assert "Sound. litellm cannot be imported: ImportError: broken on purpose" in done.stdout, (
        done.stderr
    )
