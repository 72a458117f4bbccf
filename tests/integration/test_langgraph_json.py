"""`langgraph.json` in the hands of LangGraph's own server: its loader's way, and the server."""

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientConnectionError, ClientSession
from langchain_core.language_models import FakeListChatModel

from ensemble.testing.model_server import model_server, says

CHECKOUT: Final = Path(__file__).parents[2]
LANGGRAPH: Final = shutil.which(os.environ.get("LANGGRAPH_CLI", "langgraph"))
YES: Final = "**Result**: ship it\n**Confidence**: high\n**Position**: promote"
STARTS_WITHIN_S: Final = 60.0


async def test_langgraph_json_names_every_graph_and_each_makes_a_compiled_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from langgraph.graph.state import CompiledStateGraph

    monkeypatch.chdir(CHECKOUT)
    listed: dict[str, str] = json.loads((CHECKOUT / "langgraph.json").read_text())["graphs"]

    compiled = {name: await made(*where.split(":")) for name, where in listed.items()}

    assert set(listed) == {path.stem for path in (CHECKOUT / "graphs").glob("*.py")}
    assert all(isinstance(graph, CompiledStateGraph) for graph in compiled.values())
    assert {name: graph.name for name, graph in compiled.items()} == {n: n for n in listed}


async def test_a_graph_takes_its_cast_and_models_from_the_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(CHECKOUT)
    configurable = {"models": FakeListChatModel(responses=[YES]), "cast": {"expert": "skeptic"}}

    graph = await made("graphs/solo.py", "graph", {"configurable": configurable})
    state = await graph.ainvoke({"task": "Promote?"})

    assert state["decision"]["decision"]["position"] == "promote"
    assert [turn["agent"] for turn in state["turns"].values()] == ["skeptic"]


async def test_a_server_can_show_what_a_graph_takes_and_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(CHECKOUT)

    graph = await made("graphs/review.py", "graph")

    assert set(graph.get_input_jsonschema()["properties"]) == {"task", "evidence"}
    assert {"turns", "decision"} <= set(graph.get_output_jsonschema()["properties"])


@pytest.mark.slow
@pytest.mark.skipif(LANGGRAPH is None, reason="langgraph-cli[inmem] is not installed")
async def test_langgraph_dev_runs_a_graph_on_models_that_the_request_names(tmp_path: Path) -> None:
    async with model_server(says(YES)) as server:
        settings = tmp_path / "config.toml"
        stub = f'[providers.stub]\nbase_url = "{server.base_url}"\nform = "text"\n'
        settings.write_text(stub)
        with langgraph_dev(tmp_path, settings) as url:
            async with ClientSession() as session:
                await answering(session, url)
                run = {
                    "assistant_id": "review",
                    "input": {"task": "Promote?"},
                    "config": {
                        "configurable": {"models": "stub/m", "choices": ["promote", "wait"]}
                    },
                }
                found = await asked(session, f"{url}/assistants/search", {})
                state = await asked(session, f"{url}/runs/wait", run)

    assert {"solo", "panel", "review"} <= {item["graph_id"] for item in found}
    assert state["decision"]["decision"]["position"] == "promote"
    assert len(server.requests) == 5


async def made(path: str, name: str, config: Any = None) -> Any:
    """Load a graph's file as LangGraph's server does, and wait for what it makes."""
    spec = importlib.util.spec_from_file_location(f"graph_{Path(path).stem}", CHECKOUT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.pop(spec.name, None)
    spec.loader.exec_module(module)
    return await module.__dict__[name](config)


@contextmanager
def langgraph_dev(folder: Path, settings: Path) -> Generator[str]:
    """Run `langgraph dev` in a copy of what it needs; its own checks for blocking calls are on."""
    for name in ("agents", "graphs"):
        shutil.copytree(CHECKOUT / name, folder / name)
    shutil.copy(CHECKOUT / "langgraph.json", folder)
    (folder / "pyproject.toml").write_text('[project]\nname = "copy"\nversion = "0"\n')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    with (folder / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [str(LANGGRAPH), "dev", "--no-browser", "--no-reload", *address],
            cwd=folder,
            env={**os.environ, "ENSEMBLE_CONFIG": str(settings), "LANGSMITH_TRACING": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


async def answering(session: ClientSession, url: str) -> None:
    """Return once the server answers."""
    async with asyncio.timeout(STARTS_WITHIN_S):
        while True:
            with suppress(ClientConnectionError):
                async with session.get(f"{url}/ok"):
                    return
            await asyncio.sleep(0.1)


async def asked(session: ClientSession, url: str, body: Mapping[str, Any]) -> Any:
    async with session.post(url, json=body) as response:
        return await response.json()
